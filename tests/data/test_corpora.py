"""Corpora: what is read, how it is split, and what is refused."""

import hashlib

import pytest

from lm_zoo.config import CorpusConfig
from lm_zoo.data.corpora import load_corpus
from lm_zoo.data.corpora.corpus import TextCorpus, cut
from lm_zoo.errors import UserError


def test_the_python_reference_is_pythons_help_without_training_on_what_is_held_out():
    from pydoc_data import topics

    corpus = load_corpus(CorpusConfig("python_reference"))
    total = sum(map(len, topics.topics.values()))
    assert corpus.licence.startswith("PSF")
    for split in ("validation", "test"):
        assert len(corpus.splits[split]) == pytest.approx(0.05 * total, rel=0.01)
    assert 0.8 * total < len(corpus.splits["train"]) < 0.9 * total
    sections = [s for text in topics.topics.values() for s in text.split("\n\n") if len(s) > 100]
    seen = {name: {s for s in sections if s in text} for name, text in corpus.splits.items()}
    assert len(set.union(*seen.values())) > 0.98 * len(set(sections))
    assert not seen["train"] & (seen["validation"] | seen["test"])
    assert list(corpus.splits) == ["train", "validation", "test"]
    assert load_corpus(CorpusConfig("python_reference")).sha256 == corpus.sha256


def test_checksums_are_of_the_utf8_text():
    splits = {"train": "né\r\n" * 10, "validation": "中", "test": ""}
    corpus = TextCorpus(name="a", splits=splits, source="", licence="")
    for name, text in corpus.splits.items():
        assert corpus.sha256[name] == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("length", [*range(1, 130), 1_115_394])
def test_a_tenth_for_validation_is_nanogpts_split(length):
    text = "x" * length
    train, validation, test = cut(text, 0.1, 0.0)
    assert (len(train), len(validation), test) == (
        int(length * 0.9),
        length - int(length * 0.9),
        "",
    )


def test_fractions_are_exact_where_floating_point_is_not():
    assert [len(part) for part in cut("x" * 1000, 0.05, 0.05)] == [900, 50, 50]
    assert [len(part) for part in cut("x" * 10, 0.1, 0.2)] == [7, 1, 2]
    assert "".join(cut("abcdefghij", 0.3, 0.3)) == "abcdefghij"


def test_an_unknown_corpus_is_an_error_with_the_nearest():
    with pytest.raises(UserError, match="corpus.name: .*Did you mean 'python_reference'"):
        load_corpus(CorpusConfig("python_refrence"))


def test_a_folder_is_no_use_to_a_corpus_that_is_made(tmp_path):
    for name in ("python_reference", "synthetic"):
        with pytest.raises(UserError, match="corpus.data_dir: there is no such field of"):
            load_corpus(CorpusConfig(name, data_dir=str(tmp_path)))
