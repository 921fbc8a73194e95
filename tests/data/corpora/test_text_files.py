"""The user's own text: which files are read, how they are decoded, put together and split."""

import bz2
import gzip
import hashlib
import lzma
import os
import random

import pytest
import zstandard

from lm_zoo.config import CorpusConfig
from lm_zoo.data.corpora import load_corpus
from lm_zoo.data.corpora.readers import decoding, documents, source_file
from lm_zoo.errors import UserError
from lm_zoo.text.cuts import SAFE_CUT

SPLITS = ("train", "validation", "test")


def one_line(error):
    assert "\n" not in str(error.value)
    return str(error.value)


def test_tiny_shakespeare_is_split_as_published(shared_data, folder):
    path = shared_data("tinyshakespeare") / "input.txt"
    data = path.read_text(encoding="utf-8")
    corpus = folder.corpus(path, validation_fraction=0.1)
    assert corpus.text("train") == data[: int(len(data) * 0.9)]
    assert corpus.text("validation") == data[int(len(data) * 0.9) :]
    assert corpus.text("test") == ""


def test_splits_can_be_files(folder):
    folder.write("train", "t" * 100)
    by_file = {
        "validation_files": (folder.write("v", "vvv"),),
        "test_files": (folder.write("w", "www\n"),),
    }
    corpus = folder.corpus("train", validation_fraction=0.4, test_fraction=0.1, **by_file)
    assert [corpus.text(split) for split in SPLITS] == ["t" * 100, "vvv", "www\n"]
    del by_file["test_files"]
    partly = folder.corpus("train", validation_fraction=0.4, test_fraction=0.1, **by_file)
    assert [partly.text(split) for split in SPLITS] == ["t" * 90, "vvv", "t" * 10]


def test_files_are_put_together_line_by_line_and_newlines_kept(folder):
    for number, text in enumerate(("a\r\nb", "c\r", "d")):
        folder.write(str(number), text)
    assert folder.corpus("0", "1", "2").text("train") == "a\r\nb\nc\r\nd"


def test_one_byte_order_mark_is_dropped(folder):
    folder.write("bom", "\ufeff\ufefféa")
    assert folder.texts("bom") == ["\ufefféa"]
    folder.write("utf16", "中a".encode("utf-16"))
    assert folder.texts("utf16", encoding="utf-16") == ["中a"]


@pytest.mark.parametrize("block", [7, 50, 1 << 20])
def test_a_stream_is_the_text_whatever_its_pieces(folder, monkeypatch, block):
    monkeypatch.setattr(decoding, "BLOCK_BYTES", block)
    monkeypatch.setattr(documents, "PART_CHARACTERS", 20)
    rng = random.Random(5)
    text = "".join(rng.choices(["é", "中", "word", "\n", " ", "\r\n", "\n\n", "x\n"], k=600))
    folder.write("text", text)
    fractions = {"validation_fraction": 0.23, "test_fraction": 0.31}
    corpus = folder.corpus("text", **fractions)
    parts = {split: list(corpus.texts(split)) for split in SPLITS}
    assert "".join(part for split in SPLITS for part in parts[split]) == text
    places = [int(len(text) * 0.46), int(len(text) * 0.69)]
    assert len("".join(parts["train"])) == places[0]
    assert len("".join(parts["validation"])) == places[1] - places[0]
    for split in SPLITS:
        assert len(parts[split]) > 3 or block > 50
        for before, after in zip(parts[split], parts[split][1:]):
            assert SAFE_CUT.search(before[-1:] + after[:2])
    assert list(corpus.texts("train")) == parts["train"]


def test_wikitext_whose_lines_end_in_a_space_is_cut_too(shared_data, folder, monkeypatch):
    monkeypatch.setattr(documents, "PART_CHARACTERS", 100_000)
    monkeypatch.setattr(decoding, "BLOCK_BYTES", 20_000)
    path = shared_data("wikitext-2") / "valid.txt"
    parts = folder.texts(path)
    assert "".join(parts) == path.read_text(encoding="utf-8")
    assert len(parts) > 9 and max(map(len, parts)) < 125_000
    for before, after in zip(parts, parts[1:]):
        assert SAFE_CUT.search(before[-1:] + after[:2])


def test_what_a_document_is(folder):
    folder.write("a.txt", "one\r\ntwo\n\n \nthree  \n\n\n\nfour")
    folder.write("b.txt", "\n\nfive\n\n")
    assert folder.texts("a.txt", "b.txt", documents="line") == [
        "one",
        "two",
        "three  ",
        "four",
        "five",
    ]
    assert folder.texts("a.txt", "b.txt", documents="paragraph") == [
        "one\r\ntwo",
        "three  ",
        "four",
        "five",
    ]
    assert folder.texts("a.txt", "b.txt", documents="file") == [
        "one\r\ntwo\n\n \nthree  \n\n\n\nfour",
        "\n\nfive",
    ]
    corpus = folder.corpus("a.txt", documents="line")
    assert corpus.has_documents and corpus.text("train") == "one\ntwo\nthree  \nfour\n"


def test_a_fraction_of_documents_is_of_their_number(folder):
    folder.write("lines", "".join(f"document {n} {'x' * n}\n" for n in range(100)))
    splits = folder.splits("lines", documents="line", validation_fraction=0.1, test_fraction=0.05)
    assert [len(splits[split]) for split in SPLITS] == [85, 10, 5]
    assert splits["test"][0].startswith("document 95 ")


def test_a_documents_hash_is_its_split_and_stays_when_others_are_added(folder):
    lines = [f"document {n}" for n in range(3000)]
    folder.write("lines", "\n".join(lines))
    fields = {
        "documents": "line",
        "split_by": "document_hash",
        "validation_fraction": 0.1,
        "test_fraction": 0.2,
    }
    before = folder.splits("lines", **fields)
    assert sorted(sum(before.values(), [])) == sorted(lines)
    assert 250 < len(before["validation"]) < 350 and 530 < len(before["test"]) < 670
    for line in before["test"][:50]:
        digest = hashlib.sha256(line.encode()).hexdigest()
        assert int(digest[:16], 16) < 0.2 * 2**64
    lines[5:5] = [f"another {n}" for n in range(500)]
    folder.write("lines", "\n".join(reversed(lines)))
    after = folder.splits("lines", **fields)
    for split in SPLITS:
        assert set(before[split]) <= set(after[split])
    with pytest.raises(UserError, match="corpus.split_by: .*corpus.documents") as caught:
        folder.corpus("lines", **fields | {"documents": "stream"})
    one_line(caught)


def test_folders_and_patterns_are_read_in_the_order_of_their_names(folder, caplog):
    for name in ("b/2.txt", "b/10.txt", "a/deep/x.md.gz", ".hidden/h.txt", "b/.h.txt", "c.log"):
        content = gzip.compress(name.encode()) if name.endswith("gz") else name
        folder.write(f"text/{name}", content)
    read = folder.texts("text", documents="line")
    assert read == ["a/deep/x.md.gz", "b/10.txt", "b/2.txt"]
    assert "1 files, the first is c.log" in caplog.text
    assert folder.texts("text/b/*", documents="line") == ["b/10.txt", "b/2.txt"]
    assert folder.texts("text/**/*.txt", documents="line") == ["b/10.txt", "b/2.txt"]
    assert folder.texts("text/**/*", documents="line") == [*read, "c.log"]
    assert folder.texts("text/c.log", "text/b/2.txt", documents="line") == ["c.log", "b/2.txt"]
    folder.write("odd [1].txt", "literal")
    assert folder.texts("odd [1].txt") == ["literal"]


def test_a_data_dir_is_read_or_is_what_names_are_relative_to(folder):
    folder.write("here/a.txt", "a")
    folder.write("here/b.txt", "b")
    here = str(folder.path / "here")
    assert folder.texts(data_dir=here, documents="file") == ["a", "b"]
    corpus = folder.corpus(data_dir=here, test_files=("b.txt",))
    assert corpus.text("test") == "b"


def test_a_readme_beside_records_is_no_document(folder, caplog):
    folder.write("poems/README.txt", "read me")
    folder.write("poems/a.jsonl", '{"t": "a"}')
    assert folder.texts("poems", text_field="t") == ["a"]
    assert "1 files, the first is README.txt" in caplog.text
    assert folder.texts("poems", text_field="t", documents="file") == ["read me", "a"]


COMPRESS = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}


@pytest.mark.parametrize("suffix", COMPRESS)
def test_compressed_files_are_their_text(folder, suffix):
    text = "".join(f"line {n} 中文 é\n" for n in range(100_000))
    half = len(text) // 2
    compress = COMPRESS[suffix]
    two_frames = compress(text[:half].encode()) + compress(text[half:].encode())
    folder.write(f"text.txt{suffix}", two_frames)
    corpus = folder.corpus(f"text.txt{suffix}")
    assert corpus.text("train") == text
    if suffix == ".gz":  # the size of the last of its members
        assert corpus.num_bytes == len(text[half:].encode())
    else:
        assert corpus.num_bytes > len(two_frames)
    folder.write(f"lines.jsonl{suffix}", compress(b'{"t": "a"}\n{"t": "b"}\n'))
    assert folder.texts(f"lines.jsonl{suffix}", text_field="t") == ["a", "b"]


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("keep", [0.01, 0.5, 0.999])
def test_a_truncated_file_is_noticed(folder, suffix, keep):
    rng = random.Random(1)
    text = "".join(rng.choices("abcdefgh \n", k=300_000))
    whole = COMPRESS[suffix](text.encode())
    folder.write(f"cut.txt{suffix}", whole[: int(len(whole) * keep)])
    with pytest.raises(UserError, match=r"cut\.txt.*is truncated or damaged") as caught:
        folder.texts(f"cut.txt{suffix}")
    one_line(caught)


@pytest.mark.parametrize("suffix", COMPRESS)
def test_a_damaged_file_is_noticed(folder, suffix):
    folder.write(f"bad.txt{suffix}", b"this was never compressed, whatever its name says")
    with pytest.raises(UserError, match=r"bad\.txt.*(truncated or damaged|could not be read)"):
        folder.texts(f"bad.txt{suffix}")


@pytest.mark.parametrize("encoding", ["gb18030", "big5", "utf-16", "utf-8", "shift_jis"])
@pytest.mark.parametrize("block", [1, 3, 1 << 20])
def test_other_encodings(folder, monkeypatch, encoding, block):
    monkeypatch.setattr(decoding, "BLOCK_BYTES", block)
    text = "春眠不覚暁\n処処聞啼鳥\n" if encoding == "shift_jis" else "春眠不覺曉\n處處聞啼鳥\n"
    folder.write("poem.txt", text.encode(encoding))
    assert folder.corpus("poem.txt", encoding=encoding).text("train") == text


@pytest.mark.parametrize("block", [1, 3, 1 << 20])
@pytest.mark.parametrize(
    "encoding, bad", [("utf-8", b"\xe9"), ("gb18030", b"\xff"), ("big5", b"\xff")]
)
def test_mixed_encodings_are_placed(folder, monkeypatch, encoding, bad, block):
    monkeypatch.setattr(decoding, "BLOCK_BYTES", block)
    good = "春眠不覺曉\n處處聞".encode(encoding)
    path = folder.write("mixed.txt", good + bad + b" more\n")
    with pytest.raises(UserError) as caught:
        folder.texts("mixed.txt", encoding=encoding)
    shown = {"utf-8": "UTF-8"}.get(encoding, encoding)
    assert one_line(caught).startswith(
        f"corpus.train_files: {path!r} is not {shown}: byte 0x{bad[0]:02x} at offset {len(good)}, in "
        "line 2; set corpus.encoding"
    )


def test_an_offset_is_of_the_decompressed_bytes(folder):
    folder.write("a.txt.gz", gzip.compress(b"x\n" * 2_000_000 + b"\xff"))
    with pytest.raises(UserError, match="offset 4000000, in line 2,000,001"):
        folder.texts("a.txt.gz")


@pytest.mark.parametrize("encoding", ["utf8x", "rot13", "mbcs", "hex", "", "zlib"])
def test_an_encoding_that_is_none(folder, encoding):
    """And every encoding that is offered instead is one."""
    folder.write("a", "a")
    with pytest.raises(UserError, match="corpus.encoding: unknown name") as caught:
        folder.corpus("a", encoding=encoding)
    one_line(caught)
    offered = str(caught.value).split("Expected one of: ")[1].rstrip(".").split(", ")
    assert {"utf-8", "latin-1", "gb18030"} < set(offered)
    for name in offered:
        assert "é".encode(name, errors="ignore").decode(name) in ("é", "")


@pytest.mark.parametrize("field", ["train_files", "validation_files", "test_files"])
def test_bad_files_are_named(folder, field):
    good = folder.write("good", "good text " * 9)
    for path, message in [
        (folder.write("empty", ""), "empty': it is empty"),
        (folder.write("bom_alone", b"\xef\xbb\xbf"), "bom_alone': it is empty"),
        (str(folder.path / "missing"), "there is no file '.*missing'"),
        (str(folder.path / "no*thing"), "no file matches '.*thing'"),
        (os.path.dirname(folder.write("other/a.pdf", "a")), "no text in folder '.*other'.*.jsonl"),
        (folder.write("latin1", "café".encode() + b" caf\xe9"), "UTF-8: byte 0xe9 at offset 9"),
        (folder.write("cut", "中".encode()[:2]), "cut' is not UTF-8: byte 0xe4 at offset 0"),
        (folder.write("utf16", "text".encode("utf-16")), "byte 0xff at offset 0"),
        (folder.write("books.zip", "PK"), "books.zip': it is an archive; unpack it"),
        (folder.write("books.tar.gz", "PK"), "books.tar.gz': it is an archive; unpack it"),
    ]:
        fields = {"train_files": (good,), field: (good, path)}
        with pytest.raises(UserError, match=rf"corpus\.{field}: .*{message}") as caught:
            corpus = folder.corpus(*fields.pop("train_files"), **fields)
            for split in SPLITS:
                corpus.text(split)
        one_line(caught)


def test_a_folder_with_brackets_holds_a_pattern(folder):
    folder.write("set[1]/x.txt", "x" * 20)
    folder.write("set1/y.txt", "y" * 20)
    place = str(folder.path)
    for fields in (
        {"data_dir": f"{place}/set[1]", "train_files": ("*.txt",)},
        {"data_dir": f"{place}/set[1]", "train_files": ("[x-z]*.txt",)},
        {"data_dir": place, "train_files": ("set[1]/*.txt",)},
        {"train_files": (f"{place}/set[1]/[x].txt",)},
        {"data_dir": f"{place}/set[1]"},
    ):
        shares = {"validation_fraction": 0.0, "test_fraction": 0.0}
        corpus = load_corpus(CorpusConfig("text_files", **shares, **fields), f"{place}/cache")
        assert corpus.text("train") == "x" * 20, fields
    assert folder.texts("set[0-9]/*.txt") == ["y" * 20], "what is not there by name is a pattern"
    with pytest.raises(UserError, match="there is no file '.*x2.txt'"):
        folder.corpus("set[1]/x2.txt")


def test_a_file_is_named_from_the_home_folder(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.path))
    folder.write("texts/x.txt", "x" * 20)
    for fields in ({"train_files": ("~/texts/*.txt",)}, {"data_dir": "~/texts"}):
        shares = {"validation_fraction": 0.0, "test_fraction": 0.0}
        corpus = load_corpus(CorpusConfig("text_files", **shares, **fields), "~/cache")
        assert corpus.text("train") == "x" * 20


def test_no_files_and_no_text_left_are_errors(folder):
    with pytest.raises(
        UserError, match="corpus.train_files: expected one or more files for corpus 'text_files'"
    ):
        folder.corpus()
    folder.write("short", "a")
    with pytest.raises(UserError, match="leave no text to train on"):
        folder.texts("short", validation_fraction=0.5)
    folder.write("blank", "\n \n")
    with pytest.raises(UserError, match="corpus.train_files: there is no text in '.*blank'"):
        folder.texts("blank", documents="line", validation_fraction=0.5)
    with pytest.raises(UserError, match="corpus.validation_files: there is no text in '.*blank'"):
        folder.splits("short", documents="line", validation_files=(str(folder.path / "blank"),))


def test_a_pipe_cannot_be_read_twice(folder):
    os.mkfifo(folder.path / "pipe")
    with pytest.raises(UserError, match="pipe' is a pipe or device; write it to a file"):
        folder.corpus("pipe")


def test_settings_that_do_not_fit_the_files(folder):
    folder.write("a.txt", "a")
    folder.write("b.jsonl", '{"t": "b"}')
    with pytest.raises(UserError, match="corpus.text_field: 't' is for files of records"):
        folder.corpus("a.txt", text_field="t")
    with pytest.raises(UserError, match="corpus.documents: .*b.jsonl.*a.txt.*line or paragraph"):
        folder.corpus("a.txt", "b.jsonl", text_field="t")
    assert folder.texts("a.txt", "b.jsonl", text_field="t", documents="line") == ["a", "b"]


@pytest.mark.parametrize("how", ["stream", "line", "paragraph", "file"])
def test_what_would_not_fit_into_memory_is_refused_by_line(folder, monkeypatch, how):
    for module in (decoding, documents):
        monkeypatch.setattr(module, "MAX_LENGTH", 1000)
    monkeypatch.setattr(decoding, "BLOCK_BYTES", 100)
    folder.write("long", "short\n\nshort\n" + "中 " * 400)
    with pytest.raises(UserError, match="long'.*is longer than 0 MiB") as caught:
        folder.texts("long", documents=how)
    assert ("line 4" in one_line(caught)) == (how != "file")


def test_a_gibibyte_without_a_newline_is_refused_before_it_is_read(folder):
    import tracemalloc

    path = folder.path / "sparse"
    with open(path, "wb") as file:
        file.write(b"first\nsecond\n")
        file.truncate(1 << 30)
    for how in ("stream", "line"):
        tracemalloc.start()
        with pytest.raises(UserError, match="sparse', line 3: the line is longer than 128 MiB"):
            folder.texts("sparse", documents=how)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 300 << 20


def test_the_fingerprint_is_of_names_bytes_and_settings(folder):
    folder.write("x/a.txt", "a b c d e f")
    folder.write("y/a.txt", "a b c d e f")
    folder.write("z/b.txt", "a b c d e f")
    same = folder.corpus("x").fingerprint
    assert len(same) == 64 and same == folder.corpus("y").fingerprint
    assert same == folder.corpus("x/a.txt").fingerprint
    folder.write("w/a.txt", "a b c d e g")
    others = [
        folder.corpus("w"),
        folder.corpus("z"),
        folder.corpus("x", encoding="latin-1"),
        folder.corpus("x", documents="line"),
        folder.corpus("x", validation_fraction=0.1),
        folder.corpus("x", "y"),
        folder.corpus("x", validation_files=(str(folder.path / "y"),)),
    ]
    assert len({same, *(corpus.fingerprint for corpus in others)}) == 8


def test_a_file_that_changes_while_it_is_in_use_is_refused(folder, monkeypatch):
    monkeypatch.setattr(decoding, "BLOCK_BYTES", 10)
    monkeypatch.setattr(documents, "PART_CHARACTERS", 10)
    folder.write("log", "line\n" * 100)
    corpus = folder.corpus("log")
    texts = corpus.texts("train")
    next(texts)
    with open(folder.path / "log", "a") as file:
        file.write("more\n")
    with pytest.raises(UserError, match="log': it changed while it was in use") as caught:
        list(texts)
    one_line(caught)
    with pytest.raises(UserError, match="it changed while it was in use"):
        corpus.fingerprint
    os.unlink(folder.path / "log")
    with pytest.raises(UserError, match="it changed while it was in use"):
        list(corpus.texts("train"))


def test_suffixes_are_told_apart():
    found = source_file.SourceFile(
        "f", source_file.pathlib.Path("A.JSONL.GZ"), "a", True, (0, 0, 0)
    )
    assert (found.format, found.compression) == ("json lines", ".gz")
