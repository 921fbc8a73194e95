"""The report's headings, tables and notes, for the terminal and the page alike.

Where records have several fields, what is said of one begins with its name.
"""

SHOWN_TOKENS = 12  # rows of the table of frequent tokens
SHOWN_CLASSES = 50  # rows of the table of classes


def name_before(report, name):
    """Returns a field's name and a colon; nothing where it is the only one."""
    return f"{name}: " if len(report["fields"]) > 1 else ""


def fields_of_kind(report, kind):
    """Returns field name -> what is known of it, of the fields of a kind."""
    return {name: of for name, of in report["fields"].items() if of["kind"] == kind}


def heading_of_example(example):
    return f"{example['kind'].capitalize()} {example['number']:,}"


def heading_of_field(name, of_field):
    shown = len(of_field["shown"])
    part = "" if shown == of_field["tokens"] else f", the first {shown} shown"
    return f"{name}, from token {of_field['start']:,} on ({of_field['tokens']:,} tokens{part})"


def heading_of_batch(batch):
    fields, state = batch["fields"], ""
    if batch["reset"] is not None:
        state = f"; carried state {'starts anew' if batch['reset'] else 'goes on'}"
    parts = [
        f"{f'{name} ' if len(fields) > 1 else ''}of {of['length']:,}, {of['tokens']:,} tokens, "
        f"{of['padding']:,} positions of padding{_kept_apart(of)}"
        for name, of in fields.items()
    ]
    filling = f"; {batch['filling']:,} padding rows" if batch["filling"] else ""
    return (
        f"Batch of step {batch['step']:,}: {batch['rows']:,} rows{';' if len(fields) > 1 else ''} "
        f"{'; '.join(parts)}{filling}{state}"
    )


def _kept_apart(of_field):
    documents = of_field["documents"]
    return "" if documents is None else f", {documents:,} documents or pieces kept apart"


def heading_of_row(report, batch, number, name):
    """Returns which row of a batch it is, which field, and where its documents lie, in words."""
    heading = f"row {number}" + (f", {name}" if len(report["fields"]) > 1 else "")
    segments = batch["shown"][number][name]["segments"]
    if segments is None:
        return heading
    if batch["fields"][name]["documents"] is None:
        return f"{heading}: one segment, read through"
    listed = [f"{first}-{last}" for first, last in segments[:12]]
    more = ", ..." if len(segments) > 12 else ""
    return f"{heading}: segments at positions {', '.join(listed)}{more}; none sees another"


def tables(report):
    """Returns `(title, headers, rows, alignment)` of each table that terminal and page share."""
    found = []
    for name, of in report["fields"].items():
        before = name_before(report, name)
        of_field = _class_tables(of) if of["kind"] == "label" else _text_tables(of)
        found += [(before + title, *rest) for title, *rest in of_field]
    for section in report["sections"]:
        found.append(tuple(section[key] for key in ("caption", "headers", "rows", "align")))
    for name, duplicates in report["duplicates"].items():
        before = name_before(report, name) if name in report["fields"] else ""
        of_texts = _duplicate_tables(duplicates, report["split"])
        found += [(before + title, *rest) for title, *rest in of_texts]
    return [table for table in found if table[2]]


def _text_tables(of_field):
    vocabulary, lengths, unknown = (of_field[key] for key in ("vocabulary", "lengths", "unknown"))
    frequent = [
        (t["text"], str(t["id"]), f"{t['count']:,}", f"{t['share']:.2%}")
        for t in vocabulary["frequent"][:SHOWN_TOKENS]
    ]
    cover = [(f"{c['share']:.0%}", f"{c['tokens']:,}") for c in vocabulary["covering"]]
    names = ("least", "p5", "p25", "p50", "p75", "p95", "p99", "most")
    rows = []
    if lengths:
        rows = [(*(f"{lengths[name]:,}" for name in names), f"{lengths['mean']:,.1f}")]
    words = [(f"{w['count']:,}", w["text"]) for w in (unknown or {}).get("words", ())]
    return [
        ("Most frequent tokens", ("text", "id", "count", "share"), frequent, "lrrr"),
        ("Tokens that cover a share of the text", ("share", "tokens"), cover, "rr"),
        (
            f"Lengths, in {lengths['unit']}" if lengths else "Lengths",
            ("least", "5 %", "25 %", "median", "75 %", "95 %", "99 %", "most", "mean"),
            rows,
            "r" * 9,
        ),
        ("Most frequent unknown words", ("count", "word"), words, "rl"),
    ]


def _class_tables(of_field):
    classes = [
        (c["text"], str(c["id"]), f"{c['count']:,}", f"{c['share']:.2%}")
        for c in of_field["classes"][:SHOWN_CLASSES]
    ]
    return [
        ("Classes, the most frequent first", ("class", "id", "count", "share"), classes, "lrrr")
    ]


def _duplicate_tables(duplicates, split):
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


def notes(report):
    """Returns what was not looked at, as sentences."""
    found = []
    for name, of in report["fields"].items():
        found += [name_before(report, name) + note for note in _field_notes(of)]
    for duplicates in report["duplicates"].values():
        share = duplicates["share_looked_at"]
        note = (
            f"Duplicates are estimated from {share:.4%} of all distinct texts, each with all its "
            "copies."
        )
        found += [note] if share < 1 and note not in found else []
    return found


def _field_notes(of_field):
    found = []
    if of_field["tokens_looked_at"] < of_field["tokens"]:
        found.append(
            f"Token counts are from an even sample of {of_field['tokens_looked_at']:,} of "
            f"{of_field['tokens']:,} tokens."
        )
    unknown = of_field.get("unknown")
    if unknown and unknown["tokens"] and unknown["words"]:
        found.append(
            f"Unknown words were searched for in the first {unknown['characters']:,} characters."
        )
    listed = len(of_field.get("classes", ()))
    if listed > SHOWN_CLASSES:
        found.append(f"{SHOWN_CLASSES} of {of_field['num_classes']:,} classes are shown.")
    return found


def summary_rows(report):
    """Returns `(what, how much)` of the split as a whole."""
    count, epoch = report["examples"]["count"], report["epoch"]
    rows = [
        ("corpus, split", f"{report['corpus']}, {report['split']}"),
        ("task", report["task"]),
        ("examples", "none: one stream" if count is None else f"{count:,}"),
    ]
    for name, of in report["fields"].items():
        of_field = _class_rows(of) if of["kind"] == "label" else _text_rows(of)
        rows += [(name_before(report, name) + what, value) for what, value in of_field]
    if epoch:
        batches = epoch["batches"]
        rows += [
            (
                "an epoch",
                f"{epoch['examples']:,} examples in "
                f"{batches:,.{0 if batches == int(batches) else 2}f} batches, "
                f"{epoch['targets']:,} tokens",
            ),
            ("batches", epoch["description"]),
        ]
    return rows


def _text_rows(of_field):
    vocabulary, unknown = of_field["vocabulary"], of_field["unknown"]
    rows = [
        ("bytes, words", f"{of_field['bytes']:,}, {of_field['words']:,}"),
        ("tokens", f"{of_field['tokens']:,} ({of_field['tokenizer']})"),
        ("of them lost", f"{of_field['bytes_lost']:,}, {of_field['words_lost']:,}"),
        ("bytes per token", f"{of_field['bytes_per_token']:.3f}"),
        (
            "vocabulary",
            f"{vocabulary['vocab_size']:,}, of which {vocabulary['used']:,} occur "
            f"({vocabulary['share_used']:.2%}), {vocabulary['once']:,} of them once",
        ),
    ]
    if unknown:
        rows.append(("unknown", f"{unknown['tokens']:,} tokens ({unknown['share']:.4%})"))
    return rows


def _class_rows(of_field):
    return [("classes", f"{of_field['num_classes']:,}, of which {of_field['used']:,} occur")]


def _shortened(text):
    """Returns the beginning of a text as one printable line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
