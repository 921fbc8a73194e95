"""The report's headings, tables and notes, for the terminal and the page alike."""

SHOWN_TOKENS = 12  # rows of the table of frequent tokens


def heading_of_text(text):
    shown = len(text["shown"])
    part = "" if shown == text["tokens"] else f", the first {shown} shown"
    if text["kind"] == "excerpt":
        return f"Excerpt from token {text['start']:,} on ({text['tokens']:,} tokens{part})"
    return (
        f"Document {text['number']:,}, after the end token at {text['start']:,} "
        f"({text['tokens']:,} tokens with both ends{part})"
    )


def heading_of_batch(batch):
    marks = f", {batch['documents']:,} documents or pieces kept apart" if batch["marked"] else ""
    return (
        f"Batch of step {batch['step']:,}: {batch['rows']:,} rows of {batch['length']:,}, "
        f"{batch['targets']:,} targets, {batch['padding']:,} places of padding{marks}; carried "
        f"state {'starts anew' if batch['reset'] else 'goes on'}"
    )


def describe_segments(row, batch):
    """Returns where a row's documents lie, in words."""
    if not batch["marked"]:
        return "one segment, read through"
    listed = [f"{first}-{last}" for first, last in row["segments"][:12]]
    more = ", ..." if len(row["segments"]) > 12 else ""
    return f"segments at places {', '.join(listed)}{more}; none sees another"


def tables(report):
    """Returns `(title, headers, rows, alignment)` of each table that terminal and page share."""
    return [
        *token_tables(report["vocabulary"]),
        length_table(report["lengths"]),
        *duplicate_tables(report["duplicates"], report["split"]),
        unknown_table(report["unknown"]),
    ]


def token_tables(vocabulary):
    frequent = [
        (t["text"], str(t["id"]), f"{t['count']:,}", f"{t['share']:.2%}")
        for t in vocabulary["frequent"][:SHOWN_TOKENS]
    ]
    cover = [(f"{c['share']:.0%}", f"{c['tokens']:,}") for c in vocabulary["covering"]]
    return [
        ("Most frequent tokens", ("text", "id", "count", "share"), frequent, "lrrr"),
        ("Tokens that cover a share of the text", ("share", "tokens"), cover, "rr"),
    ]


def length_table(lengths):
    rows = []
    if lengths:
        names = ("least", "p5", "p25", "p50", "p75", "p95", "p99", "most")
        rows = [(*(f"{lengths[name]:,}" for name in names), f"{lengths['mean']:,.1f}")]
    return (
        f"Lengths, in {lengths['unit']}" if lengths else "Lengths",
        ("least", "5 %", "25 %", "median", "75 %", "95 %", "99 %", "most", "mean"),
        rows,
        "r" * 9,
    )


def duplicate_tables(duplicates, split):
    unit = duplicates["unit"]
    twice = [
        (row["split"], f"{row['texts']:,}", f"{row['repeats']:,}", f"{row['share']:.2%}")
        for row in duplicates["within"]
    ]
    across = [
        (f"{row['split']}, also in {row['also_in']}", f"{row['shared']:,}", f"{row['share']:.2%}")
        for row in duplicates["across"]
    ]
    repeated = [(f"{r['count']:,}", _shortened(r["text"])) for r in duplicates["repeated"]]
    return [
        (
            f"Exact duplicates: {unit} that repeat an earlier one of their split",
            ("split", unit, "repeats", "share"),
            twice,
            "lrrr",
        ),
        (f"Exact duplicates: {unit} in two splits", ("split", "shared", "share"), across, "lrr"),
        (f"Most repeated {unit} of {split}", ("count", "begins"), repeated, "rl"),
    ]


def unknown_table(unknown):
    words = [(f"{w['count']:,}", w["text"]) for w in (unknown or {}).get("words", ())]
    return ("Most frequent unknown words", ("count", "word"), words, "rl")


def notes(report):
    """Returns what was not looked at, as sentences."""
    return [*token_notes(report), *duplicate_notes(report["duplicates"])]


def token_notes(report):
    found = []
    if report["tokens_looked_at"] < report["tokens"]:
        found.append(
            f"Token counts are of an even sample of {report['tokens_looked_at']:,} of "
            f"{report['tokens']:,} tokens."
        )
    unknown = report["unknown"]
    if unknown and unknown["tokens"] and unknown["words"]:
        found.append(
            f"Unknown words were looked for in the first {unknown['characters']:,} characters."
        )
    return found


def duplicate_notes(duplicates):
    share = duplicates["share_looked_at"]
    if share == 1:
        return []
    return [
        f"Duplicates are estimated from {share:.4%} of all different texts, each with all its "
        "copies."
    ]


def summary_rows(report):
    """Returns `(what, how much)` of the split as a whole."""
    documents = report["documents"]
    return [
        ("text", f"{report['corpus']}, {report['split']}"),
        ("documents", "none: one stream" if documents is None else f"{documents:,}"),
        *token_rows(report),
    ]


def token_rows(report):
    """Returns `(what, how much)` of a text as tokens."""
    vocabulary, unknown = report["vocabulary"], report["unknown"]
    rows = [
        ("bytes, words", f"{report['bytes']:,}, {report['words']:,}"),
        ("tokens", f"{report['tokens']:,} ({report['tokenizer']})"),
        ("of them lost", f"{report['bytes_lost']:,}, {report['words_lost']:,}"),
        ("bytes per token", f"{report['bytes_per_token']:.3f}"),
        (
            "vocabulary",
            f"{vocabulary['vocab_size']:,}, of which {vocabulary['used']:,} occur "
            f"({vocabulary['share_used']:.2%}), {vocabulary['once']:,} of them once",
        ),
    ]
    if unknown:
        rows.append(("unknown", f"{unknown['tokens']:,} tokens ({unknown['share']:.4%})"))
    return rows


def _shortened(text):
    """Returns the beginning of a text as one printable line."""
    printable = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return "".join(printable)
