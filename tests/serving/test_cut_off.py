"""What is still on its way when the server's grace is over: an answer, a line, no traceback."""

import json
import logging
import socket
import time

import pytest

from lm_zoo.serving import server as serving
from lm_zoo.serving.limits import ServingLimits
from tests.serving.conftest import NAME, Server

HEAD = "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize("path", ["/v1/completions", f"/v1/models/{NAME}:predict"])
def test_a_request_that_never_came_whole(model, monkeypatch, caplog, path):
    monkeypatch.setattr(serving, "GRACE_SECONDS", 1)
    with caplog.at_level(logging.WARNING), Server(model, ServingLimits()) as server:
        connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
        connection.sendall((HEAD.format(path=path) + "Content-Length: 1000\r\n\r\n{").encode())
        while not server._server.server_state.tasks:
            time.sleep(0.01)
    with connection, connection.makefile("rb") as answer:
        assert b" 503 " in answer.readline()
        body = json.loads(answer.read().split(b"\r\n\r\n")[1])
    error = body["error"]
    assert "the server is shutting down" in (error if "predict" in path else error["message"])
    (line,) = caplog.records
    assert "Cancel 1 running task(s)" in line.getMessage() and not line.exc_info


def test_a_stream_that_nobody_reads(model, monkeypatch, caplog):
    monkeypatch.setattr(serving, "GRACE_SECONDS", 0)
    with caplog.at_level(logging.WARNING), Server(model, ServingLimits()) as server:
        connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
        body = json.dumps({"prompt": "the", "max_tokens": 700, "ignore_eos": True, "stream": True})
        head = HEAD.format(path="/v1/completions") + f"Content-Length: {len(body)}\r\n\r\n"
        connection.sendall((head + body).encode())
        assert connection.recv(12) == b"HTTP/1.1 200"
    connection.close()
    assert not any(line.exc_info for line in caplog.records)
