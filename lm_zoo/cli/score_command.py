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

import dataclasses
import json

from lm_zoo.checked_fields import field
from lm_zoo.cli import prediction_flags
from lm_zoo.cli.flags import RunFlags
from lm_zoo.cli.loading import check_checkpoint, load_tensorflow
from lm_zoo.errors import UserError
from lm_zoo.figures import perplexity, written, written_or_bound


@dataclasses.dataclass
class ScoreFlags:
    input: str = field("-", is_path=True, help="UTF-8 file to read; - is standard input.")
    sources: str | None = field(
        None,
        is_path=True,
        help="For models that read a source: a file with the source of each line of --input; "
        "default: source, tab and text in each line, or a field of each object.",
    )
    format: str = field(
        "lines", choices=("lines", "jsonl"), help="One text or one JSON object a line."
    )
    source_field: str = field(
        "source", help="For jsonl and models that read a source: the field that holds it."
    )
    tokens: bool = field(False, help="Also give every token's surprisal in nats.")
    json: bool = field(False, help="Print one JSON object per text.")
    # The last one: it takes the name from the function.
    field: str = field("text", help="For jsonl: the field that holds the text.")


FLAGS = (RunFlags, ScoreFlags)


def define_task_flags(flag_values, arguments):
    prediction_flags.define_prediction_flags(
        prediction_flags.predictions_named("score", arguments), flag_values, texts=False
    )


def run(flag_values, arguments):
    prediction = prediction_flags.prediction_of_run("score", flag_values)
    options = prediction_flags.settings_of_flags(prediction, flag_values)
    *before, texts = _read(prediction, flag_values)
    prediction.checked([*before, texts], options)  # before the model is loaded
    check_checkpoint(flag_values)
    load_tensorflow()
    from lm_zoo.run import load

    loaded = load(flag_values.workdir, flag_values.checkpoint)
    # Of pairs, one that is too long for the model is refused before any is scored.
    at_once = max(len(texts), 1) if before else options["batch_size"]
    total = _Total()
    if not flag_values.json:
        print(f"{'log-prob (nats)':>16} {'tokens':>7} {'perplexity':>11} {'bits/byte':>10}  text")
    for begin in range(0, len(texts), at_once):
        part = [column[begin : begin + at_once] for column in (texts, *before)]
        for row, score in zip(zip(*part), loaded.score(*part, **options), strict=True):
            text, *source = row
            if flag_values.json:
                print(_as_json(text, source, score, flag_values.tokens))
                continue
            print(_as_row("\t".join([*source, text]), score))
            total.add(score)
            for piece, surprisal in score.tokens if flag_values.tokens else ():
                print(f"{written(surprisal):>16} {piece!r}")
    if total.num_texts > 1:
        print(_as_row(f"(all {total.num_texts:,} texts)", total))


class _Total:
    """What several `Score`s come to; its attributes are those of a `Score` that are shown."""

    def __init__(self):
        self.num_texts = self.log_prob = self.num_tokens = 0
        self._bits = self._num_bytes = 0
        self._is_bound = False

    def add(self, score):
        bound = score.bits_per_byte_lower_bound
        self._is_bound |= bound is not None
        self._bits += (score.bits_per_byte or bound or 0) * score.num_bytes
        self._num_bytes += score.num_bytes
        self.num_texts += 1
        self.log_prob += score.log_prob
        self.num_tokens += score.num_tokens

    @property
    def perplexity(self):
        return perplexity(-self.log_prob / self.num_tokens) if self.num_tokens else None

    @property
    def bits_per_byte(self):
        return None if self._is_bound else self._per_byte

    @property
    def bits_per_byte_lower_bound(self):
        return self._per_byte if self._is_bound else None

    @property
    def _per_byte(self):
        return self._bits / self._num_bytes if self._num_bytes else None


def _read(prediction, flag_values):
    """Returns the texts of each text input: of texts alone, or of sources and of texts."""
    from lm_zoo.cli.lines import check_as_many, read_lines
    from lm_zoo.cli.text_inputs import columns_of_file

    *before, text = [each.name for each in prediction.texts]
    if not before:
        _refuse_sources(flag_values, text)
    is_jsonl, path, sources = flag_values.format == "jsonl", flag_values.input, flag_values.sources
    keys = dict.fromkeys(before, flag_values.source_field) | {text: flag_values.field}
    hints = {text: " Name the right one by --field."}
    hints |= dict.fromkeys(before, " Name the right one by --source_field.")
    if not is_jsonl:
        hints = dict.fromkeys(before, " --sources=FILE gives the sources apart.")
    if sources is not None:
        del keys[before[0]]
    form = "jsonl" if is_jsonl else "lines" if len(keys) == 1 else "tsv"
    columns = list(columns_of_file(path, form, keys, hints).values())
    if sources is not None:
        columns = [read_lines("--sources", sources), *columns]
        name = "standard input" if path == "-" else path
        check_as_many(("--input", name, columns[1]), ("--sources", sources, columns[0]))
    return columns


def _refuse_sources(flag_values, text):
    for name in ("sources", "source_field"):
        if flag_values[name].present:
            raise UserError(
                f"--{name}: it is for predictions that read a source, and this run's 'score' reads "
                f"a {text} alone; leave it out."
            )


def _as_row(text, score):
    per_byte = written_or_bound(score.bits_per_byte, score.bits_per_byte_lower_bound)
    return (
        f"{written(score.log_prob):>16} {score.num_tokens:>7} {written(score.perplexity, 3):>11} "
        f"{per_byte:>10}  {text}"
    )


def _as_json(text, source, score, with_tokens):
    values = ({"source": source[0]} if source else {}) | {
        "text": text,
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
