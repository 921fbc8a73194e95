"""Fetching from a real server that breaks, lies and stalls."""

import hashlib
import json
import os
import pty
import random
import subprocess
import sys
import threading
import time

import pytest

from lm_zoo.data.corpora.catalogue import Download
from lm_zoo.data.corpora.download import http_attempt
from lm_zoo.data.corpora.download.fetching import fetch
from lm_zoo.errors import UserError
from tests.data.corpora.http_server import (
    breaks_after,
    drips,
    hangs_up,
    says_length,
    sends,
    sends_wrong_part,
    stalls_after,
    status,
)

CONTENT = random.Random(0).randbytes(300_000)
WRONG = b"wrong" + CONTENT[5:]


def sha256(content):
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.fixture
def download(site):
    site.files["/file.bin"] = CONTENT
    return Download("file.bin", (f"{site.address}/file.bin",), sha256(CONTENT), len(CONTENT))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "downloads" / "file.bin"


def only_the_file(path):
    return path.read_bytes() == CONTENT and [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_file_is_fetched_once(site, download, path, capsys):
    fetch(download, path)
    assert only_the_file(path)
    fetch(download, path)
    assert len(site.requests) == 1
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "trick",
    [
        breaks_after(100_000),
        breaks_after(0),
        stalls_after(100_000),
        stalls_after(0),
        drips,
        hangs_up,
        says_length(400_000),
        status(500),
        status(503, Retry_After="0"),
        status(429),
    ],
    ids=["breaks", "0", "stalls", "stalls at 0", "drips", "hangs up", "long", "500", "503", "429"],
)
def test_what_fails_once_or_three_times_is_tried_again(site, download, path, trick):
    download = Download(download.name, download.addresses, download.checksum)  # no size to go by
    for times in (1, 3):
        site.tricks = [trick] * times
        fetch(download, path)
        assert only_the_file(path)
        path.unlink()


def test_a_break_is_resumed_where_it_was(site, download, path):
    site.tricks = [breaks_after(100_000), breaks_after(50_000)]
    fetch(download, path)
    assert only_the_file(path)
    assert [r for _, r in site.requests] == [None, "bytes=100000-", "bytes=150000-"]


def test_each_break_that_brings_something_is_no_failure(site, download, path):
    site.tricks = [breaks_after(20_000)] * 14
    fetch(download, path)
    assert only_the_file(path) and len(site.requests) == 15


def test_another_run_goes_on_where_one_was_stopped(site, download, path):
    site.tricks = [breaks_after(100_000)] + [status(404)]
    with pytest.raises(UserError, match="HTTP status 404"):
        fetch(download, path)
    assert not path.exists()
    fetch(download, path)
    assert only_the_file(path) and site.requests[-1][1] == "bytes=100000-"


def test_a_server_without_ranges_sends_all_again(site, download, path):
    site.ranges = False
    site.tricks = [breaks_after(100_000)]
    fetch(download, path)
    assert only_the_file(path)


def test_without_a_name_for_the_version_nothing_is_resumed(site, download, path):
    site.etag = None
    site.tricks = [breaks_after(100_000)]
    fetch(download, path)
    assert only_the_file(path) and [r for _, r in site.requests] == [None, None]


def test_another_version_is_not_put_behind_the_old_one(site, download, path):
    site.files["/file.bin"] = WRONG
    site.tricks = [breaks_after(100_000), status(404)]
    with pytest.raises(UserError):
        fetch(download, path)
    site.files["/file.bin"], site.etag = CONTENT, '"v2"'
    fetch(download, path)
    assert only_the_file(path)


def test_a_part_that_is_wrong_is_fetched_again_from_the_start(site, download, path):
    site.tricks = [breaks_after(100_000), status(404)]
    with pytest.raises(UserError):
        fetch(download, path)
    part = path.with_name("file.bin.part")
    part.write_bytes(b"\0" * 100_000)
    fetch(download, path)
    assert only_the_file(path)
    assert [r for _, r in site.requests][-2:] == ["bytes=100000-", None]


@pytest.mark.parametrize("left", [len(CONTENT), len(CONTENT) + 5])
def test_a_part_with_nothing_behind_it_is_no_trap(site, download, path, left):
    path.parent.mkdir()
    path.with_name("file.bin.part").write_bytes((CONTENT + b"12345")[:left])
    note = {"address": download.addresses[0], "version": site.etag}
    path.with_name("file.bin.part.json").write_text(json.dumps(note))
    site.tricks = [status(416)]
    fetch(download, path)
    assert only_the_file(path)


def test_another_part_than_was_asked_for_is_not_taken(site, download, path):
    site.tricks = [breaks_after(100_000), sends_wrong_part]
    fetch(download, path)
    assert only_the_file(path)


def test_redirects_are_followed(site, download, path):
    site.tricks = [status(302, Location="/there"), status(301, Location="/file.bin")]
    fetch(download, path)
    assert only_the_file(path)


def refusal(download, path):
    with pytest.raises(UserError) as caught:
        fetch(download, path)
    assert "\n" not in str(caught.value) and not path.exists()
    return str(caught.value)


def test_wrong_bytes_are_refused_with_both_checksums(site, download, path):
    site.tricks = [sends(WRONG)]
    message = refusal(download, path)
    assert "wrong checksum" in message and sha256(CONTENT) in message and sha256(WRONG) in message
    assert not list(path.parent.iterdir())
    fetch(download, path)
    assert only_the_file(path)


@pytest.mark.parametrize(
    "trick, expected",
    [
        (status(404), "HTTP status 404"),
        (status(403), "HTTP status 403"),
        (status(204), "HTTP status 204"),
        (sends(CONTENT[:-1]), "the server's file has 299,999 bytes, expected 300,000"),
        (says_length(299_999), "the server's file has 299,999 bytes, expected 300,000"),
    ],
)
def test_what_will_not_change_is_not_tried_again(site, download, path, trick, expected):
    site.tricks = [trick]
    assert expected in refusal(download, path)
    assert len(site.requests) == 1


@pytest.mark.parametrize(
    "trick, expected",
    [
        (status(500), "HTTP status 500 Internal Server Error (5 attempts)"),
        (breaks_after(0), "the connection ended after 0 of 300,000 bytes (5 attempts)"),
        (stalls_after(0), "nothing came for 0.1 seconds (5 attempts)"),
        (status(302, Location="/file.bin"), "HTTP status 302 Found"),
    ],
)
def test_what_always_fails_is_given_up(site, download, path, monkeypatch, trick, expected):
    monkeypatch.setattr(http_attempt, "STALL_SECONDS", 0.1)
    site.tricks = [trick] * 60
    assert expected in refusal(download, path)


def test_a_lie_about_the_length_is_found_by_the_checksum(site, download, path):
    download = Download(download.name, download.addresses, download.checksum)
    site.tricks = [says_length(299_999)] * 10
    assert sha256(CONTENT[:-1]) in refusal(download, path)


def test_more_than_can_be_right_is_not_taken(site, download, path, monkeypatch):
    monkeypatch.setattr(http_attempt, "MAX_BYTES", 100_000)
    download = Download(download.name, download.addresses, download.checksum)
    assert "the server sent more than 100,000 bytes" in refusal(download, path)


def test_the_next_address_is_tried_and_all_reasons_are_told(site, download, path):
    closed = "http://127.0.0.1:9/file.bin"
    there = download.addresses[0]
    unknown = "http://no-such-server.invalid/file.bin"
    several = Download("file.bin", (closed, unknown, there), download.checksum)
    fetch(several, path)
    assert only_the_file(path)
    path.unlink()
    site.files.clear()
    message = refusal(several, path)
    assert f"{closed}: Connection refused (5 attempts)" in message
    assert f"{unknown}: " in message and f"{there}: HTTP status 404" in message


def test_two_at_once_fetch_it_once(site, download, path):
    site.tricks = [stalls_after(100_000)]
    threads = [threading.Thread(target=fetch, args=(download, path)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert only_the_file(path) and len(site.requests) == 2


def test_a_folder_that_cannot_be_written_is_one_line(site, download, tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert "could not write into" in refusal(download, tmp_path / "file" / "file.bin")


CODE = """
import resource, sys
from lm_zoo.data.corpora.catalogue import Download
from lm_zoo.data.corpora.download.fetching import fetch
from lm_zoo.errors import UserError
import pathlib
if len(sys.argv) > 4:
    import signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]),) * 2)
try:
    fetch(Download("file.bin", (sys.argv[1],), sys.argv[2]), pathlib.Path(sys.argv[3]))
except UserError as error:
    print(error)
"""


def test_a_killed_process_leaves_what_the_next_one_goes_on_with(site, download, path):
    site.tricks = [stalls_after(120_000)]
    command = [sys.executable, "-c", CODE, *download.addresses, download.checksum, str(path)]
    process = subprocess.Popen(command)
    part = path.with_name("file.bin.part")
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not (part.exists() and part.stat().st_size == 120_000):
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not path.exists()
    fetch(download, path)
    assert only_the_file(path)
    assert [r for _, r in site.requests] == [None, "bytes=120000-"]


def test_a_full_disk_is_one_line_and_the_next_run_goes_on(site, download, path):
    command = [sys.executable, "-c", CODE, *download.addresses, download.checksum, str(path)]
    done = subprocess.run([*command, "100000"], capture_output=True, text=True)
    assert done.stderr == "" and done.stdout.count("\n") == 1
    assert "could not write into" in done.stdout and not path.exists()
    fetch(download, path)
    assert only_the_file(path)


def test_a_terminal_shows_a_bar(site, download, path):
    parent, child = pty.openpty()
    command = [sys.executable, "-c", CODE, *download.addresses, download.checksum, str(path)]
    done = subprocess.run(command, stderr=child, env={**os.environ, "TERM": "xterm"})
    os.close(child)
    shown = os.read(parent, 1 << 16).decode()
    os.close(parent)
    assert done.returncode == 0 and only_the_file(path)
    assert "Fetching file.bin" in shown and "300.0/300.0 kB" in shown
