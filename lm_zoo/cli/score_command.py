"""Gives each text's log-probability and perplexity under a trained run.

    lm-zoo score --workdir=runs/quickstart_lstm < sentences.txt
    lm-zoo score --workdir=runs/quickstart_lstm --input=texts.jsonl --format=jsonl --field=text
    lm-zoo score --workdir=runs/quickstart_lstm --tokens --json < sentences.txt

    lm-zoo score --workdir=runs/de_en --sources=news.de --input=news.en
    lm-zoo score --workdir=runs/de_en --input=pairs.tsv

Reads a text per line from --input or standard input; `--tokens` adds every token's surprisal. A
model that reads a source scores each text, its end included, as a translation of its source: the
same line of --sources, or what stands before a tab in the line.
"""

import json

from absl import flags

from lm_zoo.cli.flags import define_checkpoint_flag, define_special_tokens_flag
from lm_zoo.cli.path_flags import define_path
from lm_zoo.cli.register_flag import define_register_flag


def define_flags(flag_values):
    define_path("workdir", None, "Folder of the run.", required=True, flag_values=flag_values)
    define_register_flag(flag_values)
    define_checkpoint_flag(flag_values)
    define_special_tokens_flag(flag_values)
    define_path("input", "-", "UTF-8 file to read; - is standard input.", flag_values=flag_values)
    define_path(
        "sources",
        None,
        "For models that read a source: a file with the source of each line of --input; default: "
        "source, tab and text in each line, or a field of each object.",
        flag_values=flag_values,
    )
    flags.DEFINE_enum(
        "format",
        "lines",
        ["lines", "jsonl"],
        "One text or one JSON object a line.",
        flag_values=flag_values,
    )
    flags.DEFINE_string(
        "field", "text", "For jsonl: the field that holds the text.", flag_values=flag_values
    )
    flags.DEFINE_string(
        "source_field",
        "source",
        "For jsonl and models that read a source: the field that holds it.",
        flag_values=flag_values,
    )
    flags.DEFINE_bool(
        "tokens", False, "Also give every token's surprisal in nats.", flag_values=flag_values
    )
    flags.DEFINE_bool("json", False, "Print one JSON object per text.", flag_values=flag_values)
    flags.DEFINE_integer(
        "batch_size", 16, "Texts scored at once.", lower_bound=1, flag_values=flag_values
    )


def run(flag_values, arguments):
    from lm_zoo.figures import written
    from lm_zoo.run import load
    from lm_zoo.run_folder import RunFolder

    config = RunFolder(flag_values.workdir).require().config()
    if config.task.name == "translation":
        sources, texts = _read_pairs(flag_values)
        loaded = load(flag_values.workdir, flag_values.checkpoint)
        mode = flag_values.special_tokens
        scores = loaded.score(texts, sources, flag_values.batch_size, mode) if texts else []
        parts = [(texts, sources, scores)]
    else:
        _refuse_sources(flag_values, config.model.name)
        texts = _read_texts(flag_values)
        loaded = load(flag_values.workdir, flag_values.checkpoint)
        parts = _scored_parts(loaded, texts, flag_values.batch_size, flag_values.special_tokens)
    if not flag_values.json:
        print(f"{'log-prob (nats)':>16} {'tokens':>7} {'perplexity':>11} {'bits/byte':>10}  text")
    for part in parts:
        for text, source, score in zip(*part, strict=True):
            if flag_values.json:
                print(_as_json(text, source, score, flag_values.tokens))
                continue
            print(_as_row(text if source is None else f"{source}\t{text}", score))
            for piece, surprisal in score.tokens if flag_values.tokens else ():
                print(f"{written(surprisal):>16} {piece!r}")


def _scored_parts(loaded, texts, batch_size, special_tokens):
    """Yields texts with their scores, as soon as some are scored."""
    for start in range(0, len(texts), batch_size):
        part = texts[start : start + batch_size]
        scores = loaded.score(part, batch_size, special_tokens=special_tokens)
        yield part, [None] * len(part), scores


def _read_texts(flag_values):
    from lm_zoo.cli.lines import read_lines

    lines = read_lines("input", flag_values.input)
    return lines if flag_values.format == "lines" else _fields(lines, flag_values, "field")


def _read_pairs(flag_values):
    """Returns `(sources, texts)`."""
    from lm_zoo.cli.lines import check_as_many, read_lines

    lines, path = read_lines("input", flag_values.input), flag_values.sources
    is_jsonl = flag_values.format == "jsonl"
    if path is None and not is_jsonl:
        return _halves(lines, _name(flag_values))
    texts = _fields(lines, flag_values, "field") if is_jsonl else lines
    if path is None:
        return _fields(lines, flag_values, "source_field"), texts
    sources = read_lines("--sources", path)
    check_as_many(("--input", _name(flag_values), texts), ("--sources", path, sources))
    return sources, texts


def _halves(lines, name):
    """Returns what stands before the tab in each line, and what stands after it."""
    from lm_zoo.errors import UserError

    pairs = [line.split("\t") for line in lines]
    for number, pair in enumerate(pairs, 1):
        if len(pair) != 2:
            raise UserError(
                f"input: {name}, line {number}: expected a source, a tab and a text, for the run's "
                f"model reads a source; received {len(pair) - 1} tabs. --sources=FILE gives the "
                "sources apart."
            )
    return [source for source, _ in pairs], [text for _, text in pairs]


def _fields(lines, flag_values, flag):
    """Returns the field of each line's object that a flag names; blank lines have none."""
    name, field = _name(flag_values), getattr(flag_values, flag)
    numbered = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
    return [_field_of(line, number, name, flag, field) for number, line in numbered]


def _refuse_sources(flag_values, model_name):
    from lm_zoo.errors import UserError

    for name in ("sources", "source_field"):
        if flag_values[name].present:
            raise UserError(
                f"--{name}: it is for models that read a source, and this run is of the language "
                f"model {model_name}; leave it out."
            )


def _name(flag_values):
    return "standard input" if flag_values.input == "-" else flag_values.input


def _field_of(line, number, name, flag, field):
    from lm_zoo.errors import UserError
    from lm_zoo.json_files import NotJson, parse_json

    try:
        values = parse_json(line, finite=False)
    except NotJson as error:
        raise UserError(f"input: {name}, line {number}: {error}.") from None
    if not isinstance(values, dict) or field not in values:
        raise UserError(
            f"input: {name}, line {number}: expected an object with field {field!r}; name the "
            f"right one by --{flag}."
        )
    if not isinstance(values[field], str):
        raise UserError(f"input: {name}, line {number}: field {field!r} is not a string.")
    return values[field]


def _as_row(text, score):
    from lm_zoo.figures import written, written_or_bound

    per_byte = written_or_bound(score.bits_per_byte, score.bits_per_byte_lower_bound)
    return (
        f"{written(score.log_prob):>16} {score.num_tokens:>7} {written(score.perplexity, 3):>11} "
        f"{per_byte:>10}  {text}"
    )


def _as_json(text, source, score, with_tokens):
    values = {"text": text} if source is None else {"source": source, "text": text}
    values |= {
        "log_prob": score.log_prob,
        "num_tokens": score.num_tokens,
        "perplexity": score.perplexity,
        "bits_per_byte": score.bits_per_byte,
        "bits_per_byte_lower_bound": score.bits_per_byte_lower_bound,
        "num_unknown": score.num_unknown,
        "bytes_lost": score.bytes_lost,
        "context": score.context,
    }
    if with_tokens:
        values["tokens"] = [{"text": t, "surprisal": s} for t, s in score.tokens]
    return json.dumps(values, ensure_ascii=False)
