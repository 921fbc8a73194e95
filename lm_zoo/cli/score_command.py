"""Gives each text's log-probability and perplexity under a trained run.

    lm-zoo score --workdir=runs/quickstart_lstm < sentences.txt
    lm-zoo score --workdir=runs/quickstart_lstm --input=texts.jsonl --format=jsonl --field=text
    lm-zoo score --workdir=runs/quickstart_lstm --tokens --json < sentences.txt

Reads a text per line from --input or standard input; `--tokens` adds every token's surprisal.
"""

import json
import sys

from absl import flags

from lm_zoo.cli.flags import define_checkpoint_flag


def define_flags(flag_values):
    flags.DEFINE_string(
        "workdir", None, "Folder of the run.", required=True, flag_values=flag_values
    )
    define_checkpoint_flag(flag_values)
    flags.DEFINE_string(
        "input", "-", "UTF-8 file to read; - is standard input.", flag_values=flag_values
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
    flags.DEFINE_bool(
        "tokens", False, "Also give every token's surprisal in nats.", flag_values=flag_values
    )
    flags.DEFINE_bool("json", False, "Print one JSON object per text.", flag_values=flag_values)
    flags.DEFINE_integer(
        "batch_size", 16, "Texts scored at once.", lower_bound=1, flag_values=flag_values
    )


def run(flag_values, arguments):
    from lm_zoo.run import load

    texts = _read_texts(flag_values.input, flag_values.format, flag_values.field)
    loaded = load(flag_values.workdir, flag_values.checkpoint)
    if not flag_values.json:
        print(f"{'log-prob (nats)':>16} {'tokens':>7} {'perplexity':>11} {'bits/byte':>10}  text")
    for start in range(0, len(texts), flag_values.batch_size):
        part = texts[start : start + flag_values.batch_size]
        for text, score in zip(part, loaded.score(part, flag_values.batch_size)):
            print(
                _as_json(text, score, flag_values.tokens)
                if flag_values.json
                else _as_row(text, score)
            )
            if flag_values.tokens and not flag_values.json:
                for piece, surprisal in score.tokens:
                    print(f"{surprisal:>16.4f} {piece!r}")


def _read_texts(path, form, field):
    from lm_zoo.data.corpora.text_files import decode, read_text

    name = "standard input" if path == "-" else path
    if path == "-":
        text = decode("input", name, sys.stdin.buffer.read())
    else:
        text = read_text("input", path)
    lines = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
    if form == "lines":
        return lines if text else []
    return [_field_of(line, number, name, field) for number, line in enumerate(lines, 1)]


def _field_of(line, number, name, field):
    from lm_zoo.errors import UserError

    try:
        text = json.loads(line)[field]
    except json.JSONDecodeError as error:
        raise UserError(f"input: {name}, line {number}: not JSON ({error.msg}).") from None
    except (KeyError, TypeError):
        raise UserError(
            f"input: {name}, line {number}: expected an object with field {field!r}; name the "
            "right one by --field."
        ) from None
    if not isinstance(text, str):
        raise UserError(f"input: {name}, line {number}: field {field!r} is not a string.")
    return text


def _as_row(text, score):
    def figure(value, width, digits):
        return f"{'-':>{width}}" if value is None else f"{value:>{width}.{digits}f}"

    return (
        f"{figure(score.log_prob, 16, 4)} {score.num_tokens:>7} {figure(score.perplexity, 11, 3)} "
        f"{figure(score.bits_per_byte, 10, 4)}  {text}"
    )


def _as_json(text, score, with_tokens):
    values = {
        "text": text,
        "log_prob": score.log_prob,
        "num_tokens": score.num_tokens,
        "perplexity": score.perplexity,
        "bits_per_byte": score.bits_per_byte,
        "context": score.context,
    }
    if with_tokens:
        values["tokens"] = [{"text": t, "surprisal": s} for t, s in score.tokens]
    return json.dumps(values, ensure_ascii=False)
