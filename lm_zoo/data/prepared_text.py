"""What preparing a corpus gave: the text and its tokens, with counts, speed and memory."""

import contextlib
import dataclasses
import pathlib
import re
import resource
import sys

from lm_zoo.data.split_shares import split_notes
from lm_zoo.tables import render

COLUMNS = (
    *("documents", "characters", "words", "bytes", "bytes_lost"),
    *("tokens", "unknown", "bytes_per_token"),
)


@dataclasses.dataclass(eq=False, repr=False)
class PreparedText:
    """A cleaned and tokenized corpus; printed, it is the table of `lm-zoo prepare`.

    Attributes:
        corpus: The cleaned `Corpus`.
        preprocessors: Field name -> tokenizer.
        examples: The `Examples`: each field's token ids.
        seconds: That it took; 0 where all was there already.
    """

    corpus: object
    preprocessors: dict
    examples: object
    seconds: float

    def __repr__(self):
        return f"<{type(self).__name__} of {self.corpus.name}>"

    def __str__(self):
        return as_text(self.to_dict())

    def to_dict(self) -> dict:
        """Returns counts, places, speed and memory as JSON-ready values."""
        fields = {
            name: {
                "tokenizer": tokens.manifest["tokenizer"],
                "splits": {n: _split(entry) for n, entry in tokens.manifest["splits"].items()},
                "directory": str(tokens.directory),
            }
            for name, tokens in self.examples.fields.items()
        }
        counts = [counts for field in fields.values() for counts in field["splits"].values()]
        corpus = self.corpus
        values = {
            "corpus": {key: getattr(corpus, key) for key in ("name", "source", "licence")},
            "fields": fields,
            "notes": split_notes(corpus, self.examples),
            "seconds": round(self.seconds, 3),
            "megabytes": sum(count["bytes"] for count in counts) / 1e6,
            "peak_memory_bytes": _peak_memory(),
        }
        return values | ({"cleaning": corpus.report} if corpus.report else {})


def as_text(values):
    """Returns what `PreparedText.to_dict` gives as lines to print."""
    fields = values["fields"]
    several = len(fields) > 1
    names = ["split", "field"] if several else ["split"]
    rows = [
        [*(split, name)[: len(names)], *(_number(field["splits"][split][c]) for c in COLUMNS)]
        for split in next(iter(fields.values()))["splits"]
        for name, field in fields.items()
    ]
    lines = _about_text(values)
    for name, field in fields.items():
        tokenizer = field["tokenizer"]
        of, size = f" of {name}" if several else "", f"{tokenizer['vocab_size']:,}"
        lines.append(f"Tokenizer{of}: {tokenizer['name']}, vocabulary {size}")
    align = "l" * len(names) + "r" * len(COLUMNS)
    lines += [render([*names, *map(_heading, COLUMNS)], rows, align), *values["notes"]]
    for name, field in fields.items():
        lines.append(f"Lies in{f' ({name})' if several else ''}: {field['directory']}")
    return "\n".join([*lines, _about_effort(values)])


def _about_text(values):
    corpus = values["corpus"]
    lines = [f"Text: {corpus['name']} ({corpus['source']}; licence: {corpus['licence']})"]
    if "cleaning" in values:
        from lm_zoo.data.cleaning.cleaning_report import report_table

        lines += ["", report_table(values["cleaning"]), ""]
    return lines


def _heading(column):
    return column.replace("_per_", "/").replace("_", " ")


def _about_effort(values):
    peak = values["peak_memory_bytes"]
    seconds, memory = values["seconds"], f"peak memory {peak['this_process'] / 1e6:,.0f} MB"
    if peak["largest_worker"]:
        memory += f" and {peak['largest_worker'] / 1e6:,.0f} MB in each worker process at most"
    if not seconds:
        return "It was there already."
    return f"Took {seconds:,.1f} s, {values['megabytes'] / seconds:,.1f} MB/s; {memory}."


def _split(entry):
    documents, num_tokens = entry.get("documents"), entry["tokens"]
    values = {"documents": documents["count"] if documents else None}
    values |= {name: entry.get(name) for name in ("characters", "words", "bytes", "bytes_lost")}
    values |= {name: entry[name] for name in ("words_lost", "tokens", "unknown", "text_sha256")}
    return values | {"bytes_per_token": entry["bytes"] / num_tokens if num_tokens else None}


def _peak_memory():
    """Most resident memory of this process, and of the largest of its ended children, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    ours, largest = (
        resource.getrusage(who).ru_maxrss * unit
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    with contextlib.suppress(OSError):  # Linux counts what started this process into `ru_maxrss`
        status = pathlib.Path("/proc/self/status").read_text()
        ours = int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) * 1024
    return {"this_process": ours, "largest_worker": largest}


def _number(value):
    if value is None:
        return "-"
    return f"{value:,.3f}" if isinstance(value, float) else f"{value:,}"
