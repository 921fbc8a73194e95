"""A server answers for the names it is meant to have: no page can point its own domain at it."""

import http.client
import json

import pytest

from lm_zoo.errors import UserError
from lm_zoo.serving.http.allowed_hosts import allowed_hosts
from lm_zoo.serving.limits import ServingLimits
from tests.serving.conftest import NAME, Server

LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}


def test_the_loopback_address_has_its_own_names_and_others_any():
    assert allowed_hosts("127.0.0.1", []) == allowed_hosts("::1", []) == LOOPBACK
    assert allowed_hosts("127.8.0.1", []) == LOOPBACK | {"127.8.0.1"}
    assert allowed_hosts("127.0.0.1", ["My.Example"]) == LOOPBACK | {"my.example"}
    for address in ("0.0.0.0", "::", "192.0.2.7", "2001:db8::7"):
        assert allowed_hosts(address, []) is None
    assert allowed_hosts("2001:db8::7", ["a.b"]) == LOOPBACK | {"[2001:db8::7]", "a.b"}
    assert allowed_hosts("127.0.0.1", ["a.b", "*"]) is None
    for name in ("a.b:80", "http://a.b", "", "a b", "::1", "me@a.b"):
        with pytest.raises(UserError, match="allowed_hosts: expected names .* received"):
            allowed_hosts("127.0.0.1", ["c.d", name])


@pytest.fixture(scope="module")
def ask(model):
    """Sends a request with a `Host`, or none for None; returns status and body."""
    with Server(model, ServingLimits(), hosts=allowed_hosts("127.0.0.1", ["my.example"])) as server:

        def ask(host, method="GET", path="/healthz"):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
            connection.putrequest(method, path, skip_host=True)
            if host is not None:
                connection.putheader("Host", host.replace("PORT", str(server.port)))
            connection.endheaders()
            response = connection.getresponse()
            status, body = response.status, response.read()
            connection.close()
            return status, body

        yield ask


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:PORT", "LocalHost:1", "127.0.0.1:PORT", "[::1]:PORT", "my.example"],
)
def test_its_names_are_answered_for(ask, host):
    assert ask(host)[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        "pages.example:PORT",
        "pages.example",
        "localhost.pages.example",
        "notlocalhost",
        "127.0.0.1.pages.example",
        "127.0.0.1:PORT:1",
        "localhost@pages.example",
        "[::2]",
        "other.my.example",
        "",
    ],
)
def test_other_names_are_refused_with_a_reason(ask, host):
    for method, path in (("GET", "/"), ("GET", "/metrics"), ("POST", f"/v1/models/{NAME}:predict")):
        status, body = ask(host, method, path)
        assert status == 403
        error = json.loads(body)["error"]
        assert "Host" in error and "--allowed_hosts" in error
    status, body = ask(host, "POST", "/v1/completions")
    assert status == 403 and "--allowed_hosts" in json.loads(body)["error"]["message"]


def test_a_request_for_no_host_is_refused(ask):
    assert ask(None)[0] in (400, 403)  # HTTP/1.1 demands one, so the server may say so first
