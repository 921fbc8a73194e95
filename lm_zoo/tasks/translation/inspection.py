"""How long targets are for their sources, a section of `lm-zoo inspect`."""

import numpy as np

from lm_zoo.tasks.section import Histogram, Section

RATIO_EDGES = (0, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 4 / 5, 1, 5 / 4, 3 / 2, 2, 3, 4, np.inf)
SHARES = (5, 25, 50, 75, 95, 99)


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
    names = {"least": 0, **{f"p{n}": n for n in SHARES}, "most": 100}
    return {
        "mean": float(ratios.mean()),
        **{name: float(np.percentile(ratios, share)) for name, share in names.items()},
        "histogram": [
            [float(low), None if np.isinf(high) else float(high), end - begin]
            for low, high, begin, end in zip(RATIO_EDGES, RATIO_EDGES[1:], places, places[1:])
        ],
    }


def ratio_section(sources, targets):
    """Returns the `Section` of what `describe_ratio` finds, in a tuple; without a pair none."""
    ratio = describe_ratio(sources, targets)
    if ratio is None:
        return ()
    names = ("least", *(f"p{n}" for n in SHARES), "most", "mean")
    bars = [
        [f"{low:.2f}", f"{low:.2f} or more" if high is None else f"{low:.2f} to {high:.2f}", count]
        for low, high, count in ratio["histogram"]
    ]
    histogram = Histogram(
        "Length of targets relative to their sources",
        f"Half of the targets have at most {ratio['p50']:.2f} tokens per source token, the "
        f"longest {ratio['most']:.2f}.",
        bars,
        "target tokens per source token (where each bin begins)",
        "pairs",
    )
    section = Section(
        title="Ratio of lengths",
        values=ratio,
        caption="Target tokens per source token, including end tokens",
        headers=["least", "5 %", "25 %", "median", "75 %", "95 %", "99 %", "most", "mean"],
        rows=[[f"{ratio[name]:,.2f}" for name in names]],
        align="r" * len(names),
        histogram=histogram,
    )
    return (section,)
