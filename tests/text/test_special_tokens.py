"""Special tokens that are written out: tokens in corpora, text in what users type."""

import pytest

from lm_zoo.text.tokenizers import TOKENIZERS
from tests.text.strings import STRINGS

WRITTEN = {"bpe": "<|endoftext|>", "wordpiece": "[SEP]", "word": "<eos>"}
TEXTS = STRINGS + [f"a {token} b{token}{token}c" for token in (*WRITTEN.values(), "<unk>", "[PAD]")]


@pytest.mark.parametrize("name", WRITTEN)
def test_they_are_tokens_or_text_as_asked(name, trained):
    tokenizer, written = trained[name], WRITTEN[name]
    text = f"the {written} cat"
    assert tokenizer.eos_id in tokenizer.encode(text)
    assert tokenizer.eos_id in tokenizer.encode(text, "control")
    assert tokenizer.eos_id not in tokenizer.encode(text, "text")
    assert tokenizer.eos_id not in tokenizer.encode_prompt(text)  # what a user types
    assert tokenizer.eos_id in tokenizer.encode_prompt(text, "control")
    if name == "bpe":
        assert tokenizer.decode(tokenizer.encode(text, "text")) == text


@pytest.mark.parametrize("name", sorted(TOKENIZERS))
def test_text_mode_never_gives_a_special_token(name, trained):
    tokenizer = trained[name]
    special = set(tokenizer.special_ids) - {tokenizer.unk_id}
    for text in TEXTS:
        if "\n" not in text:  # the end of a line, to word tokenizers
            assert not special & set(tokenizer.encode(text, "text").tolist())


def test_hugging_face_splits_them_alike(trained):
    tokenizer = trained["bpe"]
    library = tokenizer.library()
    library.encode_special_tokens = True
    for text in TEXTS:
        assert tokenizer.encode(text, "text").tolist() == library.encode(text).ids
