"""Archives that are damaged, or made to do harm, leave nothing."""

import hashlib
import io
import random
import tarfile
import zipfile

import pytest

from lm_zoo.data.corpora.download.archives import unpack
from lm_zoo.errors import UserError

TEXT = "".join(random.Random(0).choices("abcdefgh \n", k=50_000)).encode()


def make_zip(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def make_tar(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, tuple):
                info.type, info.linkname = content
            else:
                info.size = len(content)
            archive.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return path


MAKE = {"a.zip": make_zip, "a.tgz": make_tar, "a.tar.gz": make_tar}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "into").mkdir()
    return tmp_path


def refusal(folder, archive, members):
    before = sorted(folder.rglob("*"))
    with pytest.raises(UserError, match=r"corpus\.name: archive '.*a\.") as caught:
        unpack(archive, members, folder / "into", "corpus.name")
    assert "\n" not in str(caught.value)
    outside = [p for p in folder.rglob("*") if p not in before and folder / "into" not in p.parents]
    assert not outside
    return str(caught.value)


@pytest.mark.parametrize("name", MAKE)
def test_the_wanted_members_come_out_alone(folder, name):
    members = {"in/a.txt": TEXT, "in/b.txt": b"", "in/README": b"no", "c.txt": TEXT[::-1]}
    archive = MAKE[name](folder / name, members)
    digests = unpack(archive, ["in/a.txt", "c.txt", "in/b.txt"], folder / "into", "corpus.name")
    assert digests == {
        name: hashlib.sha256(content).hexdigest()
        for name, content in [("a.txt", TEXT), ("b.txt", b""), ("c.txt", TEXT[::-1])]
    }
    assert sorted(p.name for p in (folder / "into").iterdir()) == ["a.txt", "b.txt", "c.txt"]
    assert (folder / "into" / "c.txt").read_bytes() == TEXT[::-1]


@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize("keep", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_archive(folder, name, keep):
    archive = MAKE[name](folder / name, {"a.txt": TEXT, "b.txt": TEXT})
    whole = archive.read_bytes()
    archive.write_bytes(whole[: int(len(whole) * keep)])
    message = refusal(folder, archive, ["a.txt", "b.txt"])
    assert "truncated" in message


@pytest.mark.parametrize("name", MAKE)
def test_flipped_bytes_anywhere_never_give_wrong_text(folder, name):
    archive = MAKE[name](folder / name, {"a.txt": TEXT, "b.txt": TEXT})
    whole = archive.read_bytes()
    rng = random.Random(3)
    for _ in range(30):
        data = bytearray(whole)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        archive.write_bytes(bytes(data))
        into = folder / "into"
        try:
            unpack(archive, ["a.txt", "b.txt"], into, "corpus.name")
            assert {p.name for p in into.iterdir()} == {"a.txt", "b.txt"}
            assert all(p.read_bytes() == TEXT for p in into.iterdir())
        except UserError as error:
            assert "\n" not in str(error)
        for path in into.iterdir():
            path.unlink()


@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize(
    "member", ["../out.txt", "/tmp/lm_zoo_out.txt", "in/../../out.txt", "C:/out.txt", "..\\out.txt"]
)
def test_a_member_that_would_land_outside(folder, name, member):
    archive = MAKE[name](folder / name, {member: b"out", "a.txt": TEXT})
    for wanted in (["a.txt"], ["a.txt", member]):
        assert "would be written outside its folder" in refusal(folder, archive, wanted)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_a_link_in_a_tar_archive(folder, kind):
    (folder / "secret").write_text("secret")
    for target in ("/etc/passwd", "../secret"):
        archive = make_tar(folder / "a.tgz", {"in": (kind, target), "a.txt": TEXT})
        assert "would be written outside" in refusal(folder, archive, ["a.txt"])
    archive = make_tar(folder / "a.tgz", {"b.txt": TEXT, "a.txt": (kind, "b.txt")})
    assert "as a link or folder" in refusal(folder, archive, ["a.txt"])


def test_a_link_in_a_zip_archive(folder):
    info = zipfile.ZipInfo("a.txt")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    assert "as a link or folder" in refusal(folder, folder / "a.zip", ["a.txt"])


@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize("wanted", [["a.txt"], ["bomb.txt"]])
def test_a_decompression_bomb_is_stopped_early(folder, name, wanted):
    members = {"bomb.txt": b"\0" * (24 << 20), "a.txt": TEXT}
    archive = MAKE[name](folder / name, members)
    if name == "a.zip" and wanted == ["a.txt"]:  # a zip's other members are never decompressed
        unpack(archive, wanted, folder / "into", "corpus.name")
        return
    assert "a decompression bomb" in refusal(folder, archive, wanted)
    assert sum(p.stat().st_size for p in (folder / "into").iterdir()) < 12 << 20


@pytest.mark.parametrize("name", MAKE)
def test_a_member_that_is_missing(folder, name):
    archive = MAKE[name](folder / name, {"a.txt": TEXT})
    assert "has no member 'b.txt'" in refusal(folder, archive, ["a.txt", "b.txt"])
