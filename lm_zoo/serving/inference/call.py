"""What one request asks of a signature, in a form that can share a call with others."""

import typing

import numpy as np


class Call(typing.NamedTuple):
    """A request, ready to share a call with others.

    Attributes:
        rows: Number of texts.
        key: Calls of the same key can be joined.
        inputs: Name -> numpy array with the rows first; those of one value for all are in the key.
        lengths: Tokens of each row's texts, int `(rows,)`, once they are counted.
    """

    rows: int
    key: tuple
    inputs: dict
    lengths: np.ndarray = np.zeros(0, int)

    @property
    def tokens(self):
        """Tokens of all rows."""
        return int(self.lengths.sum())

    def bounded(self, inputs, most_new):
        """Returns a call whose every row has a greatest length, by which it is batched.

        Short answers do not wait for long ones. The lengths of its texts have been counted.

        Args:
            inputs: Name -> `Input`, of the signature.
            most_new: Most tokens of an answer of which the request says nothing.
        """
        values, key = {}, list(self.key)
        for name, each in inputs.items():
            if not each.bounds_length or name not in self.inputs:
                continue
            longest = self.inputs[name]
            if each.automatic:
                times, more = each.automatic
                automatic = np.minimum(times * self.lengths + more, most_new)
                longest = np.where(longest > 0, longest, automatic).astype(np.int32)
            values[name] = longest
            key.append(("length", int(longest.max()).bit_length()))
        return self._replace(inputs=self.inputs | values, key=tuple(key))

    def parts(self, max_rows, max_tokens):
        """Returns calls of some of the rows each, in order, no larger than this where a row is not.

        Args:
            max_rows: Most rows of a part.
            max_tokens: Most tokens of a part of several rows.
        """
        begins, tokens = [0], 0
        for row, length in enumerate(self.lengths):
            tokens += length
            if row > begins[-1] and (row - begins[-1] >= max_rows or tokens > max_tokens):
                begins.append(row)
                tokens = length
        return [self._part(*ends) for ends in zip(begins, [*begins[1:], self.rows])]

    def _part(self, begin, end):
        inputs = {name: value[begin:end] for name, value in self.inputs.items()}
        return Call(end - begin, self.key, inputs, self.lengths[begin:end])
