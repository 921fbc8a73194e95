"""Records to verify an export with: the run's own, hard ones, and some of full length."""

from lm_zoo.errors import UserError

PLAIN = "It was a bright cold day, and the two of them walked on without a word.\n"
HARD = ("", "A", "Hello, world!\nÜber 100 € \u8a9e\u8a00 \U0001f642  twice, twice\n\n")
EXAMPLE = 60  # characters of a text that is easily shown
MAX_RECORDS = 4  # of the run's own
SEARCHED = 2000  # records among which the longest is looked for


def sample_records(run, task, limits):
    """Returns texts that the model can read whole, field name -> a list with one of each record.

    Args:
        run: The `Run`.
        task: Its `Task`.
        limits: Field name -> most tokens, an end token included, or None.
    """
    tokenizers = {f.name: task.preprocessors[f.name] for f in task.fields if f.kind == "text"}
    columns = [number for number, field in enumerate(task.fields) if field.kind == "text"]
    own = [tuple(record[column] for column in columns) for record in held_out_records(run)]
    records = [
        record
        for record in own
        if all(_fits(tokenizers[n], text, limits[n]) for n, text in zip(tokenizers, record))
    ]
    longest = max(records, key=lambda record: sum(map(len, record)), default=None)
    records = records[:MAX_RECORDS] + ([longest] if longest else [])
    texts = [*HARD, PLAIN.strip()]
    for number in range(len(texts)):
        turned = texts[number:] + texts[:number]
        records.append(
            tuple(
                _shortened(tokenizers[name], turned[place % len(turned)], limits[name])
                for place, name in enumerate(tokenizers)
            )
        )
    return dict(zip(tokenizers, map(list, zip(*dict.fromkeys(records)))))


def example_record(records):
    """Returns the longest of the records that is easily shown, or else the first, by field."""
    rows = [dict(zip(records, row)) for row in zip(*records.values())]
    shown = [
        row
        for row in rows
        if all(row.values())
        and max(map(len, row.values())) <= EXAMPLE
        and next(iter(row.values())).strip()
    ]
    return max(shown, key=lambda row: len(next(iter(row.values()))), default=rows[0])


def held_out_records(run):
    """Returns the first validation records of a run as tuples, none where it has none."""
    try:
        return run.records("validation")[:SEARCHED]
    except UserError:
        return []


def _fits(tokenizer, text, limit):
    return limit is None or len(tokenizer.encode(text)) < limit


def _shortened(tokenizer, text, limit):
    """Returns as many of the first words or characters as fit."""
    while not _fits(tokenizer, text, limit):
        text = text[: len(text) // 2]
    return text
