"""Who may ask: origins, content types, the API key; and what is noted of it."""

import http.client
import io
import json
import re

import openai
import pytest

from lm_zoo.errors import UserError
from lm_zoo.serving.http.access_log import AccessLog
from lm_zoo.serving.http.allowed_hosts import allowed_hosts
from lm_zoo.serving.http.allowed_origins import allowed_origins
from lm_zoo.serving.http.api_key import VARIABLE, read_api_key
from lm_zoo.serving.limits import ServingLimits
from tests.serving.conftest import NAME, Server

PREDICT, COMPLETIONS, KEY = f"/v1/models/{NAME}:predict", "/v1/completions", "sk-one-of-a-kind"
BODIES = {PREDICT: {"instances": ["the"]}, COMPLETIONS: {"prompt": "the", "max_tokens": 1}}


@pytest.fixture(scope="module")
def log():
    return io.StringIO()


@pytest.fixture(scope="module")
def server(model, log):
    access_log = AccessLog("json", log)
    hosts = allowed_hosts("127.0.0.1", ["my.example"])
    origins = allowed_origins(["https://Pages.example"])
    options = dict(hosts=hosts, origins=origins, log=access_log)
    with Server(model, ServingLimits(), **options) as running:
        yield running
    access_log.close()


def ask(server, method, path, body=None, **headers):
    """Returns a response with its `content`; a header's name is written with underscores."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, None if body is None else json.dumps(body), names)
    response = connection.getresponse()
    response.content = response.read()
    connection.close()
    return response


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(
    "origin, status",
    [
        ("http://127.0.0.1:PORT", 200),
        ("https://127.0.0.1:PORT", 200),  # a proxy speaks TLS
        ("https://pages.example", 200),
        ("HTTPS://PAGES.EXAMPLE", 200),
        ("http://pages.example", 403),
        ("https://pages.example:8443", 403),
        ("https://evil.example", 403),
        ("https://pages.example.evil.example", 403),
        ("http://127.0.0.1:1", 403),
        ("http://localhost:PORT", 403),  # another name than the one that was asked
        ("null", 403),
        ("", 403),
        ("\xff", 403),
    ],
)
def test_pages_of_other_origins_are_refused(server, path, origin, status):
    origin = origin.replace("PORT", str(server.port))
    response = ask(server, "POST", path, BODIES[path], Origin=origin)
    assert response.status == status
    if status == 403:
        error = json.loads(response.content)["error"]
        assert "--cors_origins" in (error if path == PREDICT else error["message"])
    allowed = origin if status == 200 and "127" not in origin else None
    if allowed == "https://pages.example":
        assert response.headers["Access-Control-Allow-Origin"] == allowed
    if status == 403:
        assert response.headers["Access-Control-Allow-Origin"] is None


def test_a_browser_asks_first_whether_a_page_may(server):
    asked = {
        "Access_Control_Request_Method": "POST",
        "Access_Control_Request_Headers": "content-type",
    }
    response = ask(server, "OPTIONS", COMPLETIONS, Origin="https://pages.example", **asked)
    assert response.status == 200
    assert response.headers["Access-Control-Allow-Origin"] == "https://pages.example"
    assert "content-type" in response.headers["Access-Control-Allow-Headers"]
    response = ask(server, "OPTIONS", COMPLETIONS, Origin="https://evil.example", **asked)
    assert response.status == 403 and response.headers["Access-Control-Allow-Origin"] is None


def test_origins_are_checked():
    assert allowed_origins(["http://A.b:80", "*", "https://[::1]"]) == [
        "http://a.b:80",
        "*",
        "https://[::1]",
    ]
    for origin in ("pages.example", "https://a.b/", "https://a.b/c", "ftp://a.b", "", "null"):
        with pytest.raises(UserError, match="cors_origins: expected origins .* received"):
            allowed_origins([origin])


@pytest.mark.parametrize("path", [*BODIES, "/v1/embeddings"])
@pytest.mark.parametrize(
    "kind, status",
    [
        (None, 200),  # as TensorFlow Serving's clients send; a page sends its origin, too
        ("application/json", 200),
        ("Application/JSON; charset=UTF-8", 200),
        ("application/json;charset=utf8", 200),
        ('application/vnd.api+json; profile="x"', 200),
        ("text/plain", 415),
        ("text/plain;charset=UTF-8", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/json; charset=latin-1", 415),
        ("application/jsonp", 415),
        ("text/json", 415),
        ("", 415),
    ],
)
def test_json_alone_is_read(server, path, kind, status):
    headers = {} if kind is None else {"Content_Type": kind}
    body = BODIES.get(path, {"input": "the"})
    response = ask(server, "POST", path, body, **headers)
    assert response.status == status
    assert (b"application/json" in response.content and b"--json" in response.content) == (
        status == 415
    )


@pytest.mark.parametrize(
    "method, path, status",
    [
        ("GET", "/v1/nothing", 404),
        ("GET", "/v1/", 404),
        ("GET", "/v1", 404),
        ("POST", "/v1/models", 405),
        ("GET", "/v1/completions", 405),
        ("GET", "/v1/embeddings", 405),
        ("POST", "/v1/chat/completions", 404),
        ("POST", "/v1/completion\ns", 404),
    ],
)
def test_errors_of_openais_paths_have_its_form(server, method, path, status):
    response = ask(server, method, path.replace("\n", "%0a"))
    error = json.loads(response.content)["error"]
    assert response.status == status
    assert error.keys() == {"message", "type", "param", "code"} and "\n" not in error["message"]


@pytest.fixture(scope="module")
def locked(model):
    with Server(model, ServingLimits(), key=KEY, origins=["https://a.example"]) as running:
        yield running


def test_the_key_is_asked_for(locked):
    for path in ("/", "/healthz"):
        assert ask(locked, "GET", path).status == 200
    wrong = ["Bearer", "Bearer x", f"Bearer {KEY}x", f"Basic {KEY}", KEY, "Bearer \xff", ""]
    for method, path in (("POST", PREDICT), ("POST", COMPLETIONS), ("GET", "/v1/models")):
        body = BODIES.get(path)
        assert ask(locked, method, path, body, Authorization=f"Bearer {KEY}").status == 200
        assert ask(locked, method, path, body, Authorization=f"bearer  {KEY}").status == 200
        for given in (None, *wrong):
            headers = {} if given is None else {"Authorization": given}
            response = ask(locked, method, path, body, **headers)
            assert response.status == 401 and response.headers["WWW-Authenticate"] == "Bearer"
            assert KEY.encode() not in response.content
    for path in (
        "/metrics",
        "/v1/nothing",
        "//healthz",
        "/healthz/",
        f"/v1/models/{NAME}/metadata",
    ):
        assert ask(locked, "GET", path).status == 401
    response = ask(locked, "GET", "/v1/models", Origin="https://a.example")
    assert response.headers["Access-Control-Allow-Origin"] == "https://a.example"
    asked = {"Access_Control_Request_Method": "POST"}
    assert ask(locked, "OPTIONS", PREDICT, Origin="https://a.example", **asked).status == 200


def test_openais_client_sends_the_key(locked):
    client = openai.OpenAI(base_url=f"{locked.address}/v1", api_key=KEY, max_retries=0)
    assert client.completions.create(model=NAME, prompt="the", max_tokens=1).choices
    client = openai.OpenAI(base_url=f"{locked.address}/v1", api_key="wrong", max_retries=0)
    with pytest.raises(openai.AuthenticationError, match="Bearer KEY"):
        client.models.list()


def test_where_the_key_comes_from(tmp_path):
    path = tmp_path / "key"
    path.write_text(f"{KEY}\n")
    assert read_api_key(None, {}) is None
    assert read_api_key(None, {VARIABLE: KEY}) == read_api_key(str(path), {VARIABLE: "x"}) == KEY
    wrong = [b"", b"\n", b"two words", b"two\nlines", b"\xff", b"x" * 5000]
    for content in wrong:
        path.write_bytes(content)
        with pytest.raises(UserError, match="api_key_file: expected a key") as error:
            read_api_key(path, {})
        assert "words" not in str(error.value)
    for missing in (tmp_path, tmp_path / "none", "/dev/zero"):
        with pytest.raises(UserError, match="api_key_file: .* is not a file"):
            read_api_key(missing, {})
    with pytest.raises(UserError, match=f"{VARIABLE}: expected a key .* received nothing"):
        read_api_key(None, {VARIABLE: ""})


def test_requests_are_logged_without_what_was_said(server, log):
    body = {"prompt": "the secret cat", "max_tokens": 1}
    size = len(ask(server, "POST", f"{COMPLETIONS}?token=hidden", body).content)
    ask(server, "GET", "/no%0athing%22")
    ask(server, "GET", "/" + "x" * 1000)
    while "xxx" not in log.getvalue():
        pass
    completion, odd, long = map(json.loads, log.getvalue().splitlines()[-3:])
    assert completion.keys() == {"time", "client", "method", "path", "status", "seconds", "bytes"}
    assert completion["path"] == COMPLETIONS and completion["client"] == "127.0.0.1"
    assert completion["status"] == 200 and completion["bytes"] == size
    assert odd["path"] == '/no\nthing"' and odd["status"] == 404
    assert len(long["path"]) == 200
    assert "secret" not in log.getvalue() and "hidden" not in log.getvalue()


def test_a_line_of_text_is_one_line():
    stream = io.StringIO()
    log = AccessLog("text", stream)
    log.note(("::1", 5), "GET", "/a\nb \x1b[31m\u2028", 404, 0.12345, 67)
    log.note(None, "-", "-", 408, 0.0, 0)
    log.close()
    first, second = stream.getvalue().splitlines()
    time, rest = first.split(" ", 1)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time)
    assert rest == r"::1 GET /a\nb \u001b[31m\u2028 404 0.123 s 67 bytes" and rest.isascii()
    assert second.endswith(" - - - 408 0.000 s 0 bytes")


def test_a_log_that_no_one_reads_stops_nothing():
    class Stuck(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    log = AccessLog("text", Stuck())
    for _ in range(20_000):
        log.note(None, "GET", "/", 200, 0.0, 0)
    AccessLog("none", None).note(None, "GET", "/", 200, 0.0, 0)
