"""The named corpora of sentence pairs: their files, directions and splits."""

import dataclasses
import gzip
import hashlib
import io
import tarfile

import pytest

from lm_zoo.config import CorpusConfig
from lm_zoo.data import corpora
from lm_zoo.data.corpora import load_corpus
from lm_zoo.data.corpora.named import named_pairs
from lm_zoo.data.corpora.pair_catalogue import PAIR_CATALOGUE
from lm_zoo.errors import UserError

SPLITS = ("train", "validation", "test")
ENTRIES = {entry.name: entry for entry in PAIR_CATALOGUE}


def load(cache, name, **fields):
    return load_corpus(CorpusConfig(name, **fields), str(cache))


def splits(corpus):
    return {split: list(corpus.records(split)) for split in SPLITS}


def digest(content):
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def small(monkeypatch, name, contents, address="http://127.0.0.1:9"):
    """Puts contents, by the names of downloads, in the place of a corpus' published files."""
    entry = ENTRIES[name]

    def parts(source, target):
        values = entry.parts(source, target)
        values["downloads"] = tuple(
            dataclasses.replace(
                download,
                addresses=(f"{address}/{download.name}",),
                checksum=digest(contents[download.name]),
            )
            for download in values["downloads"]
        )
        values["checksums"] = {}
        return values

    changed = named_pairs(dataclasses.replace(entry, parts=parts))
    monkeypatch.setitem(corpora.CORPORA, name, changed)


def archive(files):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as opened:
        for name, text in files.items():
            data = text if isinstance(text, bytes) else text.encode()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            opened.addfile(info, io.BytesIO(data))
    return content.getvalue()


def test_every_direction_has_two_files_a_pair_and_all_come_from_downloads():
    for entry in PAIR_CATALOGUE:
        assert len(set(entry.directions)) == len(entry.directions)
        for source, target in entry.directions:
            found = entry.in_direction(source, target)
            names = [name for files in found.files.values() for name in files]
            assert len(set(names)) == len(names)
            for files in found.files.values():
                assert len(files) % 2 == 0
                for one, other in zip(files[::2], files[1::2]):
                    assert f".{source}" in one and f".{target}" in other
            downloaded = [
                member.rsplit("/", 1)[-1]
                for download in found.downloads
                for member in download.members or (download.name,)
            ]
            assert sorted(downloaded) == sorted(names)
            for download in found.downloads:
                algorithm, value = download.checksum.split(":")
                assert len(value) == {"md5": 32, "sha256": 64}[algorithm]
            back = entry.in_direction(target, source)
            assert set(back.downloads) == set(found.downloads)


def test_multi30k_that_someone_has(shared_data, tmp_path):
    folder = shared_data("multi30k_en_de")
    corpus = load(tmp_path, "multi30k", data_dir=str(folder / "raw"))
    found = splits(corpus)
    assert [len(pairs) for pairs in found.values()] == [29_000, 1_014, 1_000]
    for split, stem in zip(SPLITS, ("train", "val", "test_2016_flickr")):
        for side, language in enumerate(("de", "en")):
            text = (folder / "raw" / f"{stem}.{language}").read_text(encoding="utf-8")
            assert [pair[side] for pair in found[split]] == text.split("\n")[:-1]
    back = load(tmp_path, "multi30k", data_dir=str(folder), source_language="en")
    assert next(back.records("test")) == found["test"][0][::-1]
    assert back.fingerprint != corpus.fingerprint and back.source.startswith("en-de of ")


def test_multi30k_is_fetched_or_found_packed_or_not(monkeypatch, site, tmp_path):
    texts = {f"{stem}.{language}": f"{stem} {language}\n" for language in ("de", "en")
             for stem in ("train", "val", "test_2016_flickr")}  # fmt: skip
    packed = {f"{name}.gz": gzip.compress(text.encode()) for name, text in texts.items()}
    small(monkeypatch, "multi30k", packed, site.address)
    (tmp_path / "have" / "raw").mkdir(parents=True)
    for name, text in texts.items():
        (tmp_path / "have" / "raw" / name).write_text(text)
    expected = {
        split: [(f"{stem} de", f"{stem} en")]
        for split, stem in zip(SPLITS, ("train", "val", "test_2016_flickr"))
    }
    corpus = load(tmp_path / "cache", "multi30k", data_dir=str(tmp_path / "have"))
    assert splits(corpus) == expected
    assert not site.requests
    site.files.update({f"/{name}": content for name, content in packed.items()})
    assert splits(load(tmp_path / "cache", "multi30k")) == expected
    assert splits(load(tmp_path / "cache", "multi30k")) == expected and len(site.requests) == 6
    (tmp_path / "cache" / "downloads" / "multi30k" / "val.en.gz").write_bytes(b"other")
    with pytest.raises(UserError, match="val.en.gz' is not the published file: expected sha256:"):
        load(tmp_path / "cache", "multi30k")


def test_a_wrong_file_of_multi30k_is_refused_unpacked(tmp_path):
    for stem in ("train", "val", "test_2016_flickr"):
        for language in ("de", "en"):
            (tmp_path / f"{stem}.{language}").write_text("other\n")
    with pytest.raises(UserError, match="train.de' is not the published file: expected sha256:2c"):
        load(tmp_path / "cache", "multi30k", data_dir=str(tmp_path))


def test_iwslt_is_read_from_its_marked_up_files(monkeypatch, tmp_path):
    lines = {"de": "Satz", "en": "sentence"}
    files = {}
    for language, word in lines.items():
        talk = f"<url>http://x</url>\n<title>Title {language}</title>\n<talkid>1</talkid>\n"
        extra = "<translator>only here</translator>\n" if language == "de" else ""
        text = "".join(f" {word} {n} & < \n" for n in range(2, 24))
        files[f"de-en/train.tags.de-en.{language}"] = talk + extra + text
        for number, test in enumerate(
            ("TED.dev2010", "TEDX.dev2012", "TED.tst2010", "TED.tst2011", "TED.tst2012")
        ):
            files[f"de-en/IWSLT14.{test}.de-en.{language}.xml"] = (
                f'<?xml version="1.0"?>\n<doc>\n<title>no</title>\n<seg id="1"> {word} {number} '
                f'&amp; &quot;x&quot;</seg>\n<seg id="2">{word}</seg>\n</doc>\n'
            )
    content = archive({**files, "de-en/README": "no"})
    small(monkeypatch, "iwslt", {"de-en.tgz": content})
    (tmp_path / "have").mkdir()
    (tmp_path / "have" / "de-en.tgz").write_bytes(content)
    found = splits(load(tmp_path / "cache", "iwslt", data_dir=str(tmp_path / "have")))
    assert found["train"][:2] == [("Title de", "Title en"), ("Satz 2 & <", "sentence 2 & <")]
    assert len(found["train"]) == 22 and found["validation"] == [("Satz 23 & <", "sentence 23 & <")]
    expected = []
    for number in range(5):
        expected += [(f'Satz {number} & "x"', f'sentence {number} & "x"'), ("Satz", "sentence")]
    assert found["test"] == expected
    back = load(tmp_path / "cache", "iwslt", data_dir=str(tmp_path / "have"), target_language="de")
    assert splits(back)["test"] == [pair[::-1] for pair in expected]


@pytest.mark.parametrize("other", ["de", "fr"])
def test_wmt14_is_put_together_from_its_archives(monkeypatch, tmp_path, other):
    entry = ENTRIES["wmt14"].in_direction("en", other)
    contents = {}
    for download in entry.downloads:
        files = {}
        for member in download.members:
            word = member.split("/")[-1]
            text = f"{word} one\n{word} two\n"
            if member.endswith(".sgm"):
                text = f'<doc>\n<seg id="1">{word}</seg>\n</doc>\n'
            files[member] = gzip.compress(text.encode()) if member.endswith(".gz") else text
        contents[download.name] = archive(files)
    small(monkeypatch, "wmt14", contents)
    place = tmp_path / "cache" / "downloads" / "wmt14"
    place.mkdir(parents=True)
    for name, content in contents.items():
        (place / name).write_bytes(content)
    corpus = load(tmp_path / "cache", "wmt14", source_language="en", target_language=other)
    found = splits(corpus)
    assert len(found["train"]) == 2 * {"de": 3, "fr": 5}[other]
    stem = f"europarl-v7.{other}-en"
    assert found["train"][1] == (f"{stem}.en two", f"{stem}.{other} two")
    assert found["validation"][0] == ("newstest2013.en one", f"newstest2013.{other} one")
    names = f"newstest2014-{other}en-ref.en.sgm", f"newstest2014-{other}en-src.{other}.sgm"
    assert found["test"] == [names]
    assert (place / f"text-{other}-en").is_dir()


def test_a_segment_that_is_not_whole_is_told(tmp_path):
    (tmp_path / "de-en").mkdir()
    for language in ("de", "en"):
        (tmp_path / "de-en" / f"train.tags.de-en.{language}").write_text("a\n" * 23)
        for test in ("TED.dev2010", "TEDX.dev2012", "TED.tst2010", "TED.tst2011", "TED.tst2012"):
            path = tmp_path / "de-en" / f"IWSLT14.{test}.de-en.{language}.xml"
            path.write_text('<doc>\n<seg id="1">a\nb</seg>\n</doc>')
    corpus = load(tmp_path / "cache", "iwslt", data_dir=str(tmp_path))
    with pytest.raises(UserError, match=r"de.xml', line 2: expected a whole <seg>"):
        list(corpus.records("test"))


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"source_language": "es"}, "corpus.source_language: .* from 'es'; it has: de-en, en-de,"),
        ({"target_language": "es"}, "corpus.target_language: .* to 'es'; it has:"),
        ({"source_language": "en", "target_language": "en"}, "from 'en' to 'en'"),
        (
            {"train_files": ("a",)},
            "corpus.train_files: .* no such field of 'wmt14'. It has: data_dir, source_lang",
        ),
        ({"data_dir": "nowhere"}, "there is no folder 'nowhere'"),
    ],
)
def test_what_is_refused(fields, message, tmp_path):
    with pytest.raises(UserError, match=message):
        load(tmp_path, "wmt14", **fields)
    assert not list(tmp_path.iterdir())


def test_the_list_says_what_they_are():
    for name in ENTRIES:
        about = corpora.CORPORA[name].about
        assert "Licence: " in about and "de-en" in about
