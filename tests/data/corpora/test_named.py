"""Named corpora: fetched, found, verified, and split as the field splits them."""

import dataclasses
import hashlib
import io
import json
import os
import re
import zipfile

import pytest

from lm_zoo.config import CorpusConfig
from lm_zoo.data import corpora
from lm_zoo.data.corpora import load_corpus
from lm_zoo.data.corpora.catalogue import CATALOGUE, Download
from lm_zoo.data.corpora.named import named_corpus
from lm_zoo.data.corpora.splitting import ByBytes
from lm_zoo.errors import UserError
from lm_zoo.text.words import count_words
from tests.data.corpora.http_server import breaks_after, sends, status

SPLITS = ("train", "validation", "test")
ENTRIES = {entry.name: entry for entry in CATALOGUE}
NAMES = ("wiki.train.tokens", "wiki.valid.tokens", "wiki.test.tokens")
TEXTS = dict(zip(NAMES, (" = A = \n words \n" * 500, " valid \n", " test \n")))


def zipped(texts=None):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (texts or TEXTS).items():
            undated = zipfile.ZipInfo(f"wikitext-2/{name}")  # equal members make equal bytes
            archive.writestr(undated, text, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def sha256(content):
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.fixture
def wiki(site, monkeypatch):
    """WikiText-2, but small and from the loopback server; its archive is returned."""
    content = zipped()
    site.files["/wikitext-2-v1.zip"] = content
    address = f"{site.address}/wikitext-2-v1.zip"
    entry = ENTRIES["wikitext2"]
    members = entry.downloads[0].members
    download = Download("wikitext-2-v1.zip", (address,), sha256(content), members=members)
    checksums = {name: sha256(text.encode()) for name, text in TEXTS.items()}
    small = dataclasses.replace(entry, downloads=(download,), checksums=checksums)
    monkeypatch.setitem(corpora.CORPORA, "wikitext2", named_corpus(small))
    return content


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def load(cache, name="wikitext2", **fields):
    return load_corpus(CorpusConfig(name, **fields), str(cache))


def refusal(cache, name="wikitext2", **fields):
    with pytest.raises(UserError) as caught:
        corpus = load(cache, name, **fields)
        corpus.text("train")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def text_folder(cache):
    return cache / "downloads" / "wikitext2" / "text"


def test_it_is_fetched_verified_unpacked_once(wiki, site, cache):
    site.tricks = [breaks_after(100)]
    corpus = load(cache)
    assert [corpus.text(split) for split in SPLITS] == list(TEXTS.values())
    assert not corpus.has_documents and corpus.licence == "CC BY-SA 3.0"
    assert corpus.source == f"{site.address}/wikitext-2-v1.zip"
    again = load(cache)
    assert again.fingerprint == corpus.fingerprint and len(site.requests) == 2
    assert sorted(os.listdir(cache / "downloads" / "wikitext2")) == ["text", "wikitext-2-v1.zip"]


@pytest.mark.parametrize("below", ["", "wikitext-2"])
@pytest.mark.parametrize("names", [NAMES, ("train.txt", "valid.txt", "test.txt")])
def test_a_folder_that_someone_has_is_the_same_corpus(wiki, site, cache, tmp_path, below, names):
    have = tmp_path / "have" / below
    have.mkdir(parents=True)
    for name, text in zip(names, TEXTS.values()):
        (have / name).write_text(text)
    corpus = load(cache, data_dir=str(tmp_path / "have"))
    assert [corpus.text(split) for split in SPLITS] == list(TEXTS.values())
    assert not site.requests
    assert corpus.fingerprint == load(cache).fingerprint
    (have / names[1]).write_text("other\n")
    message = refusal(cache, data_dir=str(tmp_path / "have"))
    assert sha256(b" valid \n") in message and sha256(b"other\n") in message
    (have / names[1]).unlink()
    message = refusal(cache, data_dir=str(tmp_path / "have"))
    assert "there is no wiki.valid.tokens" in message and "or wikitext-2-v1.zip" in message
    assert "there is no folder" in refusal(cache, data_dir=str(tmp_path / "nowhere"))


def test_an_archive_that_someone_has_is_unpacked_into_the_cache(wiki, site, cache, tmp_path):
    (tmp_path / "have").mkdir()
    (tmp_path / "have" / "wikitext-2-v1.zip").write_bytes(wiki)
    os.chmod(tmp_path / "have", 0o555)
    corpus = load(cache, data_dir=str(tmp_path / "have"))
    assert corpus.text("test") == " test \n" and not site.requests
    (cache / "downloads" / "wikitext2" / "wikitext-2-v1.zip").unlink(missing_ok=True)
    assert load(cache).fingerprint == corpus.fingerprint and not site.requests


def test_an_archive_put_into_the_cache_by_hand_is_used(wiki, site, cache):
    path = cache / "downloads" / "wikitext2" / "wikitext-2-v1.zip"
    path.parent.mkdir(parents=True)
    path.write_bytes(wiki[:-1])
    message = refusal(cache)
    assert sha256(wiki) in message and sha256(wiki[:-1]) in message and "delete it" in message
    path.write_bytes(wiki)
    assert load(cache).text("test") == " test \n" and not site.requests


def test_without_network_the_file_and_its_place_are_named(wiki, site, cache):
    site.tricks = [status(404)]
    message = refusal(cache)
    place = cache / "downloads" / "wikitext2" / "wikitext-2-v1.zip"
    assert f"{site.address}/wikitext-2-v1.zip: HTTP status 404 Not Found" in message
    assert f"put it at {place}, or" in message
    assert "wiki.train.tokens, wiki.valid.tokens, wiki.test.tokens" in message
    assert "--config.corpus.data_dir=FOLDER" in message
    assert not text_folder(cache).exists()


def test_wrong_bytes_are_refused_with_both_checksums(wiki, site, cache):
    site.tricks = [sends(b"<html>please log in</html>")]
    message = refusal(cache)
    assert sha256(wiki) in message and sha256(b"<html>please log in</html>") in message
    assert load(cache).text("test") == " test \n"


def test_what_was_unpacked_and_then_changed_is_refused(wiki, cache):
    load(cache)
    path = text_folder(cache) / "wiki.valid.tokens"
    path.write_text("changed")
    assert f"delete the folder {text_folder(cache)}" in refusal(cache)
    path.unlink()
    assert "was changed after it was unpacked" in refusal(cache)


def test_an_archive_without_the_published_files_leaves_nothing(wiki, site, cache, monkeypatch):
    for texts in ({**TEXTS, NAMES[0]: "other"}, {NAMES[0]: TEXTS[NAMES[0]]}):
        content = zipped(texts)
        site.files["/wikitext-2-v1.zip"] = content
        entry = corpora.CORPORA["wikitext2"].entry
        download = dataclasses.replace(entry.downloads[0], checksum=sha256(content))
        other = named_corpus(dataclasses.replace(entry, downloads=(download,)))
        monkeypatch.setitem(corpora.CORPORA, "wikitext2", other)
        message = refusal(cache)
        assert "is not the published file" in message or "has no member" in message
        assert os.listdir(cache / "downloads" / "wikitext2") == ["wikitext-2-v1.zip"]
        (cache / "downloads" / "wikitext2" / "wikitext-2-v1.zip").unlink()


def test_settings_of_the_users_own_files_are_refused(cache, tmp_path):
    fields = {
        "train_files": ("a.txt",),
        "test_files": ("a.txt",),
        "encoding": "latin-1",
        "documents": "line",
        "text_field": "text",
    }
    for field, value in fields.items():
        message = refusal(cache, **{field: value})
        expected = (
            f"config.corpus.{field}: there is no such field of 'wikitext2'. It has: data_dir."
        )
        assert message == expected


def test_plain_files_are_fetched_each(site, cache, monkeypatch):
    texts = {"ptb.train.txt": " a <unk> \n", "ptb.valid.txt": " b \n", "ptb.test.txt": " c \n"}
    downloads = []
    for name, text in texts.items():
        site.files[f"/{name}"] = text.encode()
        md5 = f"md5:{hashlib.md5(text.encode()).hexdigest()}"
        downloads.append(Download(name, (f"{site.address}/{name}",), md5))
    checksums = {download.name: download.checksum for download in downloads}
    entry = dataclasses.replace(ENTRIES["ptb"], downloads=tuple(downloads), checksums=checksums)
    monkeypatch.setitem(corpora.CORPORA, "ptb", named_corpus(entry))
    corpus = load(cache, "ptb")
    assert [corpus.text(split) for split in SPLITS] == list(texts.values())
    assert load(cache, "ptb").fingerprint == corpus.fingerprint and len(site.requests) == 3
    (cache / "downloads" / "ptb" / "ptb.test.txt").write_text(" d \n")
    message = refusal(cache, "ptb")
    assert "md5:" in message and "ptb.test.txt" in message


def test_text8_and_enwik8_hold_out_bytes_at_the_end(tmp_path, cache, monkeypatch):
    text = "".join(f"é中🙂{number}" for number in range(5000))
    data = text.encode()
    (tmp_path / "enwik8").write_bytes(data)
    for held_out in (5000, 5001, 5002, 5003, 5004):
        entry = dataclasses.replace(
            ENTRIES["enwik8"], checksums={}, splitting=ByBytes(held_out, held_out)
        )
        monkeypatch.setitem(corpora.CORPORA, "enwik8", named_corpus(entry))
        corpus = load(cache, "enwik8", data_dir=str(tmp_path))
        parts = [corpus.text(split).encode() for split in SPLITS]
        assert b"".join(parts) == data
        assert held_out <= len(parts[2]) < held_out + 4
        assert abs(len(parts[1]) - held_out) < 4
    for name in ("text8", "enwik8"):
        assert ENTRIES[name].splitting == ByBytes(5_000_000, 5_000_000)


def test_lm1b_has_a_document_a_line_and_test_is_the_first_heldout(tmp_path, cache, monkeypatch):
    entry = ENTRIES["lm1b"]
    assert len(entry.files["train"]) == 99 and "news.en-00000-of-00100" not in entry.files["train"]
    folders = [f for f in entry.folders if f.startswith("1-billion")]
    for split, names in entry.files.items():
        folder = tmp_path / folders[split != "train"]
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            (folder / name).write_text(f"{name} one .\n{name} two .\n")
    corpus = load(cache, "lm1b", data_dir=str(tmp_path))
    assert corpus.has_documents
    assert sum(1 for _ in corpus.texts("train")) == 198
    assert next(corpus.texts("test")) == "news.en.heldout-00000-of-00050 one ."
    assert next(corpus.texts("validation")) == "news.en.heldout-00001-of-00050 one ."


def test_wikitext2_has_its_published_counts(shared_data, cache):
    corpus = load(cache, data_dir=str(shared_data("wikitext-2")))
    texts = {split: corpus.text(split).encode() for split in SPLITS}
    assert [count_words(texts[split]) for split in SPLITS] == [2_088_628, 217_646, 245_569]
    assert len({*texts["train"].split(), b"<eos>"}) == 33_278
    counts = re.findall(r"\d[\d,]{4,}\d", corpora.CORPORA["wikitext2"].about)
    assert counts == ["2,088,628", "217,646", "245,569", "33,278"]


def test_tiny_shakespeare_has_its_published_counts(shared_data, cache):
    folder = shared_data("tinyshakespeare")
    corpus = load(cache, "tiny_shakespeare", data_dir=str(folder))
    assert [len(corpus.text(split)) for split in SPLITS] == [1_003_854, 111_540, 0]
    assert len(set(corpus.text("train"))) == 65
    copied = cache / "downloads" / "tiny_shakespeare"
    copied.mkdir(parents=True)
    (copied / "input.txt").write_bytes((folder / "input.txt").read_bytes())
    assert load(cache, "tiny_shakespeare").fingerprint == corpus.fingerprint


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.name)
def test_the_catalogue_is_consistent(entry):
    names = [name for names in entry.files.values() for name in names]
    assert len(set(names)) == len(names)
    held = [m.split("/")[-1] for d in entry.downloads for m in d.members or (d.name,)]
    assert sorted(held) == sorted(names)
    lengths = {"sha256": 64, "sha1": 40, "md5": 32}
    for checksum in (*entry.checksums.values(), *(d.checksum for d in entry.downloads)):
        algorithm, digest = checksum.split(":")
        assert re.fullmatch(f"[0-9a-f]{{{lengths[algorithm]}}}", digest)
    assert set(entry.checksums) <= set(names) and set(entry.other_names) <= set(names)
    for download in entry.downloads:
        assert all(a.endswith(f"/{download.name}") for a in download.addresses)
        assert not download.members or set(download.checksum.split(":")) & {"sha256"}
    assert json.dumps(corpora.CORPORA[entry.name].about).count("Licence") == 1
