"""Byte-level BPE agrees with GPT-2."""

import json
import random

import pytest

from lm_zoo.config import TokenizerConfig
from lm_zoo.errors import UserError
from lm_zoo.text.cuts import split_text
from lm_zoo.text.tokenizers import (
    BytePairTokenizer,
    library,
    load_tokenizer,
    train_tokenizer,
)


def test_every_published_id_is_met(gpt2, published):
    assert (gpt2.vocab_size, gpt2.eos_id) == (50257, 50256)
    for text, ids in published:
        assert gpt2.encode(text).tolist() == ids
        assert gpt2.decode(ids) == text


def test_cutting_a_long_text_changes_no_token(trained, training_text, monkeypatch):
    tokenizer = trained["bpe"]
    rng = random.Random(1)
    pieces = [
        "word.\n",
        "a \n",
        "\n\n",
        " \n ",
        "x\r\n",
        "é\n",
        "中。\n",
        "e\u0301\n",
        "\x1c\n",
        "\u00a0\n",
        "<|endoftext|>\n",
        "it's\n's",
        "  ",
    ]
    text = training_text[:20_000] + "".join(rng.choices(pieces, k=4000))
    library_ids = tokenizer._library.encode(text).ids
    for size in (1, 7, 1000):
        monkeypatch.setattr(library, "CHUNK_CHARACTERS", size)
        chunks = list(split_text(text, size))
        assert len(chunks) > 10 and "".join(chunks) == text
        assert tokenizer.encode(text).tolist() == library_ids


def test_an_end_of_text_is_one_token_and_nothing_is_learned_from_it():
    tokenizer = BytePairTokenizer.train("abab<|endoftext|>" * 50, vocab_size=300)
    assert tokenizer.decode([tokenizer.eos_id]) == "<|endoftext|>"
    assert (tokenizer.encode("ab<|endoftext|>") == tokenizer.eos_id).sum() == 1
    assert not any("end" in token for token in tokenizer.vocabulary if token != "<|endoftext|>")


def test_training_learns_the_most_frequent_pairs_first():
    tokenizer = BytePairTokenizer.train("hug " * 10 + "pug " * 5 + "hugs " * 5, vocab_size=1000)
    assert tokenizer.merges[:2] == [("u", "g"), ("h", "ug")]  # ug 20 times, then hug 15 times
    limited = BytePairTokenizer.train("hug " * 10 + "pug " * 5 + "hugs " * 5, vocab_size=258)
    assert limited.vocab_size == 258 and limited.merges == [("u", "g")]


def test_hugging_face_file_names_are_read_too(trained, tmp_path):
    tokenizer = trained["bpe"]
    (tmp_path / "vocab.json").write_text(json.dumps(tokenizer.vocabulary), encoding="utf-8")
    lines = ["#version: 0.2", *(" ".join(pair) for pair in tokenizer.merges), ""]
    (tmp_path / "merges.txt").write_text("\n".join(lines), encoding="utf-8")
    config = TokenizerConfig(name="bpe", path=str(tmp_path))
    loaded = train_tokenizer(config, [])
    assert loaded.fingerprint == tokenizer.fingerprint
    loaded.save(tmp_path)
    assert load_tokenizer(tmp_path).fingerprint == tokenizer.fingerprint


def test_damaged_gpt2_files_are_errors(trained, tmp_path):
    tokenizer = trained["bpe"]
    vocabulary = tokenizer.vocabulary
    with pytest.raises(UserError, match="expected encoder.json and vocab.bpe"):
        BytePairTokenizer.from_gpt2_files(tmp_path)
    merges = "\n".join(" ".join(pair) for pair in tokenizer.merges)
    without_a_byte = {t: i for i, t in enumerate(t for t in vocabulary if t != "a")}
    for vocab, merge_lines, message in [
        (json.dumps(vocabulary)[:99], merges, "is damaged"),
        ("[1]", merges, "expected token to id"),
        (
            json.dumps(vocabulary),
            merges + "\nqqq zzz",
            "merge 'qqq zzz' has tokens that are not in the vocabulary",
        ),
        (json.dumps(vocabulary), merges[: len(merges) // 2] + "\nx", "merge"),
        (json.dumps(without_a_byte), merges, "byte 97 is missing"),
        (json.dumps(vocabulary | {"odd": 9999}), merges, "run from 0 without gaps"),
        (json.dumps(vocabulary | {"中": len(vocabulary)}), merges, "token '中' is not in"),
    ]:
        (tmp_path / "encoder.json").write_text(vocab, encoding="utf-8")
        (tmp_path / "vocab.bpe").write_text(merge_lines, encoding="utf-8")
        with pytest.raises(UserError, match=message):
            BytePairTokenizer.from_gpt2_files(tmp_path)
