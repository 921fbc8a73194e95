"""Whoever does not have the cluster's token: neither listened to nor told anything."""

import concurrent.futures
import contextlib
import ipaddress
import json
import socket
import time

import pytest

from lm_zoo.distribution.cluster import Cluster
from lm_zoo.distribution.launch import meeting, rendezvous
from lm_zoo.distribution.launch.cluster_token import (
    FILE_VARIABLE,
    VARIABLE,
    SealedLines,
    find_token,
)
from lm_zoo.distribution.launch.launcher import free_ports
from lm_zoo.distribution.launch.listening import listen
from lm_zoo.errors import UserError

TOKEN = "one that nobody guesses"
SECRET = {"config.seed": "the chief's secret config"}


@pytest.fixture
def token(monkeypatch):
    monkeypatch.setenv(VARIABLE, TOKEN)


def hello(address, sealed_with, kind=meeting.HELLO, **parts):
    message = {"address": address, "process": "rogue", "description": {}, "problem": None} | parts
    return SealedLines(sealed_with.encode()).seal(kind, message)


class ChiefWaiting:
    """A chief of two processes, the second of which has not come; `end` lets it come."""

    def __init__(self, timeout=30):
        self.workers = [f"localhost:{port}" for port in free_ports(2)]
        self.port = int(self.workers[0].split(":")[1])
        self._pool = concurrent.futures.ThreadPoolExecutor(2)
        self._chief = self._pool.submit(self._meet, 0, timeout)
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("localhost", self.port)).close()
                return

    def _meet(self, index, timeout=30):
        try:
            rendezvous.meet(Cluster({"worker": self.workers}, "worker", index), SECRET, timeout)
        except UserError as error:
            return str(error)

    def connect(self):
        return contextlib.closing(socket.create_connection(("localhost", self.port), timeout=10))

    def answer(self, data):
        """All that the chief says to somebody who says `data` and waits."""
        with self.connect() as connection:
            with contextlib.suppress(OSError):  # closed before all was sent
                connection.sendall(data)
            said = b""
            with contextlib.suppress(ConnectionError):
                while piece := connection.recv(1 << 16):
                    said += piece
            return said

    def end(self):
        """What the second process and the chief say."""
        other = self._pool.submit(self._meet, 1)
        said = other.result(), self._chief.result()
        self._pool.shutdown()
        return said


REPEATED = SealedLines(TOKEN.encode())
STRANGERS = {
    "a web browser": lambda w: b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "TLS": lambda w: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n",
    "the old form": lambda w: (
        json.dumps(
            {"address": w[1], "process": "rogue", "description": {}, "problem": "end!"}
        ).encode()
        + b"\n"
    ),
    "no token": lambda w: hello(w[1], ""),
    "another token": lambda w: hello(w[1], "another one, as long as that"),
    "an address of no one": lambda w: hello("elsewhere:7", "", problem="end!"),
    "a line for something else": lambda w: hello(w[1], TOKEN, kind=b"answer"),
    "a changed line": lambda w: hello(w[1], TOKEN).replace(b"rogue", b"chief"),
    "no text": lambda w: REPEATED.seal(meeting.HELLO, {"address": [1], "description": {}}),
    "escapes": lambda w: hello(w[1], TOKEN, problem="\x1b[2J"),
    "empty lines": lambda w: b"\n" * 100,
    "no end": lambda w: b"x" * (3 * meeting.MAX_MESSAGE),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_strangers_are_told_nothing_and_end_nothing(token, name):
    chief = ChiefWaiting()
    assert chief.answer(STRANGERS[name](chief.workers)) == b""
    assert chief.end() == (None, None)


def test_half_open_slow_and_many_connections_keep_nobody_out(token):
    """Three hundred at once, more than the chief holds; one drips, one ends before its line."""
    chief = ChiefWaiting()
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(chief.connect()) for _ in range(300)]
        held[-1].sendall(b"a")
        held[-2].sendall(hello(chief.workers[1], TOKEN)[:-1])
        held[-2].close()
        began = time.monotonic()
        assert chief.end() == (None, None)
        assert time.monotonic() - began < meeting.MESSAGE_SECONDS


def test_a_line_that_never_ends_is_given_up(token, monkeypatch):
    monkeypatch.setattr(meeting, "MESSAGE_SECONDS", 0.3)
    chief = ChiefWaiting()
    with chief.connect() as slow, pytest.raises(ConnectionError):
        for _ in range(100):  # a byte every now and then does not buy time
            slow.sendall(b"a")
            time.sleep(0.05)
    assert chief.end() == (None, None)


def test_a_process_with_another_token_is_hinted_at(monkeypatch):
    monkeypatch.setenv(VARIABLE, TOKEN)
    chief = ChiefWaiting(timeout=2)
    time.sleep(0.2)
    monkeypatch.setenv(VARIABLE, "another one, as long as that")
    cluster = Cluster({"worker": chief.workers}, "worker", 1)
    with pytest.raises(UserError, match=f"is {VARIABLE} the same there"):
        rendezvous.meet(cluster, SECRET, 1.0)
    chief._chief.result()
    assert f"some without its {VARIABLE} were rejected" in chief._chief.result()


def test_without_a_token_nobody_is_told_what_the_chief_is_to_do(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    chief = ChiefWaiting()
    said = chief.answer(hello(chief.workers[1], "", description={"config.seed": 1}))
    assert b"config.seed" in said and b"secret" not in said
    assert "the chief's secret config" in chief._chief.result()  # on its own terminal


def test_a_rogue_chief_is_not_believed(token):
    """Who listens at the chief's address learns no token, and cannot say that all is well."""
    port, other = free_ports(2)
    workers = [f"localhost:{port}", f"localhost:{other}"]
    cluster = Cluster({"worker": workers}, "worker", 1)
    rogue = socket.create_server(("localhost", port))
    with rogue, concurrent.futures.ThreadPoolExecutor(1) as pool:
        meeting_it = pool.submit(rendezvous.meet, cluster, SECRET, 1.0)
        connection, _ = rogue.accept()
        with connection:
            line = connection.makefile("rb").readline()
            assert TOKEN.encode() not in line
            lie = SealedLines(b"").seal(meeting.answer_to(line), {"problem": None})
            connection.sendall(lie)
        rogue.close()
        with pytest.raises(UserError, match="did not answer"):
            meeting_it.result()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "127.8.9.10"])
def test_processes_of_one_machine_meet_on_loopback(host):
    (port,) = free_ports(1)
    sockets = listen(f"{host}:{port}")
    for one in sockets:
        place, found = one.getsockname()[:2]
        assert found == port and ipaddress.ip_address(place).is_loopback
        one.close()
    assert sockets


def test_processes_of_several_machines_meet_on_all_interfaces():
    (port,) = free_ports(1)
    (one,) = listen(f"host1.invalid:{port}")
    with one:
        assert ipaddress.ip_address(one.getsockname()[0]).is_unspecified


def test_the_token_is_read_from_a_file_or_the_environment(tmp_path):
    path = tmp_path / "token"
    path.write_text("  0123456789abcdef\n")
    assert find_token({FILE_VARIABLE: str(path)}) == b"0123456789abcdef"
    assert find_token({VARIABLE: "0123456789abcdef"}) == b"0123456789abcdef"
    assert find_token({}) == find_token({VARIABLE: "", FILE_VARIABLE: ""}) == b""


@pytest.mark.parametrize(
    "variables, expected",
    [
        ({VARIABLE: "short"}, ["at least 16", "received 5"]),
        ({VARIABLE: "   "}, ["received 0"]),
        ({FILE_VARIABLE: "/nowhere/token"}, ["/nowhere/token", "No such file"]),
        ({FILE_VARIABLE: "/dev/null"}, ["/dev/null"]),
        ({VARIABLE: "0" * 16, FILE_VARIABLE: "/dev/null"}, ["set only one of them"]),
    ],
)
def test_tokens_that_are_none(variables, expected):
    with pytest.raises(UserError) as caught:
        find_token(variables)
    assert all(part in str(caught.value) for part in expected)
    assert "short" not in str(caught.value)  # it is a secret
