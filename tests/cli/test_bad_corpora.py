"""Text that cannot be used, at the command line: one line, exit status 2, and no shard left."""

import contextlib
import dataclasses
import gzip
import hashlib
import io
import json
import tarfile
import zipfile

import pytest

from lm_zoo.cli.main import main
from lm_zoo.data import corpora
from lm_zoo.data.corpora.catalogue import CATALOGUE, Download
from lm_zoo.data.corpora.download import fetching, http_attempt
from lm_zoo.data.corpora.named import named_corpus
from tests.data.corpora.http_server import sends, serving, stalls_after

CONFIG = """
from lm_zoo.config import *


def get_config():
    return ExperimentConfig(
        task=TaskConfig("language_modeling", sequence_length=8),
        corpus=CorpusConfig("text_files"),
        data=DataConfig(cache_dir={cache!r}, batch_size=2),
        tokenizer=TokenizerConfig(name="byte"),
        model=ModelConfig("gru_lm", hidden_dim=8, num_layers=1),
    )
"""
WIKI = next(entry for entry in CATALOGUE if entry.name == "wikitext2")
NAMES = [name for names in WIKI.files.values() for name in names]


@pytest.fixture
def place(tmp_path):
    (tmp_path / "config.py").write_text(CONFIG.format(cache=str(tmp_path / "cache")))
    return tmp_path


def prepare(place, **data):
    values = [f"--config.corpus.{name}={value}" for name, value in data.items()]
    return main(["prepare", f"--config={place}/config.py", "--processes=2", *values])


def refused(place, capsys, **data):
    """Runs `prepare`, which must be refused; returns its one line."""
    capsys.readouterr()
    status = prepare(place, **data)
    output, errors = capsys.readouterr()
    assert status == 2 and output == "", errors
    assert errors.count("\n") == 1 and "Traceback" not in errors, errors
    assert errors.startswith("lm-zoo prepare: error: ")
    cache = place / "cache"
    left = [path.name for path in cache.rglob("*") if path.is_file()] if cache.exists() else []
    assert not [name for name in left if name.endswith((".bin", "manifest.json"))], left
    assert not list(cache.glob("*byte*"))
    return errors


FILES = {
    "mixed.txt": (
        "first line\ncaf\u00e9 ".encode() + b"caf\xe9\n",
        ["mixed.txt", "UTF-8", "0xe9", "offset 20", "line 2", "corpus.encoding"],
    ),
    "fields.jsonl": (
        b'{"text": "a"}\n{"text": "b"}\n{"txt": "c"}\n',
        ["fields.jsonl", "line 3", "'text'", "txt", "corpus.text_field"],
    ),
    "broken.jsonl": (b'{"text": "a"}\n{"text": "b\n', ["broken.jsonl", "line 2", "not JSON"]),
    "short.csv": (b"id,text\n1,a\n2\n", ["short.csv", "line 3", "2 columns", "1"]),
    "truncated.txt.gz": (gzip.compress(b"text " * 900)[:-9], ["truncated.txt.gz", "truncated"]),
    "not.parquet": (b"PAR1 but no more", ["not.parquet", "Parquet"]),
    "books.zip": (b"PK", ["books.zip", "archive", "unpack"]),
    "empty.txt": (b"", ["empty.txt", "empty"]),
}


@pytest.mark.parametrize("name", FILES)
def test_a_bad_file_is_one_line(place, capsys, name):
    content, expected = FILES[name]
    (place / name).write_bytes(content)
    field = {} if name.endswith((".txt", ".gz", ".zip")) else {"text_field": "text"}
    line = refused(place, capsys, train_files=place / name, **field)
    for part in expected:
        assert part in line


def test_a_gibibyte_in_one_line_is_one_line(place, capsys):
    with open(place / "long.jsonl", "wb") as file:
        file.write(b'{"text": "a"}\n')
        file.truncate(1 << 30)
    line = refused(place, capsys, train_files=place / "long.jsonl", text_field="text")
    assert "long.jsonl', line 2: the line is longer than 128 MiB" in line


@pytest.mark.parametrize(
    "data, expected",
    [
        ({"train_files": "PLACE/no*.txt"}, ["train_files", "no*.txt"]),
        ({"data_dir": "PLACE/nowhere"}, ["data_dir", "nowhere"]),
        ({"train_files": "PLACE/good.txt", "encoding": "utf9"}, ["corpus.encoding", "utf-"]),
        ({"train_files": "PLACE/good.txt", "split_by": "document_hash"}, ["corpus.documents"]),
        ({"train_files": "PLACE/good.txt", "text_field": "text"}, ["corpus.text_field"]),
        ({"name": "wikitext", "data_dir": "PLACE"}, ["'wikitext2'"]),
        ({"name": "ptb", "data_dir": "PLACE"}, ["ptb.train.txt", "data_dir"]),
        (
            {"name": "ptb", "train_files": "PLACE/good.txt"},
            ["corpus.train_files", "'ptb'", "data_dir"],
        ),
        ({"name": "synthetic", "data_dir": "PLACE"}, ["corpus.data_dir", "synthetic"]),
    ],
    ids=str,
)
def test_settings_that_cannot_be_used_are_one_line(place, capsys, data, expected):
    (place / "good.txt").write_text("good text\n" * 100)
    line = refused(place, capsys, **{k: v.replace("PLACE", str(place)) for k, v in data.items()})
    for part in expected:
        assert part in line


def zipped(members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            undated = zipfile.ZipInfo(name)  # equal members make equal bytes
            archive.writestr(undated, content, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def tarred(members):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


MEMBERS = {f"wikitext-2/{name}": b" some words \n" * 200 for name in NAMES}


@contextlib.contextmanager
def published(content, monkeypatch, name="wikitext-2-v1.zip"):
    """Serves an archive as WikiText-2's, with its right checksum."""
    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    monkeypatch.setattr(fetching, "FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(http_attempt, "STALL_SECONDS", 0.2)
    with serving() as site:
        site.files[f"/{name}"] = content
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        download = Download(name, (f"{site.address}/{name}",), digest, members=tuple(MEMBERS))
        entry = dataclasses.replace(WIKI, downloads=(download,), checksums={})
        monkeypatch.setitem(corpora.CORPORA, "wikitext2", named_corpus(entry))
        yield site


def test_a_corpus_is_fetched_and_prepared(place, capsys, monkeypatch):
    with published(zipped(MEMBERS), monkeypatch) as site:
        site.tricks = [stalls_after(100)]
        assert prepare(place, name="wikitext2") == 0, capsys.readouterr().err
        assert prepare(place, name="wikitext2") == 0
        assert len(site.requests) == 2
    manifests = list((place / "cache").glob("wikitext2-*/manifest.json"))
    assert len(manifests) == 1
    splits = json.loads(manifests[0].read_text())["splits"]
    assert [splits[name]["bytes"] for name in ("train", "validation", "test")] == [2600] * 3


def test_a_wrong_checksum_is_shown_beside_the_right_one(place, capsys, monkeypatch):
    with published(zipped(MEMBERS), monkeypatch) as site:
        site.tricks = [sends(b"not the archive")]
        line = refused(place, capsys, name="wikitext2")
    for content in (zipped(MEMBERS), b"not the archive"):
        assert hashlib.sha256(content).hexdigest() in line


def test_no_network_is_one_line_that_names_the_file_to_put_where(place, capsys, monkeypatch):
    with published(zipped(MEMBERS), monkeypatch):
        pass  # the server is gone now
    line = refused(place, capsys, name="wikitext2")
    assert "Connection refused" in line and "--config.corpus.data_dir=FOLDER" in line
    assert f"put it at {place}/cache/downloads/wikitext2/wikitext-2-v1.zip" in line


@pytest.mark.parametrize("pack, name", [(zipped, "a.zip"), (tarred, "a.tar.gz")])
@pytest.mark.parametrize(
    "spoil, expected",
    [
        (lambda pack: pack(MEMBERS)[:-200], "truncated"),
        (
            lambda pack: pack({**MEMBERS, "../../outside": b"!"}),
            "would be written outside its folder",
        ),
        (lambda pack: pack({**MEMBERS, next(iter(MEMBERS)): b"\0" * (8 << 20)}), "bomb"),
    ],
    ids=["truncated", "outside", "bomb"],
)
def test_a_bad_archive_is_one_line(place, capsys, monkeypatch, pack, name, spoil, expected):
    with published(spoil(pack), monkeypatch, name):
        line = refused(place, capsys, name="wikitext2")
    assert expected in line and name in line
    assert not list(place.rglob("outside")) and not list(place.rglob("wiki.*"))
