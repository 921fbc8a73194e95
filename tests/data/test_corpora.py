"""Corpora: what is read, how it is split, and what is refused."""

import hashlib

import pytest

from lm_zoo.config import DataConfig
from lm_zoo.data.corpora import load_corpus
from lm_zoo.data.corpora.corpus import cut
from lm_zoo.errors import UserError


def text_files(**fields):
    return load_corpus(DataConfig(corpus="text_files", **fields))


def write(path, data):
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return str(path)


def test_the_python_reference_is_pythons_help_without_training_on_what_is_held_out():
    from pydoc_data import topics

    corpus = load_corpus(DataConfig())
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
    assert load_corpus(DataConfig()).sha256 == corpus.sha256


def test_checksums_are_of_the_utf8_text(tmp_path):
    corpus = text_files(train_files=(write(tmp_path / "a", "né\r\n" * 10),))
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


def test_tiny_shakespeare_is_split_as_published(shared_data):
    path = shared_data("tinyshakespeare") / "input.txt"
    data = path.read_text(encoding="utf-8")
    corpus = text_files(train_files=(str(path),), validation_fraction=0.1, test_fraction=0.0)
    assert corpus.splits["train"] == data[: int(len(data) * 0.9)]
    assert corpus.splits["validation"] == data[int(len(data) * 0.9) :]
    assert len(corpus.splits["validation"]) == 111_540


def test_splits_can_be_files(tmp_path):
    train = write(tmp_path / "train", "t" * 100)
    validation, test = write(tmp_path / "v", "vvv"), write(tmp_path / "w", "www\n")
    by_file = dict(train_files=(train,), validation_files=(validation,), test_files=(test,))
    assert text_files(**by_file).splits == {
        "train": "t" * 100,
        "validation": "vvv",
        "test": "www\n",
    }
    partly = text_files(train_files=(train,), validation_files=(validation,), test_fraction=0.1)
    assert partly.splits == {"train": "t" * 90, "validation": "vvv", "test": "t" * 10}


def test_files_are_put_together_line_by_line_and_newlines_kept(tmp_path):
    texts = ("a\r\nb", "c\r", "d")
    files = tuple(write(tmp_path / str(i), text) for i, text in enumerate(texts))
    fractions = dict(validation_fraction=0.0, test_fraction=0.0)
    assert text_files(train_files=files, **fractions).splits["train"] == "a\r\nb\nc\r\nd"


def test_one_byte_order_mark_is_dropped(tmp_path):
    files = (write(tmp_path / "bom", "\ufeff\ufefféa"),)
    fractions = dict(validation_fraction=0.0, test_fraction=0.0)
    assert text_files(train_files=files, **fractions).splits["train"] == "\ufefféa"


@pytest.mark.parametrize("field", ["train_files", "validation_files", "test_files"])
def test_bad_files_are_named(field, tmp_path):
    good = write(tmp_path / "good", "good text " * 9)
    bad_bytes = write(tmp_path / "latin1", "caf\u00e9".encode() + b" caf\xe9 and more")
    for path, message in [
        (write(tmp_path / "empty", ""), "empty' is empty"),
        (write(tmp_path / "bom_alone", b"\xef\xbb\xbf"), "bom_alone' is empty"),
        (str(tmp_path / "missing"), "there is no file '.*missing'"),
        (str(tmp_path), "is a folder"),
        (bad_bytes, "latin1' is not UTF-8: byte 0xe9 at offset 9"),
        (write(tmp_path / "cut", "中".encode()[:2]), "cut' is not UTF-8: byte 0xe4 at offset 0"),
        (write(tmp_path / "utf16", "text".encode("utf-16")), "byte 0xff at offset 0"),
    ]:
        fields = {"train_files": (good,), field: (good, path)}
        with pytest.raises(UserError, match=rf"data\.{field}: .*{message}") as caught:
            text_files(**fields)
        assert "\n" not in str(caught.value)


def test_no_files_and_no_text_left_are_errors(tmp_path):
    with pytest.raises(UserError, match="data.train_files: expected one text file or more"):
        text_files()
    with pytest.raises(UserError, match="leave no text to train on"):
        text_files(train_files=(write(tmp_path / "short", "a"),))


def test_an_unknown_corpus_is_an_error_with_the_nearest():
    with pytest.raises(UserError, match="data.corpus: .*Did you mean 'python_reference'"):
        load_corpus(DataConfig(corpus="python_refrence"))
