"""What a connection may do, with real sockets: headers, time, unread answers, their number."""

import contextlib
import http.client
import json
import socket
import subprocess
import sys
import time

import pytest

from lm_zoo.serving.limits import ServingLimits
from tests.serving.conftest import Server
from tests.serving.test_limits import wait_until

LIMITS = ServingLimits(
    max_header_bytes=4000,
    max_connections=20,
    receive_seconds=0.6,
    write_seconds=0.6,
    idle_seconds=0.6,
    request_seconds=30,
    max_new_tokens=200_000,
)
HOST = b"Host: localhost\r\n"
HEALTH = b"GET /healthz HTTP/1.1\r\n" + HOST


@pytest.fixture(scope="module")
def server(model):
    model.warm_up()
    with Server(model, LIMITS) as running:
        yield running


@pytest.fixture
def connect(server):
    """Opens connections, which are closed at the end of the test."""
    with contextlib.ExitStack() as stack:

        def connect(data=b"", port=server.port):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), 30))
            connection.sendall(data)
            return connection

        yield connect


def answer_of(connection):
    """Everything that the server sends until it closes the connection."""
    data = b""
    while part := connection.recv(65536):
        data += part
    return data


def error_of(data):
    head, _, content = data.partition(b"\r\n\r\n")
    assert b"content-type: application/json" in head.lower()
    error = json.loads(content)["error"]
    return int(head.split()[1]), error if isinstance(error, str) else error["message"]


@pytest.mark.parametrize(
    "data",
    [
        HEALTH + b"x: y\r\n" * 1000,
        HEALTH + b"x: y\r\n" * 1000 + b"\r\n",
        HEALTH + b"x: " + b"y" * 9000,
        HEALTH + b"y" * 9000,
        b"GET /" + b"y" * 4000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /" + b"y" * 9000,
        b"POST /v1/completions HTTP/1.1\r\n" + HOST + b"x: " + b"y" * 9000,
    ],
    ids=["lines", "all lines", "line", "name", "path", "growing path", "completions"],
)
def test_headers_are_limited(connect, data):
    status, message = error_of(answer_of(connect(data)))
    assert status == 431 and "at most 4,000 bytes" in message and "--max_header_bytes" in message


def test_what_stands_between_and_after_chunks_is_limited(connect):
    head = b"POST /v1/completions HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    for more in (b"0\r\n" + b"x: y\r\n" * 3000, b"1;" + b"y" * 12000):
        connection = connect(head)
        with contextlib.suppress(OSError):
            connection.sendall(more)
        with contextlib.suppress(ConnectionResetError):
            assert b"200" not in answer_of(connection)[:20]


def test_a_trailer_is_no_header(connect):
    body = b"d\r\n" + b'{"prompt": 5}' + b"\r\n0\r\norigin: https://a.example\r\n\r\n"
    head = b"POST /v1/completions HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    assert answer_of(connect(head + body)).startswith(b"HTTP/1.1 400")  # not 403


@pytest.mark.parametrize(
    "data, status",
    [
        (b"", None),
        (b"G", 408),
        (HEALTH + b"x:", 408),
        (b"POST /v1/completions HTTP/1.1\r\n" + HOST + b"Content-Length: 9\r\n\r\n{", 408),
        (b"POST /nothing HTTP/1.1\r\n" + HOST + b"Content-Length: 9\r\n\r\n{", 404),
        (HEALTH + b"\r\n", 200),
        (HEALTH + b"\r\n" + HEALTH, 200),
    ],
    ids=["nothing", "letter", "headers", "body", "unwanted body", "idle", "half of the second"],
)
def test_no_connection_stays_open_for_ever(connect, data, status):
    answer = answer_of(connect(data))  # else this waits for 30 seconds, and fails
    assert answer[:12].decode() == (f"HTTP/1.1 {status}" if status else "")


def test_what_is_no_http_is_told_so(connect):
    assert error_of(answer_of(connect(b"nonsense\r\n\r\n")))[0] == 400
    both = answer_of(connect(HEALTH + b"\r\nnonsense\r\n\r\n"))
    assert both.startswith(b"HTTP/1.1 200") and both.count(b"HTTP/1.1") == 1


def test_pipelined_requests_are_answered_in_turn(connect):
    data = answer_of(connect((HEALTH + b"\r\n") * 30))
    assert data.count(b'"status":"ok"') == data.count(b"HTTP/1.1 200") == 30


@pytest.mark.parametrize("data", [b"", b"GET /v1", HEALTH])
def test_connections_that_wait_make_room(server, connect, data):
    for _ in range(100):
        with contextlib.suppress(OSError):  # the server may have closed it before it is used
            connect(data)
    assert server.ask("GET", "/healthz")[0] == 200


def test_connections_at_work_stay_and_others_are_told(model, connect):
    limits = ServingLimits(max_connections=3, max_new_tokens=200_000)
    with Server(model, limits) as server:
        body = json.dumps({"prompt": "the", "max_tokens": 100_000, "ignore_eos": True}).encode()
        head = b"POST /v1/completions HTTP/1.1\r\n" + HOST
        length = b"Content-Length: %d\r\n\r\n" % len(body)
        working = [connect(head + length + body, server.port) for _ in range(3)]
        time.sleep(0.5)
        status, message = error_of(answer_of(connect(b"", server.port)))
        assert status == 503 and "3 connections" in message
        for connection in working:
            connection.setblocking(False)
            with pytest.raises(BlockingIOError):  # open, and not answered yet
                connection.recv(1)
            connection.close()


def test_an_answer_that_no_one_reads_is_given_up(server):
    body = {"prompt": ["the"] * 60, "max_tokens": 200_000, "ignore_eos": True, "logprobs": 1}
    body = json.dumps(body | {"stream": True}).encode()
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(
            b"POST /v1/completions HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(body)
        )
        connection.sendall(body)
        wait_until(lambda: server.figure("lm_zoo_active_texts"))
        wait_until(lambda: not server.figure("lm_zoo_active_texts"))
        connection.settimeout(30)
        with contextlib.suppress(ConnectionResetError):  # it was cut, not ended
            assert not answer_of(connection).endswith(b"0\r\n\r\n")


def test_a_request_of_many_parts_and_slow_pauses_is_answered(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    body = json.dumps({"prompt": "the cat", "max_tokens": 1}).encode()
    connection.putrequest("POST", "/v1/completions")
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders()
    for begin in range(0, len(body), 12):
        connection.send(body[begin : begin + 12])
        time.sleep(0.05)
    assert connection.getresponse().status == 200
    connection.close()


def test_as_many_connections_as_the_system_allows():
    code = (
        "import resource; from lm_zoo.serving.http.open_files import allowed_connections as allowed\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (100, 400)); print(allowed(200), end=' ')\n"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0], end=' ')\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (100, 200)); print(allowed(200))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "200 328 100\n"
