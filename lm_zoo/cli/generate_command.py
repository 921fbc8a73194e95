"""Continues prompts with a trained run, streaming the text as it appears.

    lm-zoo generate --workdir=runs/quickstart_lstm --prompt="The class" --temperature=0.7
    lm-zoo generate --workdir=runs/quickstart_transformer --prompt="The" --num_beams=4
    lm-zoo generate --workdir=runs/quickstart_lstm --num_return_sequences=3 --top_p=0.9 --json
    lm-zoo generate --workdir=runs/quickstart_lstm --num_return_sequences=64 --strategy=mirrored

One continuation is written as it is made; of several, each when all are done.
"""

import json
import sys

from absl import flags

from lm_zoo.cli.distribution_flags import define_device_flags
from lm_zoo.cli.flags import define_checkpoint_flag, define_special_tokens_flag
from lm_zoo.cli.path_flags import define_path
from lm_zoo.cli.register_flag import define_register_flag


def define_flags(flag_values):
    define_path("workdir", None, "Folder of the run.", required=True, flag_values=flag_values)
    define_register_flag(flag_values)
    define_checkpoint_flag(flag_values)
    define_special_tokens_flag(flag_values)
    flags.DEFINE_multi_string(
        "prompt", [""], "Text to continue; may be given several times.", flag_values=flag_values
    )
    flags.DEFINE_integer("max_new_tokens", 200, "Most tokens to generate.", flag_values=flag_values)
    flags.DEFINE_float(
        "temperature",
        1.0,
        "Divides the logits; 0 takes the likeliest token.",
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        "top_k", 0, "Sample among the k likeliest tokens; 0 is off.", flag_values=flag_values
    )
    flags.DEFINE_float(
        "top_p",
        1.0,
        "Sample among the likeliest tokens of this total probability.",
        flag_values=flag_values,
    )
    flags.DEFINE_float(
        "repetition_penalty",
        1.0,
        "Above 1: makes tokens seen before less likely.",
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        "num_beams", 1, "Above 1: beam search, without sampling.", flag_values=flag_values
    )
    flags.DEFINE_float(
        "length_penalty",
        1.0,
        "Beam search divides by length to this power.",
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        "num_return_sequences", 1, "Continuations of each prompt.", flag_values=flag_values
    )
    flags.DEFINE_integer("seed", 0, "Same seed, same text.", flag_values=flag_values)
    flags.DEFINE_multi_string(
        "stop", [], "Text that ends a continuation; may be repeated.", flag_values=flag_values
    )
    flags.DEFINE_bool(
        "ignore_eos", False, "Go on after an end-of-text token.", flag_values=flag_values
    )
    define_device_flags(flag_values)
    flags.DEFINE_bool(
        "json", False, "Print one JSON object per continuation.", flag_values=flag_values
    )


def run(flag_values, arguments):
    from lm_zoo.cli.distribution_flags import distribution_of_flags
    from lm_zoo.distribution.cluster import find_cluster
    from lm_zoo.errors import UserError
    from lm_zoo.generation import GenerationOptions
    from lm_zoo.run import load

    if arguments:
        raise UserError(f"generate: unexpected argument {arguments[0]!r}; give it as --prompt=...")
    names = (
        "max_new_tokens temperature top_k top_p repetition_penalty num_beams length_penalty "
        "num_return_sequences seed ignore_eos special_tokens"
    ).split()
    options = {name: getattr(flag_values, name) for name in names} | {
        "stop": tuple(flag_values.stop)
    }
    if options["num_beams"] > 1 and not flag_values["temperature"].present:
        options["temperature"] = 0.0  # beam search has no use for the sampling default
    GenerationOptions(**options).validate()  # before the model is loaded
    if find_cluster():
        raise UserError(
            "generate: expected one process, received a cluster of several; start it without "
            "`lm-zoo launch` and TF_CONFIG. It uses several devices of one machine "
            "(--strategy=mirrored)."
        )
    distribution = distribution_of_flags(flag_values, ())
    loaded = load(flag_values.workdir, flag_values.checkpoint, distribution)
    streams = (
        len(flag_values.prompt) * flag_values.num_return_sequences == 1 and not flag_values.json
    )
    opening = iter(flag_values.prompt)  # written when it is certain that text follows
    results = loaded.generate(
        flag_values.prompt,
        on_text=(lambda row, piece: _write(next(opening, "") + piece)) if streams else None,
        **options,
    )
    if streams:
        _write(next(opening, "") + "\n")
        return
    for number, result in enumerate(results, 1):
        if flag_values.json:
            print(json.dumps(_as_dict(result), ensure_ascii=False))
        else:
            print(f"--- {number} of {len(results)} (log-probability {result.log_prob:.2f} nats)")
            print(result.prompt + result.text)


def _as_dict(result):
    return {
        "prompt": result.prompt,
        "text": result.text,
        "log_prob": float(result.log_prob),
        "num_tokens": len(result.token_ids),
        "finished_by": result.finished_by,
    }


def _write(text):
    sys.stdout.write(text)
    sys.stdout.flush()
