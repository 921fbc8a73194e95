"""Words are counted as PTB and WikiText publish them."""

import collections

import pytest

from lm_zoo.text.tokenizers import WordTokenizer
from lm_zoo.text.words import count_words


def words_of(tokenizer, text):
    return [tokenizer.token_text(i) for i in tokenizer.encode(text)]


def test_words_and_line_ends_become_tokens():
    tokenizer = WordTokenizer.train("the cat\nthe  dog \n")
    assert words_of(tokenizer, " the\tdog\r\n\nbird the") == [
        *("the", "dog", "<eos>", "<eos>", "<unk>", "the"),
    ]
    assert tokenizer.unk_id == 0 and tokenizer.eos_id == 1


def test_only_ascii_white_space_parts_words():
    tokenizer = WordTokenizer.train("a\u00a0b \u3000 c\x0bd\x0ce\x1cf")
    assert words_of(tokenizer, "c \u3000 a\u00a0b e\x1cf d") == [
        *("c", "\u3000", "a\u00a0b", "e\x1cf", "d"),
    ]


def test_words_come_by_frequency_then_alphabet():
    text = "b a c c\nd d d zebra\n"
    assert WordTokenizer.train(text).words == ["<unk>", "<eos>", "d", "c", "a", "b", "zebra"]
    assert WordTokenizer.train(text, vocab_size=4).words == ["<unk>", "<eos>", "d", "c"]
    assert WordTokenizer.train(text, min_count=3).words == ["<unk>", "<eos>", "d"]


def test_special_words_written_out_are_the_special_tokens():
    tokenizer = WordTokenizer.train("<unk> <unk> <unk> a <eos> b <eos>\n")
    assert tokenizer.words == ["<unk>", "<eos>", "a", "b"]
    assert words_of(tokenizer, "<unk> a <eos>\n<unk>.") == ["<unk>", "a", "<eos>", "<eos>", "<unk>"]


def test_decoding_puts_one_space_between_words_and_ends_lines():
    tokenizer = WordTokenizer.train("a b c\n")
    for text, written in [
        ("a  b\t c", "a b c"),
        ("a \n b\n\n\nc", "a\nb\n\n\nc"),
        ("\na\n", "\na\n"),
        ("a what\n", "a <unk>\n"),
        ("\n\n", "\n\n"),
    ]:
        assert tokenizer.decode(tokenizer.encode(text)) == written
        assert tokenizer.encode(written).tolist() == tokenizer.encode(text).tolist()


def test_wikitext_2_has_its_published_size(shared_data):
    folder = shared_data("wikitext-2")
    published = {"train": 2_088_628, "valid": 217_646, "test": 245_569}
    texts = {
        name: open(folder / f"{name}.txt", encoding="utf-8", newline="").read()
        for name in published
    }
    tokenizer = WordTokenizer.train([texts["train"]])
    assert tokenizer.vocab_size == 33_278
    for name, text in texts.items():
        ids = tokenizer.encode(text)
        assert len(ids) == count_words(text.encode()) == published[name]
        counted = collections.Counter(text.replace("\n", " <eos> ").split(" "))
        for word in ("<unk>", "<eos>", "the"):
            assert (ids == tokenizer.words.index(word)).sum() == counted[word]


def test_a_vocabulary_with_white_space_in_it_is_refused():
    with pytest.raises(ValueError, match="without white space"):
        WordTokenizer(["a b"])
