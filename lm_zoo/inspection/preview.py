"""Examples and batches as the model gets them: token by token, with ids, marks and weights."""

import typing

import numpy as np
from rich.cells import cell_len

from lm_zoo.inspection.statistics import named_token

INDENT = "    "  # of lines of tokens
MAX_TOKENS = 64  # shown of a field of an example
MAX_ROWS = 2  # shown of a batch
MAX_POSITIONS = 256  # shown of a field of a row, on a page


class Sequence(typing.NamedTuple):
    """What the rows of a batch hold of one field.

    Attributes:
        ids: Token ids, `(rows, length)`.
        weights: Above 0 where a place counts, of the same shape.
        targets: The token to predict at each place, of the same shape, or None.
        starts: True where a document begins that sees nothing before it, of the same shape; None
            where nothing is marked.
    """

    ids: np.ndarray
    weights: np.ndarray
    targets: np.ndarray | None = None
    starts: np.ndarray | None = None


def preview_examples(split, preprocessors, count, most_tokens=MAX_TOKENS):
    """Returns a split's first examples, or excerpts of a stream from evenly spread places.

    Args:
        split: An `ExampleSplit`.
        preprocessors: Field name -> `Tokenizer`.
        count: How many.
        most_tokens: Tokens shown of each field.

    Returns:
        A list of dicts, JSON-ready: `kind` ("example" or "excerpt"), `number`, and `fields`: field
        name -> `start` (the place of its first token in the split), `tokens` (how many it has, its
        end included) and `shown`: id and text of the first ones.
    """
    total, found = split.num_examples, []
    for number in range(count if total is None else min(count, total)):
        fields = {}
        for name, tokens in split.fields.items():
            if total is None:
                start = tokens.num_tokens * number // count
                stop = min(start + most_tokens, tokens.num_tokens)
            else:  # the end token before a document is not its own
                start, stop = (np.asarray(tokens.document_starts[number : number + 2]) + 1).tolist()
            fields[name] = {
                "start": start,
                "tokens": stop - start,
                "shown": [
                    named_token(preprocessors[name], i)
                    for i in tokens.read(start, min(stop, start + most_tokens))
                ],
            }
        kind = "excerpt" if total is None else "example"
        found.append({"kind": kind, "number": number, "fields": fields})
    return found


def preview_batch(batches, step, preprocessors):
    """Returns one batch, JSON-ready.

    Args:
        batches: The `Batches`.
        step: Which.
        preprocessors: Field name -> `Tokenizer`.

    Returns:
        A dict: `step`, `rows`, `filling` (rows in which nothing counts); `reset`, None where no
        state is carried; `fields`: field name -> `length`, the `tokens` that count, the `padding`
        (places that do not), and `documents` (how many marked beginnings; None where nothing is
        marked); and `shown`, for each row field name -> `places`, as `_places` gives them, and
        `segments`, as `[first place, last place]`, None where places have no targets.
    """
    batch = batches.batch(step)
    sequences = _sequences(batch.features, preprocessors)
    counting = {name: np.count_nonzero(of.weights, axis=1) for name, of in sequences.items()}
    fields = {}
    for name, (ids, _, _, starts) in sequences.items():
        tokens = int(counting[name].sum())
        fields[name] = {
            "length": ids.shape[1],
            "tokens": tokens,
            "padding": ids.size - tokens,
            "documents": None if starts is None else int(np.count_nonzero(starts)),
        }
    rows = len(next(iter(batch.features.values())))
    filled = np.any(list(counting.values()), axis=0) if counting else np.ones(rows, bool)
    return {
        "step": step,
        "rows": rows,
        "filling": int(np.count_nonzero(~filled)),
        "reset": bool(batch.reset) if batches.carries_state else None,
        "fields": fields,
        "shown": [
            {name: _row(of, row, preprocessors[name]) for name, of in sequences.items()}
            for row in range(min(MAX_ROWS, rows))
        ],
    }


def _sequences(features, preprocessors):
    """Returns field name -> `Sequence`, of rows of one text and of fields by their names."""
    found = {}
    if "token_ids" in features:
        names = ("token_ids", "weights", "targets", "document_starts")
        found[next(iter(preprocessors))] = Sequence(*map(features.get, names))
    for name in preprocessors:
        if name in features:
            ids = np.asarray(features[name])
            ids = ids.reshape(len(ids), -1)
            lengths = features.get(f"{name}_lengths", np.full(len(ids), ids.shape[1]))
            found[name] = Sequence(ids, np.arange(ids.shape[1]) < lengths[:, None])
    return found


def _row(sequence, row, tokenizer):
    """Returns the segments and the places of a row.

    Of a place there are its `id`, its `text` (empty where it does not count) and `weight`, and
    where there are targets the id of its `target` and the number of its `segment`.
    """
    weights, targets = sequence.weights[row], sequence.targets
    inside = int(np.count_nonzero(weights))
    begins = [] if sequence.starts is None else np.flatnonzero(sequence.starts[row]).tolist()
    begins = begins or [0] * bool(inside)
    segment_of = np.searchsorted(begins, np.arange(inside), side="right") - 1
    places = []
    for place, token_id in enumerate(sequence.ids[row, :MAX_POSITIONS].tolist()):
        weight = int(weights[place])
        text = tokenizer.token_text(token_id) if weight else ""
        found = {"id": token_id, "text": text, "weight": weight}
        if targets is not None:
            found["target"] = int(targets[row, place])
            found["segment"] = int(segment_of[place]) if place < inside else None
        places.append(found)
    segments = [[a, b - 1] for a, b in zip(begins, [*begins[1:], inside])]
    return {"segments": None if targets is None else segments, "places": places}


def interlinear(rows, width):
    """Sets rows of cells one under the other, in columns, and breaks them into lines of `width`.

    Args:
        rows: A dict label -> cells, all as many.
        width: Columns of the terminal.

    Returns:
        Lines of text, an empty one after each break.
    """
    labels = max(map(cell_len, rows))
    columns = list(zip(*rows.values()))
    lines, begin = [], 0
    while begin < len(columns):
        used, end, widths = len(INDENT) + labels, begin, []
        while end < len(columns):
            widths.append(max(map(cell_len, columns[end])))
            used += 2 + widths[-1]
            if used > width and end > begin:
                break
            end += 1
        if lines:
            lines.append("")
        for label, cells in rows.items():
            parts = [padded(c, w, "r") for c, w in zip(cells[begin:end], widths)]
            lines.append((INDENT + padded(label, labels) + "  " + "  ".join(parts)).rstrip())
        begin = end
    return lines


def padded(text, width, side="l"):
    space = " " * (width - cell_len(text))
    return space + text if side == "r" else text + space
