"""What `lm-zoo prepare` says at its end: counts, where it lies, speed and memory."""

import contextlib
import pathlib
import re
import resource
import sys

from lm_zoo.data.split_shares import split_notes

COLUMNS = (
    *("documents", "characters", "words", "bytes", "bytes_lost"),
    *("tokens", "unknown", "bytes_per_token"),
)


def summary(corpus, tokens, seconds):
    """Returns what was prepared, JSON-ready.

    Args:
        corpus: The cleaned `Corpus`.
        tokens: The `TokenDataset`.
        seconds: That it took from the start of the command; 0 where all was there already.
    """
    manifest = tokens.manifest
    splits = {name: _split(entry) for name, entry in manifest["splits"].items()}
    values = {
        "corpus": manifest["corpus"],
        "tokenizer": manifest["tokenizer"],
        "splits": splits,
        "notes": split_notes(corpus, manifest["splits"]),
        "directory": str(tokens.directory),
        **_effort(seconds, splits.values()),
    }
    return values | ({"cleaning": manifest["cleaning"]} if "cleaning" in manifest else {})


def pair_summary(corpus, tokens, seconds):
    """Returns what was prepared of sentence pairs, JSON-ready.

    Args:
        corpus: The cleaned `PairCorpus`.
        tokens: The `PairTokens`.
        seconds: As for `summary`.
    """
    sides = {"source": tokens.sources, "target": tokens.targets}
    splits = {
        name: {
            "pairs": tokens.num_pairs(name),
            **{
                side: _split(side_tokens.manifest["splits"][name])
                for side, side_tokens in sides.items()
            },
        }
        for name in tokens.targets.manifest["splits"]
    }
    both = [split[side] for split in splits.values() for side in sides]
    values = {
        "corpus": {key: getattr(corpus, key) for key in ("name", "source", "licence")},
        "tokenizers": {side: found.manifest["tokenizer"] for side, found in sides.items()},
        "splits": splits,
        "notes": split_notes(corpus, tokens.targets.manifest["splits"]),
        "directories": {side: str(found.directory) for side, found in sides.items()},
        **_effort(seconds, both),
    }
    return values | ({"cleaning": corpus.report} if corpus.report else {})


def as_text(values):
    """Returns a summary as lines to print."""
    tokenizer = values["tokenizer"]
    rows = [
        [name, *(_number(entry[column]) for column in COLUMNS)]
        for name, entry in values["splits"].items()
    ]
    return "\n".join(
        [
            *_about_text(values),
            f"Tokenizer: {tokenizer['name']}, vocabulary {tokenizer['vocab_size']:,}",
            *_table(["split", *map(_heading, COLUMNS)], rows, 1),
            *values["notes"],
            f"Lies in: {values['directory']}",
            _about_effort(values),
        ]
    )


def pair_text(values):
    """Returns a summary of sentence pairs as lines to print."""
    columns = COLUMNS[1:]
    rows = [
        [name, side, _number(split["pairs"]), *(_number(split[side][c]) for c in columns)]
        for name, split in values["splits"].items()
        for side in ("source", "target")
    ]
    return "\n".join(
        [
            *_about_text(values),
            *(
                f"Tokenizer of {side}s: {found['name']}, vocabulary {found['vocab_size']:,}"
                for side, found in values["tokenizers"].items()
            ),
            *_table(["split", "side", "pairs", *map(_heading, columns)], rows, 2),
            *values["notes"],
            *(f"{side.capitalize()}s lie in: {d}" for side, d in values["directories"].items()),
            _about_effort(values),
        ]
    )


def _about_text(values):
    corpus = values["corpus"]
    lines = [f"Text: {corpus['name']} ({corpus['source']}; licence: {corpus['licence']})"]
    if "cleaning" in values:
        from lm_zoo.data.cleaning_report import report_table

        lines += ["", report_table(values["cleaning"]), ""]
    return lines


def _table(header, rows, names):
    """Returns the lines of a table whose first `names` columns are names, and the others counts."""
    widths = [max(map(len, column)) for column in zip(header, *rows)]
    return [
        "  ".join(
            cell.ljust(width) if place < names else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths))
        )
        for row in [header, *rows]
    ]


def _heading(column):
    return column.replace("_per_", "/").replace("_", " ")


def _effort(seconds, counts):
    return {
        "seconds": round(seconds, 3),
        "megabytes": sum(count["bytes"] for count in counts) / 1e6,
        "peak_memory_bytes": _peak_memory(),
    }


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
    return {
        "documents": documents["count"] if documents else None,
        "characters": entry.get("characters"),
        "words": entry["words"],
        "bytes": entry["bytes"],
        "bytes_lost": entry["bytes_lost"],
        "words_lost": entry["words_lost"],
        "tokens": num_tokens,
        "unknown": entry["unknown"],
        "bytes_per_token": entry["bytes"] / num_tokens if num_tokens else None,
        "text_sha256": entry["text_sha256"],
    }


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
