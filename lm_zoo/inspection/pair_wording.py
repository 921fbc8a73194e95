"""The headings, tables and notes of a report on sentence pairs; see `wording`."""

from lm_zoo.inspection.wording import (
    duplicate_notes,
    duplicate_tables,
    length_table,
    token_notes,
    token_rows,
    token_tables,
    unknown_table,
)

SIDES = ("source", "target")
HEADINGS = {"source": "Sources: ", "target": "Targets: "}


def summary_rows(report):
    """Returns `(what, how much)` of the split as a whole."""
    rows = [
        ("text", f"{report['corpus']}, {report['split']}"),
        ("pairs", f"{report['pairs']:,}"),
    ]
    for side in SIDES:
        rows += [(f"{side}s: {what}", value) for what, value in token_rows(report["sides"][side])]
    if epoch := report["epoch"]:
        rows.append(
            (
                "an epoch",
                f"{epoch['batches']:,} batches of {epoch['pairs']:,} pairs, "
                f"{epoch['target_padding']:.2%} of their targets' places padding",
            )
        )
        rows += [
            (f"too long and {what}", f"{epoch[what]:,} pairs")
            for what in ("dropped", "truncated")
            if epoch[what]
        ]
    return rows


def heading_of_pair(text):
    return f"Pair {text['number']:,}"


def heading_of_side(side, text):
    shown = len(text["shown"])
    part = "" if shown == text["tokens"] else f", the first {shown} shown"
    return f"{side} ({text['tokens']:,} tokens with the end{part})"


def heading_of_batch(batch):
    sides = "; ".join(
        f"{side}s {batch[side]['length']:,} wide, {batch[side]['tokens']:,} tokens, "
        f"{batch[side]['padding']:,} places of padding"
        for side in SIDES
    )
    filling = f", {batch['filling']:,} of them to fill up" if batch["filling"] else ""
    return f"Batch of step {batch['step']:,}: {batch['rows']:,} rows{filling}; {sides}"


def tables(report):
    """Returns `(title, headers, rows, alignment)` of each table that terminal and page share."""
    found = []
    for side in SIDES:
        values = report["sides"][side]
        of_side = [
            length_table(values["lengths"]),
            *token_tables(values["vocabulary"]),
            unknown_table(values["unknown"]),
        ]
        found += [(HEADINGS[side] + title, *rest) for title, *rest in of_side]
    found.append(_ratio_table(report["ratio"]))
    for duplicates in report["duplicates"].values():
        found += duplicate_tables(duplicates, report["split"])
    return found


def notes(report):
    """Returns what was not looked at, as sentences."""
    found = []
    for side in SIDES:
        found += [HEADINGS[side] + note for note in token_notes(report["sides"][side])]
    for duplicates in report["duplicates"].values():
        found += [note for note in duplicate_notes(duplicates) if note not in found]
    return found


def _ratio_table(ratio):
    names = ("least", "p5", "p25", "p50", "p75", "p95", "p99", "most", "mean")
    return (
        "Target tokens per token of the source, end tokens included",
        ("least", "5 %", "25 %", "median", "75 %", "95 %", "99 %", "most", "mean"),
        [tuple(f"{ratio[name]:,.2f}" for name in names)] if ratio else [],
        "r" * 9,
    )
