"""Splits are as near to what was asked as whole documents can be, and what is not near is said."""

import fractions

import pytest

from lm_zoo.config import CorpusConfig, DataConfig, ExperimentConfig
from lm_zoo.data.corpora.corpus import SPLITS
from lm_zoo.data.corpora.splitting import ByFraction
from lm_zoo.data.examples import prepared_examples, prepared_preprocessors
from lm_zoo.data.fields import Field
from lm_zoo.data.preparation import prepared_corpus
from lm_zoo.data.split_shares import split_notes
from lm_zoo.errors import UserError
from lm_zoo.evaluation.perplexity import Evaluator
from lm_zoo.experiment import describe_examples
from lm_zoo.registry import build_model

BOOK = "It was a dark night,\n\nand the rain fell in torrents.\n" * 30


def prepared(tmp_path, count, size=lambda number: 1, **data):
    """Returns corpus and tokens of so many books, as a config with these fields reads them."""
    folder = tmp_path / "books"
    folder.mkdir(exist_ok=True)
    for number in range(count):
        text = f"Book {number}\n" + BOOK * size(number)
        (folder / f"{number:03}.txt").write_text(text, encoding="utf-8")
    settings = {"train_files": (str(folder),), "documents": "file", "split_by": "fraction"}
    config = ExperimentConfig(
        corpus=CorpusConfig("text_files", **settings | data),
        data=DataConfig(cache_dir=str(tmp_path / "cache")),
    )
    config.tokenizer.name, config.tokenizer.vocab_size = "byte", 0
    corpus = prepared_corpus(config, (Field("text"),))
    preprocessors = prepared_preprocessors(config, corpus, (Field("text"),))
    examples = prepared_examples(config, corpus, preprocessors)
    return corpus, examples, preprocessors["text"]


def documents_of(examples):
    return {name: examples.split(name).num_examples for name in SPLITS}


def test_five_books_have_no_twentieth_and_it_is_said_before_training(tmp_path):
    corpus, examples, tokenizer = prepared(tmp_path, 5)
    assert documents_of(examples) == {"train": 5, "validation": 0, "test": 0}
    (note,) = split_notes(corpus, examples)
    assert "0.05 for validation, which is empty, and of 0.05 for test, which is empty" in note
    assert "5 documents, which are not split" in note and "\n" not in note
    assert "corpus.validation_files and corpus.test_files" in note and "corpus.documents" in note
    tokens = examples.fields["text"]
    assert tokens.split("validation").num_tokens == 0
    (line,) = describe_examples({"text": tokenizer}, examples)
    assert line.endswith("validation none (empty), test none (empty)")
    model = build_model("gru_lm", vocab_size=256, hidden_dim=4, num_layers=1)
    with pytest.raises(UserError, match="split: the test split is empty"):
        Evaluator(model, tokenizer).evaluate(tokens.split("test"))


def test_own_validation_files_send_no_third_of_the_text_to_test(tmp_path):
    own = tmp_path / "own.txt"
    own.write_text(BOOK, encoding="utf-8")
    corpus, examples, _ = prepared(tmp_path, 3, validation_files=(str(own),))
    assert documents_of(examples) == {"train": 3, "validation": 1, "test": 0}
    (note,) = split_notes(corpus, examples)
    assert "0.05 for test, which is empty" in note and "validation" not in note


@pytest.mark.parametrize("count, each", [(10, 1), (20, 1), (60, 3), (200, 10)])
def test_more_books_are_split_near_what_was_asked(count, each, tmp_path):
    corpus, examples, _ = prepared(tmp_path, count)
    assert documents_of(examples) == {"train": count - 2 * each, "validation": each, "test": each}
    assert split_notes(corpus, examples) == []


def test_a_share_is_one_of_text_and_not_of_documents(tmp_path):
    corpus, examples, _ = prepared(tmp_path, 20, size=lambda number: 1 + 19 * (number == 19))
    (note,) = split_notes(corpus, examples)
    assert "0.05 for test, which has 0.51" in note


def test_what_was_not_asked_or_asked_by_hand_is_not_spoken_of(tmp_path):
    corpus, examples, _ = prepared(tmp_path, 5, validation_fraction=0.2, test_fraction=0.0)
    assert documents_of(examples) == {"train": 4, "validation": 1, "test": 0}
    assert split_notes(corpus, examples) == []


def test_documents_chosen_by_their_hashes_are_looked_at_too(tmp_path):
    corpus, examples, _ = prepared(tmp_path, 3, split_by="document_hash")
    assert documents_of(examples)["train"] == 3
    (note,) = split_notes(corpus, examples)
    assert "3 documents, which are not split" in note


def test_whole_documents_are_the_nearest_there_are():
    for count in range(1, 80):
        for validation, test in ((0.05, 0.05), (0.1, 0.0), (0.25, 0.3), (0.5, 0.5)):
            splitting = ByFraction(validation, test)
            bounds = [
                splitting.document_bounds(split, count) for split in ("train", "validation", "test")
            ]
            assert bounds[0][0] == 0 and bounds[2][1] == count
            assert bounds[0][1] == bounds[1][0] and bounds[1][1] == bounds[2][0]
            (first, last), wanted = bounds[2], count * fractions.Fraction(str(test))
            assert abs(last - first - wanted) <= fractions.Fraction(1, 2)
            (first, last), wanted = bounds[1], count * fractions.Fraction(str(validation))
            assert abs(last - first - wanted) <= 1 if test == 0.5 else fractions.Fraction(1, 2)
