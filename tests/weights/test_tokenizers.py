"""transformers' tokenizers give the ids of the ones that were written, and are read back."""

import json

import pytest

from lm_zoo.errors import UserError
from lm_zoo.text.tokenizers import (
    BytePairTokenizer,
    SentencePieceBPETokenizer,
    SentencePieceUnigramTokenizer,
)
from lm_zoo.weights.transformers.hugging_face_tokenizer import (
    read_tokenizer,
    write_tokenizer,
)
from tests.weights.material import byte_pairs, characters

TEXTS = [
    "The cat's mat, and the cat sat.",
    " two  spaces\n\nand\tlines ",
    "héllo 世界 🙂 x",
    "print('don\\'t')\n    y = 1\n",
    "",
]


def write(tokenizer, folder):
    folder.mkdir()
    write_tokenizer(tokenizer, folder, 128)
    config = {"model_type": "llama", "vocab_size": tokenizer.vocab_size}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def without_end():
    tokenizer = byte_pairs()
    end = tokenizer.eos_id
    vocabulary = {t: i - (i > end) for t, i in tokenizer.vocabulary.items() if i != end}
    return BytePairTokenizer(vocabulary, tokenizer.merges)


@pytest.mark.parametrize(
    "make",
    [
        byte_pairs,
        without_end,
        lambda: SentencePieceUnigramTokenizer.train([" ".join(TEXTS)], 330),
        lambda: SentencePieceBPETokenizer.train([" ".join(TEXTS)], 330),
    ],
    ids=["bpe", "bpe_without_end", "sentencepiece_unigram", "sentencepiece_bpe"],
)
def test_transformers_reads_what_was_written(make, tmp_path):
    transformers = pytest.importorskip("transformers")
    tokenizer = make()
    theirs = transformers.AutoTokenizer.from_pretrained(write(tokenizer, tmp_path / "to"))
    texts = TEXTS + (["a<|endoftext|>b"] if tokenizer.name == "bpe" else [])
    for text in texts:
        ids = tokenizer.encode(text).tolist()
        assert theirs(text)["input_ids"] == ids
        assert theirs.decode(ids) == text
    if tokenizer.name == "bpe":
        assert theirs.eos_token_id == tokenizer.eos_id


@pytest.mark.parametrize("kept", ["lm_zoo_tokenizer.json", "tokenizer.json", "vocab.json"])
def test_byte_pairs_are_read_from_each_of_their_files(kept, tmp_path):
    tokenizer = byte_pairs()
    folder = write(tokenizer, tmp_path / "to")
    keep = {kept, "merges.txt"} if kept == "vocab.json" else {kept}
    for path in folder.iterdir():
        if path.name not in keep:
            path.unlink()
    assert read_tokenizer(folder).fingerprint == tokenizer.fingerprint


def test_sentencepiece_is_read_from_its_model(tmp_path):
    tokenizer = SentencePieceBPETokenizer.train([" ".join(TEXTS)], 330)
    folder = write(tokenizer, tmp_path / "to")
    (folder / "lm_zoo_tokenizer.json").unlink()
    assert read_tokenizer(folder).fingerprint == tokenizer.fingerprint


def test_gpt2s_own_files_are_read_and_written_as_they_are(shared_data, tmp_path):
    source = shared_data("gpt2_bpe")
    tokenizer = BytePairTokenizer.from_gpt2_files(source)
    folder = write(tokenizer, tmp_path / "to")
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    assert vocabulary == json.loads((source / "encoder.json").read_text(encoding="utf-8"))
    assert list(vocabulary)[50256] == "<|endoftext|>"
    ours, theirs = (
        path.read_text(encoding="utf-8").split("\n")[1:]
        for path in (folder / "merges.txt", source / "vocab.bpe")
    )
    assert ours == theirs


def test_other_kinds_are_kept_in_our_file(tmp_path):
    tokenizer = characters(40)
    assert read_tokenizer(write(tokenizer, tmp_path / "to")).fingerprint == tokenizer.fingerprint


def test_a_folder_without_one_has_none(tmp_path):
    assert read_tokenizer(tmp_path) is None


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda values: values["model"].update(type="Unigram"), "not byte-level BPE"),
        (lambda values: values.update(model=3), "not byte-level BPE"),
        (lambda values: values.update(pre_tokenizer=None), "end in ByteLevel: nothing"),
        (
            lambda values: values.update(pre_tokenizer={"type": "Sequence", "pretokenizers": []}),
            "end in ByteLevel: nothing",
        ),
        (lambda values: values["pre_tokenizer"].update(use_regex=False), "use_regex is false"),
        (lambda values: values["pre_tokenizer"].update(add_prefix_space=True), "add_prefix_space"),
        (lambda values: values["model"].pop("vocab"), "expected vocab and merges"),
        (lambda values: values["model"].update(vocab={"a": "b"}), "expected token to id"),
    ],
)
def test_a_tokenizer_that_ours_is_not_like_is_refused(change, message, tmp_path):
    folder = write(byte_pairs(), tmp_path / "to")
    values = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    change(values)
    (folder / "tokenizer.json").write_text(json.dumps(values), encoding="utf-8")
    (folder / "lm_zoo_tokenizer.json").unlink()
    with pytest.raises(UserError, match=message):  # although vocab.json and merges.txt are there
        read_tokenizer(folder)


def test_a_space_before_each_text_is_refused(tmp_path):
    folder = write(byte_pairs(), tmp_path / "to")
    for name in ("lm_zoo_tokenizer.json", "tokenizer.json"):
        (folder / name).unlink()
    (folder / "tokenizer_config.json").write_text('{"add_prefix_space": true}')
    with pytest.raises(UserError, match="add_prefix_space"):
        read_tokenizer(folder)
