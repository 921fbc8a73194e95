"""Batches of records of about the same length: a function of (fields, settings, step)."""

import numpy as np

from lm_zoo.data.batching.batches import ALL_ROWS, Batch, Batches, shuffled
from lm_zoo.data.examples import ExampleSplit
from lm_zoo.errors import UserError


class BucketedBatches(Batches):
    """Records in buckets of like length, the buckets' batches in a new random order each epoch.

    A bucket holds the records of which the longest text fits it; all its batches have one shape. An
    epoch uses each record exactly once: a bucket's last batch is filled up with rows that count
    nothing. So the records of step s follow from s alone, as in `WindowBatches`.

    A batch has two features for each field: `NAME`, int32 ids `(rows, length)`, each text with its
    end token, padded with 0; and `NAME_lengths`, int32 `(rows,)`, 0 in a row that fills up.

    Args:
        fields: Field name -> `TokenSplit` with as many documents.
        by: Names of the fields whose longest text picks the bucket; the others are as wide as their
            longest text in the split. Counts of tokens, and padding, are those of the last.
        batch_size: Records in a batch, where `batch_tokens` is 0.
        batch_tokens: Most tokens of a field of `by` in a batch, padding included; 0 means
            `batch_size`.
        limits: Field name -> most tokens of a text, its end token included; None means any number.
        too_long: What becomes of longer records: `error`, `truncate` (the end token stays) or
            `drop`.
        seed: Of the orders.

    Attributes:
        split: The `ExampleSplit`; its texts are `fields`.
        num_tokens: Field name -> tokens in an epoch, end tokens included.
    """

    shapes_vary = True

    def __init__(
        self, fields, by, batch_size=32, batch_tokens=0, limits=None, too_long="error", seed=0
    ):
        self.fields, self.seed = dict(fields), seed
        names = tuple(fields)
        self.split = ExampleSplit(fields[names[0]].name, self.fields)
        lengths = np.stack([_lengths(name, fields[name]) for name in names], axis=1)
        limits = np.array([(limits or {}).get(name) or 2**31 for name in names])
        self._limits, over = limits, (lengths > limits).any(axis=1)
        if over.any() and too_long == "error":
            raise _too_long(self.split.name, names, lengths, limits)
        # Document of each record of an epoch.
        self._kept = np.flatnonzero(~over) if too_long == "drop" else np.arange(len(lengths))
        self.num_dropped = len(lengths) - len(self._kept)
        self.num_truncated = int(np.count_nonzero(over)) if too_long == "truncate" else 0
        lengths = np.minimum(lengths, limits)[self._kept]  # (records, fields)
        self.num_examples = len(self._kept)
        self.num_tokens = dict(zip(names, lengths.sum(axis=0).tolist()))
        if not self.num_examples:
            raise UserError(
                f"corpus.train_files: expected at least one record in the {self.split.name} "
                "split, received none; use more text, or a model with a longer context."
            )
        self.num_targets = self.num_tokens[by[-1]]
        self.mean_length = self.num_targets / self.num_examples
        self._size = f"{batch_size} rows"
        if batch_tokens:
            self._size = f"at most {batch_tokens:,} tokens of {' or of '.join(by)}"
        decides = np.isin(names, by)
        self._widths = np.where(decides, 0, lengths.max(axis=0))  # 0: the bucket's
        longest = lengths[:, decides].max(axis=1)
        bounds = _bounds(int(longest.max()))
        places = np.searchsorted(bounds, longest)
        self._buckets = []  # (records, length, rows)
        for index, length in enumerate(bounds):
            records = np.flatnonzero(places == index)
            if len(records):
                rows = max(1, batch_tokens // length) if batch_tokens else batch_size
                self._buckets.append((records, int(length), rows))
        batches = [-(-len(records) // rows) for records, _, rows in self._buckets]
        self._first = np.cumsum([0, *batches])  # the first batch of each bucket
        self.steps_per_epoch = int(self._first[-1])
        room = sum(n * rows * length for n, (_, length, rows) in zip(batches, self._buckets))
        self.padding = 1 - self.num_targets / room

    def describe(self):
        line = f"{self._size}, in buckets by length ({self.padding:.2%} padding)"
        if self.num_dropped:
            line += f", {self.num_dropped:,} examples too long and dropped"
        if self.num_truncated:
            line += f", {self.num_truncated:,} examples too long and truncated"
        return line

    def num_rows(self, step):
        return self._place(step)[0][2]

    def examples_of(self, step):
        """Returns the records of a step, int64; -1 for a row that fills up a bucket's last batch."""
        (records, _, rows), batch, epoch = self._place(step)
        places = np.arange(batch * rows, min((batch + 1) * rows, len(records)))
        indices = np.full(rows, -1)
        indices[: len(places)] = records[shuffled(places, (self.seed, epoch), len(records))]
        return indices

    def batch(self, step, rows=ALL_ROWS):
        (_, length, num_rows), _, _ = self._place(step)
        records = self.examples_of(step)[rows].tolist()
        # A bucket's length is rounded up; a model may have no places beyond its limits.
        widths = np.minimum(np.where(self._widths, self._widths, length), self._limits)
        features = {}
        for place, (name, width) in enumerate(zip(self.fields, widths.tolist())):
            ids = np.zeros((len(records), width), np.int32)
            lengths = np.zeros(len(records), np.int32)
            for row, record in enumerate(records):
                if record >= 0:
                    text = self._text(place, name, record)
                    ids[row, : len(text)], lengths[row] = text, len(text)
            features |= {name: ids, f"{name}_lengths": lengths}
        return Batch(features, True, num_rows)

    def _text(self, place, name, record):
        """Returns the ids of a record's text with its end token, as many as may be."""
        split, document, limit = self.fields[name], self._kept[record], self._limits[place]
        begin, end = split.document_starts[document : document + 2]
        ids = split.read(int(begin) + 1, int(end) + 1)
        return ids if len(ids) <= limit else np.append(ids[: limit - 1], ids[-1])

    def _place(self, step):
        """The bucket of a step, which of its batches it is, and the epoch."""
        epoch, place = divmod(step, self.steps_per_epoch)
        key = (self.seed + 1, epoch)  # another order than that of the records
        batch = int(shuffled(np.array([place]), key, self.steps_per_epoch)[0])
        bucket = int(np.searchsorted(self._first, batch, side="right")) - 1
        return self._buckets[bucket], batch - int(self._first[bucket]), epoch


def _bounds(longest):
    """Lengths of buckets: multiples of 4, each about a quarter more than the one before."""
    bounds = [8]
    while bounds[-1] < longest:
        bounds.append(max(bounds[-1] + 4, bounds[-1] * 5 // 4 // 4 * 4))
    return np.array(bounds)


def _lengths(name, split):
    if split.document_starts is None:
        raise UserError(
            f"corpus.name: expected documents, one {name} per record; the {split.name} split is "
            "one stream."
        )
    return np.diff(split.document_starts)


def _too_long(split, names, lengths, limits):
    over = np.flatnonzero((lengths > limits).any(axis=1))
    first = int(over[0])
    listed = [
        f"a {name} of {length} tokens where {limit} are the most"
        for name, length, limit in zip(names, lengths[first], limits)
        if length > limit
    ]
    return UserError(
        f"task.too_long: {len(over)} of {len(lengths)} records of the {split} split are too long "
        f"for the model (record {first + 1}: {' and '.join(listed)}); set task.too_long to "
        "'truncate' or 'drop', or use a model with a larger context_length (and source_length)."
    )
