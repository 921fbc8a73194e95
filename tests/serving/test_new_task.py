"""A task that the server has never heard of is served, checked, batched, listed and shown."""

import concurrent.futures
import http.client
import json
import re

import pytest

from lm_zoo.errors import UserError
from lm_zoo.serving.limits import ServingLimits
from lm_zoo.serving.served_model import ServedModel
from lm_zoo.tasks.prediction import CARD_VERSION
from tests.serving import browser as browsers
from tests.serving import hand_made
from tests.serving.conftest import Server

NAME = "turned"
PREDICT = f"/v1/models/{NAME}:predict"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("new_task") / NAME
    served = ServedModel(hand_made.write(folder, hand_made.card_of()))
    served.warm_up()
    return served


@pytest.fixture(scope="module")
def server(model):
    with Server(model, ServingLimits(max_rows=8), wait_seconds=0.02) as running:
        yield running


def predict(server, **body):
    status, answer = server.ask("POST", PREDICT, body)
    assert status == 200, answer
    return answer


def test_both_forms_are_answered(server):
    columns = predict(server, inputs={"line": ["abc", "möwe"], "tone": ["loud", "plain"], "k": 3})
    assert columns["outputs"] == {
        "labels": [["CBA-0", "CBA-1", "CBA-2"], ["ewöm-0", "ewöm-1", "ewöm-2"]],
        "log_probs": [[-1, -2, -3]] * 2,
    }
    rows = predict(server, signature_name="reverse", instances=["abc"])["predictions"]
    assert rows == [{"labels": ["cba-0", "cba-1"], "log_probs": [-1, -2]}]


def test_requests_that_agree_share_a_call(server):
    def ask(number):
        body = {"inputs": {"line": [f"n{number}"], "k": 1 + number % 2}}
        return predict(server, **body)["outputs"]["labels"]

    before = server.figure("lm_zoo_batch_rows_count")
    with concurrent.futures.ThreadPoolExecutor(16) as threads:
        found = list(threads.map(ask, range(32)))
    for number, (labels,) in enumerate(found):
        backwards = f"n{number}"[::-1]
        assert labels == [f"{backwards}-{rank}" for rank in range(1 + number % 2)]
    assert server.figure("lm_zoo_batch_rows_count") - before < 32


@pytest.mark.parametrize(
    "inputs, words",
    [
        ({"k": 0}, ["k: expected a whole number of at least 1 and at most 9, received 0"]),
        ({"k": 10}, ["k: expected", "at most 9", "10"]),
        ({"k": 1.5}, ["k", "a whole number", "1.5"]),
        ({"k": [1, 2], "line": ["a", "b"]}, ["k", "one value for all rows"]),
        ({"tone": "soft"}, ['tone: expected one of plain, loud, received "soft"']),
        ({"tone": ["plain"] * 2}, ["tone", "[2]"]),
        ({"line": ["a" * 12]}, ["line", "at most 12 tokens", "including the end token", "13"]),
        ({"line": [1]}, ["line", "string", "1"]),
        ({"line": "a"}, ["line", "a list of strings"]),
        ({"line": []}, ["line: expected at least 1, received none"]),
        ({"line": ["a"] * 9}, ["line", "at most 8", "9"]),
        ({"lime": ["a"]}, ["lime", "no such input", "'line'", "k, line, tone"]),
    ],
)
def test_what_the_card_does_not_allow_is_refused(server, inputs, words):
    body = {"signature_name": "reverse", "inputs": {"line": ["a"]} | inputs}
    status, answer = server.ask("POST", PREDICT, body)
    assert status == 400 and "\n" not in answer["error"]
    assert all(word in answer["error"] for word in words), answer


def test_it_is_listed(server, model):
    assert list(model.signatures) == ["reverse"] and model.task == "turning_around"
    _, answer = server.ask("GET", f"/v1/models/{NAME}/metadata")
    signatures = answer["metadata"]["signature_def"]["signature_def"]
    assert set(signatures["reverse"]["inputs"]) == {"line", "tone", "k"}
    status, answer = server.ask("POST", PREDICT, {"signature_name": "revers", "instances": ["a"]})
    assert status == 400 and "Did you mean 'reverse'?" in answer["error"]


@pytest.mark.parametrize("endpoint", ["completions", "embeddings"])
def test_the_endpoints_that_it_cannot_have_name_the_task(server, endpoint):
    status, answer = server.ask("POST", f"/v1/{endpoint}", {"prompt": "a", "input": "a"})
    message = answer["error"]["message"]
    assert status == 501 and "\n" not in message
    assert message.startswith(endpoint) and "'turning_around'" in message and "'reverse'" in message


def test_the_page_holds_what_the_card_says_and_nothing_in_it_is_a_tag(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", "/")
    response = connection.getresponse()
    text = response.read().decode("utf-8")
    connection.close()
    (data,) = re.findall(r'<script type="application/json" id="model">(.*?)</script>', text)
    assert "<" not in data and json.loads(data) == {
        "name": NAME,
        "predictions": {"reverse": json.loads(json.dumps(hand_made.REVERSE.to_dict()))},
    }
    assert "turning_around" in text and "<labels>" not in text


@pytest.fixture(scope="module")
def browser(tmp_path_factory, server):
    with browsers.opened(tmp_path_factory.mktemp("profile"), server.address) as opened:
        yield opened


def ask(browser, **values):
    for name, value in values.items():
        browser.run(f"document.querySelector('[name={name}]').value = {json.dumps(value)}")
    browser.run("$('go').click()")
    browser.wait("!$('go').disabled")
    return browser.run("$('status').textContent")


def test_a_person_can_ask_for_it(browser):
    assert browser.run("$('go').textContent") == "Reverse"
    for box in ("choice", "text", "legend", "key"):  # of no use here
        assert browser.run(f"$('{box}').offsetHeight") == 0
    assert browser.run(
        "[...document.querySelectorAll('[name=tone] option')].map(o => o.value)"
    ) == [
        "plain",
        "loud",
    ]
    bounds = browser.run("(c => [c.min, c.max, c.value])(document.querySelector('[name=k]'))")
    assert bounds == ["1", "9", "2"]
    assert "How many <labels>." in browser.run("$('settings').textContent")
    assert ask(browser, line="abc\nmöwe", tone="loud").startswith("2 texts in ")
    cells = "[...document.querySelectorAll('section')].map(s => [...s.querySelectorAll('td')].map("
    assert browser.run(cells + "c => c.textContent))") == [
        ["CBA-0", "36.8 %", "CBA-1", "13.5 %"],
        ["EWÖM-0", "36.8 %", "EWÖM-1", "13.5 %"],
    ]
    assert "at most 12 tokens" in ask(browser, line="<b>" * 9)
    assert not [error for error in browser.errors() if "400" not in str(error)]


@pytest.mark.parametrize(
    "changes, words",
    [
        (
            {"format_version": 1},
            [f"format_version: expected {CARD_VERSION}, received 1", "export the model again"],
        ),
        ({"format_version": None}, [f"format_version: expected {CARD_VERSION}, received None"]),
        ({"predictions": {}}, ["expected at least one prediction, received none"]),
        ({"predictions": None}, ["predictions", "damaged"]),
        ({"predictions": {"other": hand_made.REVERSE.to_dict()}}, ["none of the signatures other"]),
        ({"fields": {}}, ["predictions, 'reverse': field", "received 'line'"]),
        ({"fields": {"line": {"shares": "../..", "max_length": 3}}}, ["shares", "'../..'"]),
        ({"batching": "engine"}, ["predictions, 'reverse'", "the engine knows no 'tone'"]),
        ({"batching": "magic"}, ["batching: expected one of rows, engine, received 'magic'"]),
        ({"outputs": {"labels": "equal:sizes"}}, ["outputs", "received 'sizes'"]),
        ({"inputs": hand_made.REVERSE.to_dict()["inputs"][:2]}, ["inputs differ from"]),
    ],
)
def test_a_card_that_does_not_fit_is_one_line(tmp_path, changes, words):
    card = hand_made.card_of()
    known = changes.keys() & card["predictions"]["reverse"].keys()
    (card["predictions"]["reverse"] if known else card).update(changes)
    with pytest.raises(UserError) as caught:
        ServedModel(hand_made.write(tmp_path / NAME, card))
    message = str(caught.value)
    assert "\n" not in message and "model_card.json" in message or "none of" in message
    assert all(word in message for word in words), message
