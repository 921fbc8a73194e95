"""The records of validation and test that a run keeps as text."""

import pytest

from lm_zoo.data.corpora.corpus import RecordCorpus
from lm_zoo.data.held_out import read_held_out, write_held_out
from lm_zoo.errors import UserError

SPLITS = {
    "train": [("a", "b", "c")],
    "validation": [("s", "t", "1"), ('"日"', "{}", "0")],
    "test": [("x", "y", "z")],
}
FIELDS = ("source", "target", "split")


@pytest.fixture
def path(tmp_path):
    corpus = RecordCorpus("small", SPLITS, "here", "none", FIELDS)
    write_held_out(corpus, tmp_path / "held_out.jsonl")
    return tmp_path / "held_out.jsonl"


def test_what_was_written_is_read_in_any_order_of_fields(path):
    for split in ("validation", "test"):
        assert read_held_out(path, FIELDS, split, len(SPLITS[split])) == SPLITS[split]
    assert read_held_out(path, ("target", "source"), "test") == [("y", "x")]
    assert len(path.read_text().splitlines()) == 3


def test_what_is_missing_or_damaged_is_told(path):
    with pytest.raises(UserError, match="is damaged .*it has 2 records of validation, expected 3"):
        read_held_out(path, FIELDS, "validation", 3)
    with pytest.raises(UserError, match="is damaged .*label.*; restore it"):
        read_held_out(path, ("label",), "test")
    path.write_text(path.read_text()[:-9])
    with pytest.raises(UserError, match="is damaged .*; restore it"):
        read_held_out(path, FIELDS, "test")
    path.unlink()
    with pytest.raises(UserError, match="held_out.jsonl is missing; restore it"):
        read_held_out(path, FIELDS, "test")
