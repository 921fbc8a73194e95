"""The flags of `lm-zoo evaluate` that are for models that read a source."""

from absl import flags

from lm_zoo.cli.path_flags import define_path, define_paths
from lm_zoo.errors import UserError
from lm_zoo.generation.translation_options import TOO_LONG

SEARCH_FLAGS = ("num_beams", "length_penalty", "coverage_penalty", "max_new_tokens")
METRIC_FLAGS = ("metrics", "tokenize", "lowercase")
# What means nothing for a language model.
PAIR_FLAGS = (
    *("sources", "references", "translations", "max_pairs", "too_long"),
    *(*SEARCH_FLAGS, *METRIC_FLAGS),
)


def define_pair_flags(flag_values):
    """Adds the flags; the fields are those of `TranslationOptions` and `translation_scores`."""
    define_path(
        "sources",
        None,
        "For pairs: a text a line, measured instead of a split, with --references.",
        flag_values=flag_values,
    )
    define_paths(
        "references",
        [],
        "For pairs: the translation of each line of --sources; several files, by commas, are "
        "several references of each (perplexity is that of the first).",
        flag_values=flag_values,
    )
    define_path(
        "translations",
        None,
        "For pairs: translations that are there already, a line each, to be measured instead of "
        "the model's.",
        flag_values=flag_values,
    )
    flags.DEFINE_list(
        "metrics",
        ["bleu", "chrf", "ter"],
        "For pairs: what translations are measured by; nothing (--metrics=) is perplexity alone.",
        flag_values=flag_values,
    )
    flags.DEFINE_string(
        "tokenize",
        "13a",
        "For pairs: BLEU's tokenization, as sacrebleu calls it: 13a, intl, zh, char, none, ...",
        flag_values=flag_values,
    )
    flags.DEFINE_bool(
        "lowercase",
        False,
        "For pairs: whether BLEU and chrF ignore case.",
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        "max_pairs",
        0,
        "For pairs: how many are translated, the first ones; 0 is all.",
        lower_bound=0,
        flag_values=flag_values,
    )
    flags.DEFINE_integer("num_beams", 4, "For pairs: beams; 1 is greedy.", flag_values=flag_values)
    flags.DEFINE_float(
        "length_penalty",
        1.0,
        "For pairs: a log-probability is divided by the length to this power.",
        flag_values=flag_values,
    )
    flags.DEFINE_float(
        "coverage_penalty",
        0.0,
        "For pairs: above 0 favours translations that look at all of the source.",
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        "max_new_tokens",
        0,
        "For pairs: most tokens of a translation; 0 is twice the source's and 20 more.",
        flag_values=flag_values,
    )
    flags.DEFINE_enum(
        "too_long",
        None,
        TOO_LONG,
        "For pairs: what becomes of a source that is longer than the model can read; default: an "
        "error, unless the run truncates them in training.",
        flag_values=flag_values,
    )


def refuse_pair_flags(flag_values, model_name):
    """Raises a `UserError` if one of the flags is given for a language model."""
    for name in PAIR_FLAGS:
        if flag_values[name].present:
            raise UserError(
                f"--{name}: it is for models that read a source, and this run is of the language "
                f"model {model_name}; leave it out."
            )
