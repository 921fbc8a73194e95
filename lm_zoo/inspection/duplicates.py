"""Texts that occur more than once, in a split or in two: records, or the lines of a stream."""

import array
import collections
import hashlib

import numpy as np

from lm_zoo.data.corpora.corpus import SPLITS

MAX_DIGESTS = 1 << 24  # 128 MiB, and as much again while they are sorted
MAX_EXAMPLES, EXAMPLE_CHARACTERS = 5, 100  # of texts that are repeated


def units(corpus, split):
    """Yields a split's records, fields on lines, or the lines of a stream that are not blank."""
    for record in corpus.records(split):
        text = "\n".join(record)
        if corpus.has_documents:
            yield text
        else:  # a stream's parts end where lines do
            yield from (line for line in text.split("\n") if not line.isspace() and line)


def digest(text):
    """Returns 64 bits of a text's BLAKE2b; two of ten million texts collide once in 400,000."""
    data = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")


class Digests:
    """Digests of texts, never more than a number of them in memory.

    When there are more, those at or above a bound are dropped, and the bound is halved as often as
    needed. It is the same for all splits, so of each text either every copy is kept or none, and
    shares of duplicates stay right on average.

    Args:
        most: Digests kept at most.

    Attributes:
        bound: Digests at or above it are not kept; at first 2**64.
        num_texts: Split -> texts seen.
    """

    def __init__(self, most=MAX_DIGESTS):
        self.most = most
        self.bound = 1 << 64
        self.num_texts = collections.Counter()
        self._kept = {}
        self._count = 0

    @property
    def share(self):
        """The share of all different texts that is looked at."""
        return self.bound / (1 << 64)

    def add(self, split, text):
        self.num_texts[split] += 1
        value = digest(text)
        if value < self.bound:
            self._kept.setdefault(split, array.array("Q")).append(value)
            self._count += 1
            if self._count > self.most:
                self._halve()

    def _halve(self):
        self.bound //= 2
        for split, values in self._kept.items():
            kept = self.of(split)
            self._kept[split] = array.array("Q", kept[kept < np.uint64(self.bound)].tobytes())
        self._count = sum(map(len, self._kept.values()))

    def of(self, split):
        """Returns the kept digests of a split, uint64, in the order of the texts."""
        return np.array(self._kept.get(split, ()), np.uint64)


def digest_splits(corpus, each=None):
    """Returns the `Digests` of all splits of a corpus.

    Args:
        corpus: The `Corpus`.
        each: Called as `each(split, text)` with every record or line, or None.
    """
    digests = Digests()
    for name in SPLITS:
        for text in units(corpus, name):
            digests.add(name, text)
            if each is not None:
                each(name, text)
    return digests


def describe_duplicates(corpus, digests, split, unit):
    """Returns what is there twice, JSON-ready.

    Args:
        corpus: The `Corpus`.
        digests: `Digests` of all its splits.
        split: The split of which the most repeated texts are shown.
        unit: What the texts are called.

    Returns:
        A dict: `unit`, `share_looked_at`; `within`, for each split its
        texts and the share of them that repeat an earlier one; `across`, for each later split the
        share of its texts that an earlier split has too; `repeated`: counts and beginnings of
        texts.
    """
    kept = {name: digests.of(name) for name in SPLITS}
    within, counted = [], {}
    for name, values in kept.items():
        different, counts = np.unique(values, return_counts=True)
        counted[name] = different, counts
        repeats = len(values) - len(different)
        within.append(
            {
                "split": name,
                "texts": digests.num_texts[name],
                "repeats": _scaled(repeats, digests),
                "share": repeats / max(1, len(values)),
            }
        )
    across = []
    for later, earlier in (("validation", "train"), ("test", "train"), ("test", "validation")):
        shared = int(np.isin(kept[later], counted[earlier][0]).sum())
        across.append(
            {
                "split": later,
                "also_in": earlier,
                "shared": _scaled(shared, digests),
                "share": shared / max(1, len(kept[later])),
            }
        )
    return {
        "unit": unit,
        "share_looked_at": digests.share,
        "within": within,
        "across": across,
        "repeated": _examples(corpus, split, *counted[split]),
    }


def _scaled(count, digests):
    return round(count / digests.share)


def _examples(corpus, split, different, counts):
    """Reads the split again, until the beginnings of its most repeated texts are found."""
    order = np.argsort(-counts, kind="stable")[:MAX_EXAMPLES]
    wanted = {int(different[i]): int(counts[i]) for i in order if counts[i] > 1}
    found = {}
    for text in units(corpus, split) if wanted else ():
        value = digest(text)
        if value in wanted and value not in found:
            found[value] = text[:EXAMPLE_CHARACTERS]
            if len(found) == len(wanted):
                break
    return [
        {"count": count, "text": found[value]} for value, count in wanted.items() if value in found
    ]
