"""Whether the splits that were cut from the training files are as large as was asked."""

from lm_zoo.data.corpora.corpus import SPLITS

NEAR = 2  # times as much, or as little, as was asked is near


def split_notes(corpus, examples):
    """Returns what to say of splits that came out far from what was asked, as lines of text.

    Documents are never cut: of a few, no split has exactly its share.

    Args:
        corpus: The cleaned `Corpus`.
        examples: Its `Examples`.
    """
    asked = corpus.asked_shares
    if not asked:
        return []
    sizes = _sizes(corpus, examples)
    total = sum(sizes[name][0] for name in ("train", *asked))
    shares = {name: sizes[name][0] / total for name in asked}
    far = [n for n in SPLITS if n in asked and not 1 / NEAR <= shares[n] / asked[n] <= NEAR]
    if not far:
        return []
    found = ", and of ".join(
        f"{asked[name]:.3g} for {name}, which "
        + (f"has {shares[name]:.3g}" if shares[name] else "is empty")
        for name in far
    )
    fields = " and ".join(f"corpus.{name}_files" for name in far)
    fractions = " and ".join(f"corpus.{name}_fraction" for name in far)
    why = remedy = ""
    if corpus.has_documents:
        several = len(corpus.fields) > 1
        documents = sum(sizes[name][1] for name in ("train", *asked))
        why = (
            f"; there are {documents:,} {'records' if several else 'documents'}, which are not "
            "split"
        )
        remedy = "" if several else ", or make documents smaller (corpus.documents)"
    return [
        f"Splits: a share of the text was asked of {found}{why}. Give {fields}, change {fractions}"
        f"{remedy}."
    ]


def _sizes(corpus, examples):
    """Returns split -> (size, number of documents), as they were cut, before any cleaning."""
    if corpus.report:
        counts = corpus.report["steps"][0]["splits"]
        return {n: (c["characters_in"], c["documents_in"]) for n, c in counts.items()}
    splits = map(examples.split, SPLITS)
    return {
        split.name: (sum(f.num_bytes for f in split.fields.values()), split.num_examples or 0)
        for split in splits
    }
