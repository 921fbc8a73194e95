"""`lm-zoo tokenizer`: trains, shows, uses and compares."""

import io
import json
import sys

import pytest

from lm_zoo.cli.main import main
from lm_zoo.text.tokenizers import TOKENIZERS, load_tokenizer

TEXT = "The cat sat on the mat.\nThe dog sat on the cat, and the cat ran.\n" * 20


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with text, a saved tokenizer and files of other programs."""
    root = tmp_path_factory.mktemp("place")
    (root / "text.txt").write_text(TEXT)
    (root / "other.txt").write_text("A cat and a bird sat.\n" * 5)
    (root / "poems.json").write_text(json.dumps([{"lines": ["春眠不覺曉", "處處聞啼鳥"]}] * 30))
    TOKENIZERS["word"].train(TEXT).save(root / "word")
    TOKENIZERS["sentencepiece_bpe"].train(TEXT, vocab_size=300).save(root / "spm")
    model = TOKENIZERS["sentencepiece_bpe"].train(TEXT, vocab_size=300).model
    (root / "good.model").write_bytes(model)
    (root / "bad.model").write_bytes(b"not a model")
    (root / "bert").mkdir()
    (root / "bert" / "vocab.txt").write_text("[UNK]\n[SEP]\ncat\nthe\n##s\n")
    (root / "broken").mkdir()
    (root / "broken" / "vocab.txt").write_text("cat\nthe\n")
    return root


@pytest.fixture
def lm_zoo(place, capsys, monkeypatch):
    """Runs `lm-zoo tokenizer`; returns its status, output and errors."""

    def run(*arguments, stdin=""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        status = main(["tokenizer", *(word.replace("ROOT", str(place)) for word in arguments)])
        return status, *capsys.readouterr()

    return run


def test_train_saves_a_tokenizer(lm_zoo, tmp_path):
    status, output, _ = lm_zoo(
        *("train", "--name=bpe", "--vocab_size=300", "--input=ROOT/text.txt"),
        f"--output={tmp_path}/bpe",
    )
    assert status == 0 and "Saved a bpe tokenizer of 2" in output
    trained = TOKENIZERS["bpe"].train(TEXT, vocab_size=300)
    assert load_tokenizer(tmp_path / "bpe").fingerprint == trained.fingerprint


def test_train_follows_a_config(lm_zoo, tmp_path):
    status, output, _ = lm_zoo(
        *("train", "--config=quickstart_lstm", f"--config.data.cache_dir={tmp_path}/cache"),
        *("--config.corpus.name=text_files", "--config.corpus.train_files=ROOT/text.txt"),
        *("--config.tokenizer.name=word", f"--output={tmp_path}/words"),
    )
    assert status == 0 and load_tokenizer(tmp_path / "words").name == "word"


@pytest.mark.parametrize(
    "source, kind, vocabulary",
    [
        ("word", "word", None),
        ("bert", "wordpiece", 5),
        ("bert/vocab.txt", "wordpiece", 5),
        ("good.model", "sentencepiece_bpe", None),
    ],
)
def test_show_says_what_is_in_it(lm_zoo, source, kind, vocabulary):
    status, output, _ = lm_zoo("show", "--json", f"ROOT/{source}")
    values = json.loads(output)
    assert status == 0 and values["kind"] == kind
    assert vocabulary in (None, values["vocabulary"])
    assert values["saved_model_needs" if "sentence" in kind else "kind"]
    assert "longest pieces" in lm_zoo("show", f"ROOT/{source}")[1]


def test_encode_and_decode_are_each_others_inverse(lm_zoo, place):
    tokenizer = load_tokenizer(place / "spm")
    text = "The cat's  dog\n 中"
    ids = " ".join(map(str, tokenizer.encode(text)))
    _, shown, _ = lm_zoo("encode", "--tokenizer=ROOT/spm", text)
    _, *rows, _ = (line.split(maxsplit=1) for line in shown.splitlines())
    assert " ".join(each for each, _ in rows) == ids
    tokens = "".join(token[1:-1] for _, token in rows)
    assert tokens.encode("latin-1").decode("unicode_escape").encode("latin-1").decode() == text
    assert lm_zoo("encode", "--tokenizer=ROOT/spm", stdin=text)[1] == shown
    lossy = lm_zoo("encode", "--tokenizer=ROOT/word", "The  zebra sat")[1].splitlines()[-1]
    assert (
        lossy == "3 tokens for 14 characters (14 bytes), 1 of them unknown; they stand for "
        "'The <unk> sat'."
    )
    assert lm_zoo("decode", "--tokenizer=ROOT/spm", stdin=ids) == (0, text, "")
    assert lm_zoo("decode", "--tokenizer=ROOT/spm", *ids.split())[1] == text + "\n"
    values = json.loads(lm_zoo("encode", "--tokenizer=ROOT/spm", "--json", text)[1])
    assert values["ids"] == list(map(int, ids.split())) and len(values["tokens"]) == len(
        values["ids"]
    )
    assert json.loads(lm_zoo("decode", "--tokenizer=ROOT/spm", "--json", ids)[1])["text"] == text


def test_compare_counts_what_can_be_counted_by_hand(lm_zoo):
    status, output, _ = lm_zoo(
        *("compare", "--json", "--repeats=1", "byte", "ROOT/word", "word:4", "ROOT/bert"),
        *("--train_on=ROOT/text.txt", "--input=ROOT/other.txt"),
    )
    assert status == 0
    rows = {row["tokenizer"].split("/")[-1]: row for row in json.loads(output)}
    byte, word, small = rows["byte"], rows["word"], rows["word:4"]
    # 5 lines "A cat and a bird sat." of 22 bytes and 6 words with their newline
    assert byte["num_tokens"] == 110 and byte["bytes_per_token"] == 1
    assert byte["unknown_rate"] is None and byte["fertility"] == 110 / 30
    assert word["num_tokens"] == 35 and word["fertility"] == 35 / 30
    assert word["unknown_rate"] == 20 / 35  # "A", "a", "bird" and "sat." are not in the text
    assert small["vocabulary"] == 4 and rows["bert"]["num_tokens"] == 35
    assert all(row["megabytes_per_second"] > 0 for row in rows.values())


def test_compare_prints_a_table(lm_zoo):
    status, output, _ = lm_zoo(
        *("compare", "--repeats=1", "--text_field=lines", "character", "chinese_word", "byte"),
        *("--train_on=ROOT/poems.json", "--input=ROOT/poems.json"),
    )
    lines = output.splitlines()
    assert status == 0 and [line.split()[0] for line in lines] == [
        *("tokenizer", "character", "chinese_word", "byte"),
    ]
    assert "bytes/token" in lines[0] and "0.00%" in lines[1]


@pytest.mark.parametrize(
    "arguments, expected",
    [
        ((), ["train, show, encode"]),
        (("trane",), ["'train'"]),
        (("train", "--name=bpe", "--input=ROOT/text.txt"), ["--output"]),
        (("train", "--name=bpe", "--output=ROOT/new"), ["--input"]),
        (("train", "--name=bp", "--input=ROOT/text.txt", "--output=ROOT/new"), ["'bpe'"]),
        (("train", "--name=bpe", "--input=ROOT/text.txt", "--output=ROOT/new"), ["257", "0"]),
        (("train", "--name=word", "--input=ROOT/no.txt", "--output=ROOT/new"), ["no.txt"]),
        (
            ("train", "--config=quickstart_lstm", "--name=word", "--output=ROOT/new"),
            ["--name", "--config.tokenizer"],
        ),
        (("show",), ["one tokenizer"]),
        (("show", "ROOT/nowhere"), ["nowhere"]),
        (("show", "ROOT"), ["lm_zoo_tokenizer.json"]),
        (("show", "ROOT/bad.model"), ["bad.model", "SentencePiece"]),
        (("show", "ROOT/broken"), ["[UNK]"]),
        (("encode", "text"), ["--tokenizer"]),
        (("decode", "--tokenizer=ROOT/word", "1", "x"), ["'x'"]),
        (("decode", "--tokenizer=ROOT/word", "1", "99999"), ["99999"]),
        (("compare", "--input=ROOT/text.txt"), ["tokenizers"]),
        (("compare", "byte"), ["--input"]),
        (("compare", "word", "--input=ROOT/text.txt"), ["word", "--train_on"]),
        (("compare", "wort", "--input=ROOT/text.txt"), ["'word'"]),
        (("compare", "word:x", "--input=ROOT/text.txt"), ["NAME:VOCAB_SIZE", "word:x"]),
    ],
    ids=lambda value: " ".join(value)[:60],
)
def test_mistakes_are_one_line(lm_zoo, place, arguments, expected):
    status, _, errors = lm_zoo(*arguments)
    assert status == 2 and errors.count("\n") == 1 and "Traceback" not in errors
    assert all(part in errors for part in expected), errors
    assert not (place / "new").exists()
