"""Folders that one process makes at a time, and checksums that are remembered while they hold."""

import json
import os
import pathlib
import threading
import time

import pytest

from lm_zoo.data import digests
from lm_zoo.data.cache import WORK_PREFIX, cache_dir, made_once, publish, write_file
from lm_zoo.errors import UserError
from lm_zoo.files import sha256_file


def test_the_config_then_the_environment_then_the_home_say_where_the_cache_is(monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.delenv("LM_ZOO_CACHE", raising=False)
    assert cache_dir() == pathlib.Path("/home/somebody/.cache/lm_zoo")
    monkeypatch.setenv("LM_ZOO_CACHE", "~/other")
    assert cache_dir() == pathlib.Path("/home/somebody/other")
    assert cache_dir("here") == pathlib.Path("here")


def make(directory, content=b"x"):
    with made_once(directory) as work:
        if work is not None:
            (work / "whole").mkdir()
            write_file(work / "whole" / "file", content)
            publish(work / "whole", directory)
    return work


def test_a_folder_is_made_once(tmp_path):
    assert make(tmp_path / "made") is not None
    assert make(tmp_path / "made", b"other") is None
    assert (tmp_path / "made" / "file").read_bytes() == b"x"
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_what_was_begun_is_found_again_and_nothing_else_is_kept(tmp_path):
    with pytest.raises(ZeroDivisionError), made_once(tmp_path / "made") as work:
        raise ZeroDivisionError
    assert not work.exists()
    with pytest.raises(ZeroDivisionError), made_once(tmp_path / "made") as work:
        write_file(work / "part", b"1")
        raise ZeroDivisionError
    with made_once(tmp_path / "made") as again:
        assert again == work and (again / "part").read_bytes() == b"1"
        (again / "whole").mkdir()
        publish(again / "whole", tmp_path / "made")
    assert not work.exists()


def test_a_second_one_says_that_it_waits_and_finds_it_made(tmp_path):
    said, second = [], []

    def wait():
        with made_once(tmp_path / "made", on_wait=said.append) as work:
            second.append(work)

    with made_once(tmp_path / "made") as work:
        thread = threading.Thread(target=wait)
        thread.start()
        while not said:
            time.sleep(0.001)
        (work / "whole").mkdir()
        publish(work / "whole", tmp_path / "made")
    thread.join(20)
    assert second == [None] and said == [
        f"Waiting for another process that is creating {work.name} ..."
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="output: could not write into .*file: File exists"):
        with made_once(tmp_path / "file" / "made", field="output"):
            raise AssertionError("not reached")


def test_an_abandoned_folder_that_is_locked_is_left_alone(tmp_path):
    with made_once(tmp_path / "made") as work:
        os.utime(work, (0, 0))
        make(tmp_path / "other")
        assert work.exists()
    old = tmp_path / f"{WORK_PREFIX}old"
    old.mkdir()
    os.utime(old, (0, 0))
    make(tmp_path / "third")
    assert not old.exists()


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    write_file(tmp_path / "file", b"old")
    with pytest.raises(TypeError):
        write_file(tmp_path / "file", "not bytes")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.fixture
def large(tmp_path):
    """A file that is worth remembering, changed long ago by all that its clock says."""
    path = tmp_path / "large"
    path.write_bytes(os.urandom(digests.MIN_REMEMBERED_BYTES))
    return path


@pytest.fixture
def settled(monkeypatch):
    monkeypatch.setattr(digests, "SETTLED_SECONDS", -1)


def reads(monkeypatch):
    """Counts how often a file is read."""
    count = []
    monkeypatch.setattr(digests, "sha256_file", lambda p: (count.append(p), sha256_file(p))[1])
    return count


def test_a_checksum_is_remembered_until_the_file_changes(large, tmp_path, monkeypatch, settled):
    count, cache = reads(monkeypatch), tmp_path / "cache"
    expected = sha256_file(large)
    assert digests.sha256_of(large, cache) == expected == digests.sha256_of(large, cache)
    assert len(count) == 1
    data = bytearray(large.read_bytes())
    data[5] ^= 1
    status = large.stat()
    large.write_bytes(bytes(data))
    os.utime(large, ns=(status.st_atime_ns, status.st_mtime_ns))  # as a careful forger would
    assert digests.sha256_of(large, cache) == sha256_file(large) != expected
    assert len(count) == 2


def test_a_file_changed_just_now_is_not_remembered(large, tmp_path, monkeypatch):
    count = reads(monkeypatch)
    for _ in range(2):
        digests.sha256_of(large, tmp_path / "cache")
    assert len(count) == 2 and not (tmp_path / "cache").exists()


def test_a_damaged_or_unwritable_memory_only_costs_time(large, tmp_path, monkeypatch, settled):
    expected = sha256_file(large)
    digests.sha256_of(large, tmp_path / "cache")
    (remembered,) = (tmp_path / "cache" / "digests").iterdir()
    values = json.loads(remembered.read_text())
    for text in ("", "{}", "[]", json.dumps(values | {"sha256": 7})):
        remembered.write_text(text)
        assert digests.sha256_of(large, tmp_path / "cache") == expected
    (tmp_path / "file").write_text("")
    assert digests.sha256_of(large, tmp_path / "file") == expected


def test_a_file_that_changes_while_it_is_read_is_refused(large, tmp_path, monkeypatch):
    def slow(path):
        digest = sha256_file(path)
        path.write_bytes(b"changed" * 1000)
        return digest

    monkeypatch.setattr(digests, "sha256_file", slow)
    with pytest.raises(UserError, match="large: it changed while it was read"):
        digests.sha256_of(large, tmp_path / "cache")
