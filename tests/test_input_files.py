"""Input files: regular ones of a bounded size, and pipes that somebody writes to."""

import os
import socket
import threading

import pytest

from lm_zoo.files import input_files, link_of_another_user, reason, sha256_file


def test_a_file_is_read_and_one_that_is_too_large_is_not(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("a")
    assert input_files.read_input(tmp_path / "link", 5) == b"12345"
    with pytest.raises(OSError) as caught:
        input_files.read_input(tmp_path / "a", 4)
    assert "more than the maximum of 4 bytes" in reason(caught.value)
    assert caught.value.filename == str(tmp_path / "a")


def test_nothing_but_a_regular_file_is_opened_and_nothing_waits(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        expected = {
            str(tmp_path / "pipe"): "it is a pipe",
            str(tmp_path / "folder"): "Is a directory",
            str(tmp_path / "socket"): "",  # Linux' own words: no such device or address
            "/dev/zero": "it is a device",
            str(tmp_path / "none"): "No such file",
        }
        for path, words in expected.items():
            for function in (input_files.open_input, sha256_file, input_files.check_regular):
                with pytest.raises(OSError) as caught:
                    function(path)
                assert words in reason(caught.value), path


def test_a_pipe_with_a_writer_is_read_whenever_it_writes(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)

    def write():
        with open(path, "wb", buffering=0) as file:
            file.write(b"one ")
            threading.Event().wait(0.1)
            file.write(b"two")

    for delay in (0, 0.1):
        writer = threading.Timer(delay, write)
        writer.start()
        with input_files.open_input_or_pipe(path) as file:
            assert input_files.read_at_most(path, file, 100) == b"one two"
        writer.join()


def test_a_pipe_that_nobody_writes_to_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(input_files, "PATIENCE", 0.1)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError) as caught:
        input_files.open_input_or_pipe(tmp_path / "pipe")
    assert "no program opened it for writing" in reason(caught.value)


def test_a_link_of_another_user_is_found_wherever_it_stands(tmp_path, monkeypatch):
    (tmp_path / "real" / "below").mkdir(parents=True)
    (tmp_path / "real" / "up").symlink_to("../real/below")
    (tmp_path / "theirs").symlink_to(tmp_path / "real")
    (tmp_path / "through").symlink_to("theirs/below")
    (tmp_path / "loop").symlink_to("loop")
    assert link_of_another_user(tmp_path / "through" / "new") is None
    assert link_of_another_user(tmp_path / "real" / "up" / ".." / "below") is None
    try:
        os.lchown(tmp_path / "theirs", 65534, -1)
    except PermissionError:
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    found = link_of_another_user(tmp_path / "theirs" / "below" / "new")
    assert found == tmp_path / "theirs"
    assert link_of_another_user(tmp_path / "real" / "below") is None
    assert link_of_another_user(tmp_path / "through") is not None
    monkeypatch.undo()
    with pytest.raises(OSError, match="symbolic links"):
        link_of_another_user(tmp_path / "loop")
