"""What every tokenizer promises."""

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest

from lm_zoo.config import TokenizerConfig
from lm_zoo.errors import UserError
from lm_zoo.text.cuts import split_text
from lm_zoo.text.tokenizers import TOKENIZERS, load_tokenizer, train_tokenizer
from lm_zoo.text.tokenizers.tokenizer import FILE_NAME
from tests.text.conftest import SIZES
from tests.text.strings import STRINGS


def test_ids_are_int32_and_in_range(tokenizer):
    for text in STRINGS:
        ids = tokenizer.encode(text)
        assert ids.dtype == np.int32 and ids.ndim == 1
        assert all(0 <= i < tokenizer.vocab_size for i in ids)


@pytest.mark.parametrize("text", STRINGS)
@pytest.mark.parametrize("name", ["byte", "bpe", "sentencepiece_bpe", "sentencepiece_unigram"])
def test_these_give_any_text_back(name, text, trained):
    tokenizer = trained[name]
    if name.startswith("sentencepiece"):
        text = text.replace("\u2581", " ")  # SentencePiece's own sign for a space
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.decode_bytes(tokenizer.encode(text)) == text.encode()


def test_characters_give_back_a_text_of_known_ones():
    text = "".join(STRINGS)
    tokenizer = TOKENIZERS["character"].train(text)
    assert tokenizer.vocab_size == len(set(text)) + 1
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_chinese_words_give_back_a_text_of_known_ones():
    for text in STRINGS:
        tokenizer = TOKENIZERS["chinese_word"].train(text + "\na")
        assert tokenizer.decode(tokenizer.encode(text)) == text


def test_many_texts_at_once_have_the_ids_that_each_has(tokenizer):
    ids, counts = tokenizer.encode_batch(STRINGS)
    assert ids.dtype == np.int32 and counts.dtype == np.int64
    rows = np.split(ids, np.cumsum(counts)[:-1])
    for text, row in zip(STRINGS, rows, strict=True):
        assert row.tolist() == tokenizer.encode(text).tolist()
    ids, counts = tokenizer.encode_batch([])
    assert ids.shape == counts.shape == (0,) and ids.dtype == np.int32


@pytest.mark.parametrize("size", [1, 50, 4000])
def test_a_stream_in_parts_has_the_ids_of_the_whole(tokenizer, training_text, size):
    text = "".join(STRINGS) + training_text[:9000] + "\n".join(STRINGS)
    cut = list(split_text(text, size))
    ids, counts = tokenizer.encode_parts(cut, [True, *[False] * (len(cut) - 1)])
    assert len(counts) == len(cut) > 5 and ids.tolist() == tokenizer.encode(text).tolist()


def test_decoded_bytes_only_grow_as_tokens_come(tokenizer):
    for text in ("It jumps\nover\n\n two  lines 🙂 中文", "\n\na b"):
        ids, before = tokenizer.encode(text), b""
        for end in range(len(ids) + 1):
            now = tokenizer.decode_bytes(ids[:end])
            assert now.startswith(before)
            before = now


def test_saving_and_loading_changes_nothing(tokenizer, tmp_path):
    tokenizer.save(tmp_path / "new" / "folder")
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == [FILE_NAME]
    loaded = load_tokenizer(tmp_path / "new" / "folder")
    assert type(loaded) is type(tokenizer)
    for attribute in ("name", "vocab_size", "unk_id", "eos_id", "start_text", "fingerprint"):
        assert getattr(loaded, attribute) == getattr(tokenizer, attribute)
    for text in STRINGS:
        ids = tokenizer.encode(text)
        assert loaded.encode(text).tolist() == ids.tolist()
        assert loaded.decode(ids) == tokenizer.decode(ids)
    tokenizer.save(tmp_path / "new" / "folder")  # over the one that is there


def test_training_twice_gives_the_same_fingerprint_and_other_text_another(tokenizer, training_text):
    train = type(tokenizer).train
    size = SIZES.get(tokenizer.name, 0)
    assert train([training_text], vocab_size=size).fingerprint == tokenizer.fingerprint
    if tokenizer.name != "byte":
        other = train([training_text[:9_000] + "zyzzyva 中 zyzzyva"], vocab_size=size)
        assert other.fingerprint != tokenizer.fingerprint


def test_fingerprints_stay_the_same_over_time():
    written_out = {
        "character": b'["character",{"characters":"\\na\\u00f1"}]',
        "word": b'["word",{"words":["b","a"]}]',
        "byte": b'["byte",{}]',
    }
    for name, content in written_out.items():
        tokenizer = TOKENIZERS[name].train("b b a" if name == "word" else "a\u00f1\n")
        assert tokenizer.fingerprint == hashlib.sha256(content).hexdigest()


def test_tokens_print_on_one_line_each(tokenizer):
    for i in range(tokenizer.vocab_size):
        text = tokenizer.token_text(i)
        assert text and text.isprintable()


def test_token_texts_say_what_the_token_is(trained):
    assert trained["byte"].token_text(ord("\n")) == "\\n"
    assert trained["byte"].token_text(0xE2) == "\\xe2"
    assert trained["character"].token_text(0) == "<unk>"
    assert trained["word"].token_text(1) == "<eos>"
    bpe = trained["bpe"]
    assert bpe.token_text(bpe.eos_id) == "<|endoftext|>"
    assert [bpe.token_text(i) for i in bpe.encode(" the")] == [" the"]


def test_a_text_without_context_starts_after_an_end_or_a_newline(trained):
    assert trained["word"].start_text == ""
    assert trained["word"].start_ids.tolist() == [trained["word"].eos_id]
    # <|endoftext|> and </s> are not in the text models learn from.
    for name in ("character", "byte", "bpe", "sentencepiece_bpe", "sentencepiece_unigram"):
        assert trained[name].start_text == "\n"
        assert trained[name].start_ids.tolist() == trained[name].encode("\n").tolist()
    assert trained["chinese_word"].start_ids.tolist() == [trained["chinese_word"].eos_id]
    assert trained["wordpiece"].start_ids.size == 0
    without_newline = TOKENIZERS["character"].train("abc")
    assert without_newline.start_text == "" and without_newline.start_ids.size == 0
    assert without_newline.start_ids.dtype == np.int32


def test_a_start_token_stands_before_every_prompt(trained, tmp_path):
    newline = trained["byte"].encode("\n").tolist()
    assert trained["byte"].encode_prompt("ab").tolist() == [97, 98]
    assert trained["byte"].encode_prompt("").tolist() == newline
    started = TOKENIZERS["byte"]()
    started.bos_id = 7
    started.save(tmp_path)
    for tokenizer in (started, load_tokenizer(tmp_path)):
        assert tokenizer.encode("ab").tolist() == [97, 98]
        assert tokenizer.encode_prompt("ab").tolist() == [7, 97, 98]
        assert tokenizer.encode_prompt("").tolist() == [7]


def test_decoding_refuses_ids_outside_the_vocabulary(tokenizer):
    for wrong in (-1, tokenizer.vocab_size):
        with pytest.raises(UserError, match=f"received {wrong}"):
            tokenizer.decode([0, wrong])


def test_a_lone_surrogate_is_refused_with_its_place(tokenizer):
    with pytest.raises(UserError, match="surrogate at character 2"):
        tokenizer.encode("ab\ud800c")


def test_no_text_to_train_on_is_an_error():
    for name in ("character", "word", "chinese_word"):
        for texts in ([], [""], ["a bc"]):
            with pytest.raises(UserError, match="give text"):
                TOKENIZERS[name].train(texts, min_count=2)
    for name in ("wordpiece", "sentencepiece_bpe", "sentencepiece_unigram"):
        for texts in ([], [""], ["\n\n\t"]):
            with pytest.raises(UserError, match="give text"):
                TOKENIZERS[name].train(texts, vocab_size=300)


IMPOSSIBLE = {
    "bpe": 256,
    "byte": 255,
    "character": 1,
    "chinese_word": 2,
    "sentencepiece_bpe": 269,
    "sentencepiece_unigram": 0,
    "word": 2,
    "wordpiece": 6,
}


@pytest.mark.parametrize("name, size", IMPOSSIBLE.items())
def test_an_impossible_vocabulary_size_is_an_error(name, size):
    with pytest.raises(UserError, match=rf"tokenizer\.vocab_size: .* received {size}"):
        TOKENIZERS[name].train(["some words here"], vocab_size=size)


def test_an_unknown_name_is_an_error_with_the_nearest():
    with pytest.raises(UserError, match="Did you mean 'character'"):
        train_tokenizer(TokenizerConfig(name="charactr"), ["a"])


def test_a_path_loads_instead_of_training(trained, tmp_path):
    trained["word"].save(tmp_path)
    config = TokenizerConfig(name="word", path=str(tmp_path))
    assert train_tokenizer(config, ["other"]).fingerprint == trained["word"].fingerprint
    with pytest.raises(UserError, match="expected a byte tokenizer.*found word"):
        train_tokenizer(TokenizerConfig(name="byte", path=str(tmp_path)), ["other"])


def test_a_missing_tokenizer_is_an_error(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UserError, match=f"expected {FILE_NAME} in {folder}"):
            load_tokenizer(folder)


def test_a_damaged_or_altered_tokenizer_is_an_error(tokenizer, tmp_path):
    tokenizer.save(tmp_path)
    path = tmp_path / FILE_NAME
    good = path.read_bytes()
    values = json.loads(good)
    altered = dict(values, content=dict(values["content"], more=1))
    for data in (good[: len(good) // 2], b"", b"[]", b"\xff" + good, json.dumps(altered).encode()):
        path.write_bytes(data)
        with pytest.raises(UserError, match="damaged or was altered"):
            load_tokenizer(tmp_path)
    path.write_text(json.dumps(dict(values, format_version=99)))
    with pytest.raises(UserError, match="format version 99, expected 2"):
        load_tokenizer(tmp_path)
    path.write_text(json.dumps(dict(values, name="morphemes")))
    with pytest.raises(UserError, match="kind 'morphemes', expected one of: bpe"):
        load_tokenizer(tmp_path)


def test_a_folder_that_cannot_be_written_is_an_error(tokenizer, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match=f"cannot write {tmp_path}"):
        tokenizer.save(tmp_path / "file")


def test_importing_and_training_does_not_import_tensorflow():
    code = (
        "import sys\n"
        "from lm_zoo.text.tokenizers import TOKENIZERS\n"
        "for cls in TOKENIZERS.values():\n"
        "    cls.train(['some text here'], vocab_size=300).encode('text')\n"
        "import lm_zoo.data.corpora, lm_zoo.data.tokens.token_files\n"
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
