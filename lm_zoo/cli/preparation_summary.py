"""What `lm-zoo prepare` says at its end: counts, where it lies, speed and memory."""

import contextlib
import pathlib
import re
import resource
import sys


def summary(tokens, seconds):
    """Returns what was prepared, JSON-ready.

    Args:
        tokens: The `TokenDataset`.
        seconds: That it took from the start of the command; 0 where all was there already.
    """
    manifest = tokens.manifest
    splits = {name: _split(entry) for name, entry in manifest["splits"].items()}
    values = {
        "corpus": manifest["corpus"],
        "tokenizer": manifest["tokenizer"],
        "splits": splits,
        "directory": str(tokens.directory),
        "seconds": round(seconds, 3),
        "megabytes": sum(split["bytes"] for split in splits.values()) / 1e6,
        "peak_memory_bytes": _peak_memory(),
    }
    return values | ({"cleaning": manifest["cleaning"]} if "cleaning" in manifest else {})


def as_text(values):
    """Returns a summary as lines to print."""
    corpus, tokenizer = values["corpus"], values["tokenizer"]
    lines = [f"Text: {corpus['name']} ({corpus['source']}; licence: {corpus['licence']})"]
    if "cleaning" in values:
        from lm_zoo.data.cleaning_report import report_table

        lines += ["", report_table(values["cleaning"]), ""]
    lines.append(f"Tokenizer: {tokenizer['name']}, vocabulary {tokenizer['vocab_size']:,}")
    columns = ("documents", "characters", "words", "bytes", "tokens", "unknown", "bytes_per_token")
    header = ["split", *(column.replace("_", "/").replace("/per/", "/") for column in columns)]
    rows = [
        [name, *(_number(entry[column]) for column in columns)]
        for name, entry in values["splits"].items()
    ]
    widths = [max(map(len, column)) for column in zip(header, *rows)]
    for row in [header, *rows]:
        first, *rest = (cell.rjust(width) for cell, width in zip(row, widths))
        lines.append("  ".join([row[0].ljust(widths[0]), *rest]))
    lines.append(f"Lies in: {values['directory']}")
    peak = values["peak_memory_bytes"]
    seconds, memory = values["seconds"], f"peak memory {peak['this_process'] / 1e6:,.0f} MB"
    if peak["largest_worker"]:
        memory += f" and {peak['largest_worker'] / 1e6:,.0f} MB in each worker process at most"
    if seconds:
        lines.append(f"Took {seconds:,.1f} s, {values['megabytes'] / seconds:,.1f} MB/s; {memory}.")
    else:
        lines.append("It was there already.")
    return "\n".join(lines)


def _split(entry):
    documents, num_tokens = entry.get("documents"), entry["tokens"]
    return {
        "documents": documents["count"] if documents else None,
        "characters": entry.get("characters"),
        "words": entry["words"],
        "bytes": entry["bytes"],
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
