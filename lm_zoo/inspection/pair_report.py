"""All that is known about a split of sentence pairs, as one JSON-ready dict."""

import numpy as np

from lm_zoo.data.corpora.corpus import SPLITS
from lm_zoo.data.record_documents import RecordDocuments
from lm_zoo.inspection.duplicates import Digests, describe_duplicates
from lm_zoo.inspection.preview import MOST_PLACES, MOST_ROWS, MOST_TOKENS
from lm_zoo.inspection.report import document_lengths, tokens_of

RATIO_EDGES = (0, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 4 / 5, 1, 5 / 4, 3 / 2, 2, 3, 4, np.inf)


def inspect_pairs(corpus, preprocessors, split, batches, pairs=3, num_batches=1):
    """Looks at a split of a corpus of sentence pairs; memory is bounded as in `report.inspect`.

    Args:
        corpus: The cleaned `Corpus`; all its splits are read twice, for duplicates.
        preprocessors: Field name -> `Tokenizer`.
        split: The `ExampleSplit`.
        batches: The split's `Batches`, or None.
        pairs: How many pairs are shown.
        num_batches: How many batches are shown.

    Returns:
        A JSON-ready dict: `corpus`, `split`, `pairs`; `sides`, for source and target what is known
        of its tokens and `lengths`; `ratio` of their lengths; `epoch`, of the batches; `texts` and
        `batches`, token by token; `duplicates` of whole pairs and of sources alone.
    """
    by_side = {side: (preprocessors[side], tokens) for side, tokens in split.fields.items()}
    sides = {
        side: tokens_of(corpus.column(side), tokenizer, token_split)
        | {"lengths": document_lengths(token_split, f"tokens of a {side}, its end included")}
        for side, (tokenizer, token_split) in by_side.items()
    }
    return {
        "corpus": corpus.name,
        "split": split.name,
        "pairs": split.num_examples,
        "sides": sides,
        "ratio": describe_ratio(*split.fields.values()),
        "epoch": _describe_epoch(batches),
        "texts": [
            {
                "number": number,
                **{side: _document(*found, number) for side, found in by_side.items()},
            }
            for number in range(min(pairs, split.num_examples))
        ],
        "batches": [
            preview_pair_batch(batches, step, preprocessors)
            for step in range(num_batches if batches else 0)
        ],
        "duplicates": _duplicates(corpus, split.name),
    }


def describe_ratio(sources, targets):
    """Returns how much longer targets are than their sources, JSON-ready.

    Args:
        sources: `TokenSplit` of the sources.
        targets: That of the targets.

    Returns:
        A dict: `mean`, percentiles by name, and `histogram`: `[from, below, pairs]`, the last bin
        without an end; of targets' tokens per token of the source, end tokens included. None
        without any pair.
    """
    lengths = [np.diff(split.document_starts) for split in (sources, targets)]
    if not len(lengths[0]):
        return None
    ratios = np.sort(lengths[1] / lengths[0])
    places = np.searchsorted(ratios, RATIO_EDGES).tolist()
    names = {"least": 0, **{f"p{n}": n for n in (5, 25, 50, 75, 95, 99)}, "most": 100}
    return {
        "mean": float(ratios.mean()),
        **{name: float(np.percentile(ratios, share)) for name, share in names.items()},
        "histogram": [
            [float(low), None if np.isinf(high) else float(high), end - begin]
            for low, high, begin, end in zip(RATIO_EDGES, RATIO_EDGES[1:], places, places[1:])
        ],
    }


def preview_pair_batch(batches, step, preprocessors, most_rows=MOST_ROWS, most_places=MOST_PLACES):
    """Returns one batch of pairs, JSON-ready.

    Args:
        batches: The `Batches`.
        step: Which.
        preprocessors: Field name -> `Tokenizer`.
        most_rows: Rows shown.
        most_places: Places shown of each side of them.

    Returns:
        A dict: `step`, `rows`, `filling` rows that hold no pair; `source` and `target`, each with
        its `length`, the `tokens` that count and the `padding`; and `shown`: for each row the id
        and text of its source's places, and of its target's id and text of the input, id of the
        target, and weight.
    """
    tokenizer, source_tokenizer = preprocessors["target"], preprocessors["source"]
    features = batches.batch(step).features
    targets, lengths = features["target"], features["source_lengths"]
    weights = (np.arange(targets.shape[1]) < features["target_lengths"][:, None]).astype(np.float32)
    before = np.full((len(targets), 1), tokenizer.end_id, np.int32)
    inputs = np.concatenate([before, targets[:, :-1]], 1) * weights.astype(np.int32)
    shown = []
    for row in range(min(most_rows, len(weights))):
        source_weights = np.arange(features["source"].shape[1]) < lengths[row]
        target = _places(inputs[row], weights[row], tokenizer)
        for place, target_id in zip(target, targets[row].tolist()):
            place["target"] = target_id
        source = _places(features["source"][row], source_weights, source_tokenizer)
        shown.append({"source": source[:most_places], "target": target[:most_places]})
    counts = {"source": int(lengths.sum()), "target": int(np.count_nonzero(weights))}
    widths = {"source": features["source"].shape[1], "target": weights.shape[1]}
    return {
        "step": step,
        "rows": len(weights),
        "filling": int(np.count_nonzero(lengths == 0)),
        **{
            side: {
                "length": widths[side],
                "tokens": counts[side],
                "padding": len(weights) * widths[side] - counts[side],
            }
            for side in ("source", "target")
        },
        "shown": shown,
    }


def _places(ids, weights, tokenizer):
    """Returns id, text (none of padding) and weight of each place of a row."""
    return [
        {
            "id": token_id,
            "text": tokenizer.token_text(token_id) if weight else "",
            "weight": int(weight),
        }
        for token_id, weight in zip(ids.tolist(), weights.tolist())
    ]


def _describe_epoch(batches):
    if batches is None:
        return None
    return {
        "batches": batches.steps_per_epoch,
        "pairs": batches.num_examples,
        "dropped": batches.num_dropped,
        "truncated": batches.num_truncated,
        "target_padding": float(batches.padding),
    }


def _document(tokenizer, token_split, number):
    """Returns how many tokens a document has, its end included, and the first of them."""
    begin, end = np.asarray(token_split.document_starts[number : number + 2]).tolist()
    return {
        "tokens": end - begin,
        "shown": [
            {"id": int(i), "text": tokenizer.token_text(int(i))}
            for i in token_split.read(begin + 1, min(end + 1, begin + 1 + MOST_TOKENS))
        ],
    }


def _duplicates(corpus, split):
    found = {}
    for unit, texts in (("pairs", RecordDocuments(corpus)), ("sources", corpus.column("source"))):
        digests = Digests()
        for name in SPLITS:
            for text in texts.texts(name):
                digests.add(name, text)
        found[unit] = describe_duplicates(texts, digests, split, unit=unit)
    return found
