"""All that is known about a split, as one JSON-ready dict."""

import collections
import dataclasses

from lm_zoo.inspection.duplicates import describe_duplicates, digest_splits
from lm_zoo.inspection.field_report import describe_label, describe_text
from lm_zoo.inspection.preview import preview_batch, preview_examples


def inspect(task, corpus, examples, batches, split="train", num_examples=3, num_batches=1):
    """Looks at a split of a corpus as a task reads it.

    Memory is bounded: tokens are counted piece by piece, texts are kept as a limited number of
        64-bit digests, documents' lengths take 16 bytes each. If only a part was examined, the
        result says so.

    Args:
        task: The `Task`.
        corpus: The cleaned `Corpus`; all its splits are read for duplicates, once, and where
            records have several fields once more for each text field.
        examples: Its `Examples`.
        batches: The split's batches as the config lays them out, or None.
        split: Name of the split.
        num_examples: How many examples, or excerpts of a stream, are shown.
        num_batches: How many batches are shown.

    Returns:
        A JSON-ready dict: `corpus`, `task` and `split`, their names; `fields`, field name -> what
        is known of it; `examples`, how many (`count`; None for a stream) and some, token by token
        (`shown`); `batches`, some batches; `epoch`, what an epoch of batches consists of, or None;
        `duplicates`, of whole records (`records`) and, where they have several fields, of each
        text field by its name; `sections`, what the task adds.
    """
    tokens, preprocessors = examples.split(split), task.preprocessors
    line_lengths = collections.Counter()

    def count_line(name, text):
        if name == split and not corpus.has_documents:
            line_lengths[len(text)] += 1

    duplicates = _duplicates(task.fields, corpus, split, count_line)
    fields = {}
    for field in task.fields:
        name, of_field = field.name, tokens.fields[field.name]
        if field.kind == "label":
            fields[name] = describe_label(preprocessors[name], of_field)
        else:
            column = corpus.column(name)
            fields[name] = describe_text(column, preprocessors[name], of_field, line_lengths)
    return {
        "corpus": corpus.name,
        "task": task.name,
        "split": split,
        "fields": fields,
        "examples": {
            "count": tokens.num_examples,
            "shown": preview_examples(tokens, preprocessors, num_examples),
        },
        "batches": [
            preview_batch(batches, step, preprocessors)
            for step in range(num_batches if batches else 0)
        ],
        "epoch": _describe_epoch(batches),
        "duplicates": duplicates,
        "sections": [dataclasses.asdict(part) for part in task.sections(examples, split)],
    }


def _duplicates(fields, corpus, split, each):
    unit = "records" if len(fields) > 1 else "documents" if corpus.has_documents else "lines"
    found = {"records": describe_duplicates(corpus, digest_splits(corpus, each), split, unit)}
    if len(fields) > 1:
        for field in fields:
            if field.kind == "text":
                column = corpus.column(field.name)
                digests = digest_splits(column)
                found[field.name] = describe_duplicates(column, digests, split, "texts")
    return found


def _describe_epoch(batches):
    if batches is None:
        return None
    return {
        "description": batches.describe(),
        "batches": batches.steps_per_epoch,
        "examples": batches.num_examples,
        "targets": batches.num_targets,
        "padding": float(batches.padding),
        "dropped": batches.num_dropped,
        "truncated": batches.num_truncated,
    }
