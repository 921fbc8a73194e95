"""SentencePiece: trained models give text back, loaded ones keep their rules."""

import numpy as np
import pytest

from lm_zoo.config import TokenizerConfig
from lm_zoo.errors import UserError
from lm_zoo.text.cuts import split_text
from lm_zoo.text.tokenizers import TOKENIZERS, foreign_kind, train_tokenizer
from tests.text.conftest import SENTENCE_PIECE
from tests.text.strings import STRINGS


def test_a_loaded_model_does_what_sentencepiece_does(foreign_model):
    tokenizer, processor = foreign_model
    for text in STRINGS:
        ids = processor.encode(text)
        assert tokenizer.encode(text).tolist() == ids, repr(text[:80])
        # There " ⁇ " keeps its space at the beginning, and of several spaces none stays.
        if ids[:1] != [processor.unk_id()] and not text.startswith("\u2581"):
            assert tokenizer.decode(ids) == processor.decode(ids), repr(text[:80])


@pytest.mark.parametrize("size", [1, 300])
def test_a_stream_in_parts_has_the_ids_of_the_whole_in_loaded_models(
    foreign_model, size, training_text
):
    tokenizer, processor = foreign_model
    text = "".join(STRINGS[3:9]) + "a\n \n  b\n\n\nc \nd" + training_text[:5000]
    cut = list(split_text(text, size))
    ids, counts = tokenizer.encode_parts(cut, [True, *[False] * (len(cut) - 1)])
    assert len(counts) == len(cut) > 5
    assert ids.tolist() == tokenizer.encode(text).tolist()


@pytest.mark.parametrize("name", SENTENCE_PIECE)
def test_a_trained_model_is_sentencepieces_own(name, trained, training_text):
    """But for the stretches that long texts are cut into."""
    processor = trained[name]._processor
    for text in [*STRINGS, *training_text.split("\n")[:300]]:
        assert trained[name].encode(text).tolist() == processor.encode(text), repr(text[:80])


@pytest.mark.parametrize("name", SENTENCE_PIECE)
def test_a_newline_is_one_token_and_no_piece_crosses_it(name, trained):
    tokenizer = trained[name]
    assert [i for i, piece in enumerate(tokenizer.pieces) if piece == b"\n"] == [
        *tokenizer.encode("\n"),
        tokenizer._processor.piece_to_id("<0x0A>"),
    ]
    assert not any(b"\n" in piece for piece in tokenizer.pieces if len(piece) > 1)
    assert tokenizer.token_text(tokenizer.eos_id) == "</s>"
    assert tokenizer.eos_id not in tokenizer.encode("</s>") and tokenizer.unk_id is None


def test_training_takes_no_line_away():
    """sentencepiece leaves out, without a word, long lines and lines with a tab or a NUL."""
    for text in ("wolf " * 3000, "wolf wolf\twolf wolf\t", "wolf\0wolf wolf wolf wolf\0"):
        for name in SENTENCE_PIECE:
            tokenizer = TOKENIZERS[name].train([text], vocab_size=300)
            assert any(b"wolf" in piece for piece in tokenizer.pieces), (name, text[:20])


@pytest.mark.parametrize("name", SENTENCE_PIECE)
def test_chinese_is_learned_and_given_back(name, shared_data):
    import json

    path = shared_data("zh_poetry") / "poet.tang.0.json"
    poems = ["\n".join(poem["paragraphs"]) for poem in json.loads(path.read_bytes())][:300]
    tokenizer = TOKENIZERS[name].train(poems, vocab_size=1500)  # fewer than its characters
    ids, counts = tokenizer.encode_batch(poems)
    for poem, row in zip(poems, np.split(ids, np.cumsum(counts)[:-1]), strict=True):
        assert tokenizer.decode(row) == poem
    assert sum(len(piece.decode(errors="ignore")) > 1 for piece in tokenizer.pieces) > 100


def test_a_path_loads_a_model_file(trained, tmp_path):
    for name in SENTENCE_PIECE:
        path = tmp_path / name / "tokenizer.model"
        path.parent.mkdir()
        path.write_bytes(trained[name].model)
        assert foreign_kind(path) == foreign_kind(path.parent) == name
        for place in (path, path.parent):
            loaded = train_tokenizer(TokenizerConfig(name=name, path=str(place)), ())
            assert loaded.fingerprint == trained[name].fingerprint
    config = TokenizerConfig(name=SENTENCE_PIECE[0], path=str(tmp_path / SENTENCE_PIECE[1]))
    with pytest.raises(UserError, match="found a sentencepiece_unigram one; set tokenizer.name to"):
        train_tokenizer(config, ())


def test_a_damaged_model_file_is_an_error(trained, tmp_path):
    path = tmp_path / "a.model"
    config = TokenizerConfig(name="sentencepiece_bpe", path=str(path))
    good = trained["sentencepiece_bpe"].model
    for data in (b"", b"\xff", b"some text", good[: len(good) // 2], good[100:]):
        path.write_bytes(data)
        with pytest.raises(UserError, match="a.model: expected a SentencePiece model"):
            train_tokenizer(config, ())
    path.unlink()
    with pytest.raises(UserError, match="expected lm_zoo_tokenizer.json"):
        train_tokenizer(config, ())
    (tmp_path / "b.model").write_bytes(good)
    (tmp_path / "c.model").write_bytes(good)
    with pytest.raises(UserError, match="expected one .model file in .*found b.model, c.model"):
        train_tokenizer(TokenizerConfig(name="sentencepiece_bpe", path=str(tmp_path)), ())


def test_more_pieces_than_the_text_has_are_not_asked_for():
    tokenizer = TOKENIZERS["sentencepiece_bpe"].train(["ab ab abc"], vocab_size=5000)
    assert tokenizer.vocab_size < 300 and tokenizer.decode(tokenizer.encode("cab")) == "cab"
