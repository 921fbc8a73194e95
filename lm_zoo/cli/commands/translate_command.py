"""Translates text by a trained run of a model that reads a source, a line at a time.

    lm-zoo translate --workdir=runs/de_en < news.de > news.en
    lm-zoo translate --workdir=runs/de_en --input=news.de --output=news.en --num_beams=5
    lm-zoo translate --workdir=runs/de_en --input=news.de --num_return_sequences=3 --format=jsonl
    lm-zoo translate --workdir=runs/de_en

Without --input it reads standard input; on a terminal it asks for a line and answers it, until
Ctrl-D. Lines come out in the order in which they went in, each as soon as it is done; a file named
by --output is there when all of them are. The last figures go to standard error.
"""

import contextlib
import dataclasses
import json
import sys
import time

from lm_zoo.checked_fields import field
from lm_zoo.cli import prediction_flags
from lm_zoo.cli.distribution_flags import DeviceFlags
from lm_zoo.cli.flags import RunFlags
from lm_zoo.errors import UserError
from lm_zoo.files import writing_atomically


@dataclasses.dataclass
class TranslateFlags:
    input: tuple[str, ...] = field(
        (),
        repeated=True,
        is_path=True,
        help="UTF-8 file to translate; may be given several times; - is standard input.",
    )
    output: str | None = field(None, is_path=True, help="File to write; default: standard output.")
    format: str = field(
        "text",
        choices=("text", "tsv", "jsonl"),
        help="text: a translation a line; tsv: line, rank, score, log-probability in nats, "
        "translation; jsonl: an object for each translation.",
    )


FLAGS = (RunFlags, TranslateFlags, DeviceFlags)
MEANT = "input"


def define_task_flags(flag_values, arguments):
    prediction_flags.define_prediction_flags(
        prediction_flags.predictions_named("translate", arguments), flag_values, texts=False
    )


def run(flag_values, arguments):
    from lm_zoo.cli.lines import InputLines

    prediction_flags.require_one_process("translate")
    is_asked = not flag_values.input and flag_values.output is None and sys.stdin.isatty()
    options = _options(flag_values, is_asked)
    lines = InputLines([] if is_asked else flag_values.input or ["-"])
    with _output(flag_values.output) as write:
        loaded = prediction_flags.load_on_devices(flag_values)
        if is_asked:
            _answer(loaded, options)
        else:
            figures = _translate(loaded, lines, options, flag_values.format, write)
    if not is_asked:
        print(f"lm-zoo translate: {figures}", file=sys.stderr)


def _options(flag_values, is_asked):
    """Returns the options of the search, checked before the model is loaded."""
    prediction = prediction_flags.prediction_of_run("translate", flag_values)
    options = prediction.options(
        **prediction_flags.settings_of_flags(prediction, flag_values)
    ).validate()
    if options.num_return_sequences > 1 and flag_values.format == "text" and not is_asked:
        raise UserError(
            "--format: expected tsv or jsonl with --num_return_sequences above 1, received 'text', "
            "which is a translation for each line."
        )
    return options


def _translate(loaded, lines, options, form, write):
    """Translates all lines; returns the figures, as text."""
    from lm_zoo.generation import translate_stream
    from lm_zoo.progress import Bar

    done = num_truncated = num_cut_off = 0
    started = time.monotonic()
    results = translate_stream(
        loaded.model,
        loaded.source_tokenizer,
        loaded.tokenizer,
        lines,
        options,
        loaded.distribution.devices,
        lines.name_of,
    )
    with Bar(total=lines.total) as bar:
        for done, translations in enumerate(results, 1):
            for translation in translations:
                write(_formatted(done, translation, form))
            num_truncated += translations[0].truncated
            num_cut_off += translations[0].finished_by == "length"
            bar.update(done, f"{done / (time.monotonic() - started):,.1f} lines/s")
    seconds = time.monotonic() - started
    figures = [f"{done:,} line{'s' * (done != 1)} in {seconds:.1f} s"]
    if num_truncated:
        limit = loaded.model.source_length
        figures.append(f"{num_truncated:,} too long, of which {limit} tokens were read")
    if num_cut_off:
        figures.append(f"{num_cut_off:,} cut off at the greatest length of a translation")
    return "; ".join(figures) + "."


def _answer(loaded, options):
    """Asks for lines on the terminal and answers each, until there are no more."""
    from lm_zoo.generation import translate

    with contextlib.suppress(ImportError):
        import readline  # noqa: F401  (lets `input` edit and remember lines)

    while True:
        try:
            line = input("> ")
        except EOFError:
            print()
            return
        except UnicodeDecodeError as error:
            print(f"lm-zoo translate: error: expected {error.encoding} text.", file=sys.stderr)
            continue
        try:
            (found,) = translate(
                loaded.model, loaded.source_tokenizer, loaded.tokenizer, [line], options
            )
        except UserError as error:
            print(f"lm-zoo translate: error: {error}", file=sys.stderr)
            continue
        for translation in found:
            score = f"{translation.score:8.4f}  " if options.num_return_sequences > 1 else ""
            print(score + _one_line(translation.text))


@contextlib.contextmanager
def _output(path):
    """Yields a function that writes text where it is to go."""
    if path is None:
        yield lambda text: print(text, end="", flush=True)
        return
    made = 0

    def write_to_file(text):
        nonlocal made
        write(text.encode("utf-8"))
        made += 1

    try:
        with writing_atomically(path) as write:
            yield write_to_file
    except UserError as error:
        if not made:
            raise
        raise UserError(f"{error} {made:,} translations were made, and none is kept.") from error


def _formatted(line, translation, form):
    if form == "text":
        return _one_line(translation.text) + "\n"
    if form == "tsv":
        figures = f"{translation.score:.6f}\t{translation.log_prob:.6f}"
        text = _one_line(translation.text).replace("\t", " ")
        return f"{line}\t{translation.rank}\t{figures}\t{text}\n"
    values = {
        "line": line,
        "rank": translation.rank,
        "source": translation.source,
        "text": translation.text,
        "score": translation.score,
        "log_prob": translation.log_prob,
        "num_tokens": len(translation.token_ids),
        "finished_by": translation.finished_by,
        "truncated": translation.truncated,
    }
    return json.dumps(values, ensure_ascii=False) + "\n"


def _one_line(text):
    """The text without line breaks, so that lines stay beside those of the source."""
    return text.replace("\r\n", " ").replace("\n", " ").replace("\r", " ")
