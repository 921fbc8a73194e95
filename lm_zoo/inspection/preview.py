"""Documents and batches as the model gets them: token by token, with ids, marks and weights."""

import numpy as np
from rich.cells import cell_len

MOST_TOKENS = 64  # shown of a document
MOST_ROWS = 2  # shown of a batch
MOST_PLACES = 256  # shown of a row, on a page


def preview_texts(split, tokenizer, count, most_tokens=MOST_TOKENS):
    """Returns a split's first documents, or excerpts of a stream from evenly spread places.

    Args:
        split: A `TokenSplit`.
        tokenizer: Its tokenizer.
        count: How many.
        most_tokens: Tokens shown of each.

    Returns:
        A list of dicts, JSON-ready: `kind` ("document" or "excerpt"), `number` (of the document),
        `start` (its first token's place), `tokens` (how many it has, the end token before it
        included) and `shown`: id and text of the first ones.
    """
    starts = split.document_starts
    if starts is None:
        places = np.arange(count, dtype=np.int64) * split.num_tokens // max(1, count)
        spans = [("excerpt", p, min(p + most_tokens, split.num_tokens)) for p in places.tolist()]
    else:
        bounds = np.asarray(starts[: count + 1]).tolist()
        spans = [("document", a, b + 1) for a, b in zip(bounds, bounds[1:])]
    return [
        {
            "kind": kind,
            "number": number,
            "start": start,
            "tokens": stop - start,
            "shown": [
                {"id": int(i), "text": tokenizer.token_text(int(i))}
                for i in split.read(start, min(stop, start + most_tokens))
            ],
        }
        for number, (kind, start, stop) in enumerate(spans)
        if stop > start
    ]


def preview_batch(batches, step, tokenizer, most_rows=MOST_ROWS, most_places=MOST_PLACES):
    """Returns one training batch, JSON-ready.

    Args:
        batches: The training batches, a function of the step.
        step: Which.
        tokenizer: The tokenizer.
        most_rows: Rows shown.
        most_places: Places shown of each.

    Returns:
        A dict: `step`, `rows`, `length`, `reset`, `targets` (those that count), `padding` (places
        that do not), `marked` (whether rows are marked where documents start), `documents` (marks
        in all rows), and `shown`: for each row its `segments`, as `[first place, last place]`, and
        its first places: input id and text, target id, weight, and the segment's number.
    """
    batch = batches.batch(step)
    features = batch.features
    starts = features.get("document_starts")
    marked = starts is not None
    weights = features["weights"]
    shown = []
    for row in range(min(most_rows, len(weights))):
        inside = int(np.count_nonzero(weights[row]))
        begins = np.flatnonzero(starts[row]).tolist() if marked else []
        begins = begins or [0] * bool(inside)
        segments = [[a, b - 1] for a, b in zip(begins, [*begins[1:], inside])]
        segment_of = np.searchsorted(begins, np.arange(inside), side="right") - 1
        places = [
            {
                "id": int(features["token_ids"][row, place]),
                "text": tokenizer.token_text(int(features["token_ids"][row, place])),
                "target": int(features["targets"][row, place]),
                "weight": int(weights[row, place]),
                "segment": int(segment_of[place]) if place < inside else None,
            }
            for place in range(min(most_places, weights.shape[1]))
        ]
        shown.append({"segments": segments, "places": places})
    return {
        "step": step,
        "rows": weights.shape[0],
        "length": weights.shape[1],
        "reset": bool(batch.reset),
        "targets": int(np.count_nonzero(weights)),
        "padding": int(np.count_nonzero(weights == 0)),
        "marked": marked,
        "documents": int(np.count_nonzero(starts)) if marked else None,
        "shown": shown,
    }


def interlinear(rows, width=100, indent="  "):
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
        used, end, widths = len(indent) + labels, begin, []
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
            lines.append((indent + padded(label, labels) + "  " + "  ".join(parts)).rstrip())
        begin = end
    return lines


def padded(text, width, side="l"):
    space = " " * (width - cell_len(text))
    return space + text if side == "r" else text + space
