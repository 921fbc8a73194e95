"""The server of a model that reads a source: what a client of translations gets."""

import concurrent.futures
import http.client
import json
import math

import pytest

from tests.serving import browser as browsers
from tests.serving.conftest import Server
from tests.translation_run import NAME

SOURCES = ["the birds hear a river", "a small bird", "", "the old dogs see the birds"]
PREDICT = f"/v1/models/{NAME}:predict"


@pytest.fixture(scope="module")
def model(translation_run):
    from lm_zoo.serving.served_model import ServedModel

    served = ServedModel(translation_run.exports / NAME)
    served.warm_up()
    return served


@pytest.fixture(scope="module")
def run(translation_run):
    from lm_zoo.runs.run import load

    return load(translation_run.run)


@pytest.fixture(scope="module")
def server(model):
    from lm_zoo.serving.limits import ServingLimits

    limits = ServingLimits(max_prompt_tokens=60, max_new_tokens=20, max_num_beams=8)
    with Server(model, limits, wait_seconds=0.02) as running:
        yield running


def predict(server, **body):
    status, answer = server.ask("POST", PREDICT, body)
    assert status == 200, answer
    return answer


def test_both_forms_give_the_runs_translations(server, run):
    expected = run.translate(SOURCES, num_beams=3, max_new_tokens=20)
    texts = [translations[0].text for translations in expected]
    settings = {"num_beams": 3, "max_new_tokens": 20}
    columns = predict(server, signature_name="translate", inputs={"text": SOURCES} | settings)
    rows = [{"text": source} | settings for source in SOURCES]
    rows = predict(server, signature_name="translate", instances=rows)["predictions"]
    assert columns["outputs"]["text"] == [row["text"] for row in rows] == texts
    scores = [translations[0].score for translations in expected]
    assert columns["outputs"]["score"] == pytest.approx(scores, abs=1e-4)
    assert [row["texts"] for row in rows] == [[text] for text in texts]


def test_translate_is_what_is_done_if_nothing_is_named(server, run):
    found = predict(server, instances=SOURCES)["predictions"]
    expected = run.translate(SOURCES, max_new_tokens=20)  # which the server never exceeds
    assert [row["text"] for row in found] == [own.text for (own,) in expected]


def test_several_translations_come_best_first(server, run):
    inputs = {"text": SOURCES[:1], "num_return_sequences": 3, "num_beams": 4, "max_new_tokens": 9}
    found = predict(server, signature_name="translate", inputs=inputs)["outputs"]
    (expected,) = run.translate(SOURCES[:1], num_return_sequences=3, num_beams=4, max_new_tokens=9)
    assert found["texts"] == [[own.text for own in expected]]
    assert found["scores"][0] == sorted(found["scores"][0], reverse=True)


def test_the_other_signatures(server, run):
    pairs = [{"text": "van ke uddan", "source": SOURCES[0]}, {"text": "", "source": SOURCES[1]}]
    scored = predict(server, signature_name="score", instances=pairs)["predictions"]
    assert [row["num_tokens"] for row in scored] == [4, 1]
    columns = {name: [pair[name] for pair in pairs] for name in ("text", "source")}
    tokens = predict(server, signature_name="token_logprobs", inputs=columns)["outputs"]
    assert sum(tokens["log_probs"][:4]) == pytest.approx(scored[0]["log_prob"], rel=1e-5)
    (vector,) = predict(server, signature_name="embed", instances=SOURCES[:1])["predictions"]
    assert vector == pytest.approx(run.embed(SOURCES[:1])[0].tolist(), abs=1e-5)


def test_requests_at_once_share_calls_and_change_nothing(server):
    alone = [predict(server, instances=[source])["predictions"][0] for source in SOURCES]
    before = server.figure("lm_zoo_batch_rows_count")
    with concurrent.futures.ThreadPoolExecutor(16) as threads:
        found = list(threads.map(lambda i: predict(server, instances=[SOURCES[i % 4]]), range(32)))
    for number, answer in enumerate(found):
        (row,) = answer["predictions"]
        assert row["text"] == alone[number % 4]["text"]
        assert row["score"] == pytest.approx(alone[number % 4]["score"], abs=1e-5)
    assert server.figure("lm_zoo_batch_rows_count") - before < 32


def translate(**inputs):
    return {"signature_name": "translate", "inputs": {"text": ["a bird"]} | inputs}


def test_embeddings_are_those_of_sources(server, run):
    status, answer = server.ask("POST", "/v1/embeddings", {"model": NAME, "input": SOURCES[:2]})
    assert status == 200
    vectors = [one["embedding"] for one in answer["data"]]
    for vector, expected in zip(vectors, run.embed(SOURCES[:2]), strict=True):
        assert vector == pytest.approx(expected.tolist(), abs=1e-5)
    status, answer = server.ask("POST", "/v1/embeddings", {"input": [SOURCES[0], ""]})
    assert status == 400 and "number 2" in answer["error"]["message"]


def score(**inputs):
    return {"signature_name": "score", "inputs": {"text": ["a"], "source": ["a"]} | inputs}


@pytest.mark.parametrize(
    "body, words",
    [
        (translate(num_beams=0), ["num_beams", "at least 1", "0"]),
        (translate(num_beams=9), ["num_beams", "at most 8", "9"]),
        (translate(num_beams=[2, 3], text=["a", "b"]), ["num_beams", "one value for all rows"]),
        (translate(max_new_tokens=-1), ["max_new_tokens", "at least 0", "-1"]),
        (translate(max_new_tokens=21), ["max_new_tokens", "at most 20", "21"]),
        (translate(num_return_sequences=5), ["num_return_sequences", "at most num_beams", "5"]),
        (translate(num_return_sequences=0), ["num_return_sequences", "at least 1", "0"]),
        (translate(length_penalty=math.nan), ["length_penalty", "finite", "nan"]),
        (translate(text=["a" * 60]), ["text", "at most 60 tokens", "61", "shorten"]),
        (translate(text=[{"b64": "/w=="}]), ["text", "UTF-8"]),
        (translate(text=[]), ["text", "at least 1"]),
        (translate(temperature=1.0), ["temperature", "no such input", "num_beams"]),
        ({"signature_name": "generate", "instances": ["a"]}, ["generate", "translate"]),
        ({"signature_name": "score", "instances": ["a"]}, ["source, text"]),
        (score(text=["ta " * 60]), ["text", "at most 24 tokens", "61"]),
        (score(source=["a" * 60]), ["source", "at most 60 tokens", "61"]),
        ({"signature_name": "embed", "instances": ["a" * 60]}, ["text", "at most 60", "61"]),
        (
            {"signature_name": "score", "inputs": {"text": ["a", "b"], "source": ["a"]}},
            ["text: expected as many as source has, 1", "[2]"],
        ),
        (
            {"signature_name": "score", "inputs": {"text": ["ta " * 24], "source": ["a"]}},
            ["text", "at most 24 tokens", "25"],
        ),
        (b'{"instances": ["\xff"]}', ["UTF-8", "0xff"]),
    ],
)
def test_a_bad_request_is_told_what_is_wrong(server, body, words):
    status, answer = server.ask("POST", PREDICT, body)
    assert status == 400 and list(answer) == ["error"], answer
    assert all(word in answer["error"] for word in words), answer
    assert "\n" not in answer["error"] and "Traceback" not in answer["error"]


def test_completions_are_told_to_ask_for_translations(server):
    status, answer = server.ask("POST", "/v1/completions", {"prompt": "a bird"})
    message = answer["error"]["message"]
    assert status == 501 and "'translate'" in message and "'translation'" in message
    assert f"/v1/models/{NAME}:predict" in message and "\n" not in message


def test_metadata_names_the_inputs(server):
    _, answer = server.ask("GET", f"/v1/models/{NAME}/metadata")
    signatures = answer["metadata"]["signature_def"]["signature_def"]
    assert set(signatures["serving_default"]["inputs"]) == set(signatures["translate"]["inputs"])
    assert signatures["translate"]["inputs"]["num_beams"]["dtype"] == "DT_INT32"


def test_the_page_loads_nothing_from_elsewhere(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", "/")
    response = connection.getresponse()
    text = response.read().decode("utf-8")
    connection.close()
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert NAME in text and "num_beams" in text and "{{" not in text and "http:" not in text


@pytest.fixture(scope="module")
def browser(tmp_path_factory, server):
    with browsers.opened(tmp_path_factory.mktemp("profile"), server.address) as opened:
        yield opened


def press(browser, source, **settings):
    browser.run(f"document.querySelector('[name=text]').value = {json.dumps(source)}")
    for name, value in settings.items():
        browser.run(f"document.querySelector('[name={name}]').value = {value}")
    browser.run("document.getElementById('go').click()")
    browser.wait("!document.getElementById('go').disabled")
    return browser.run("document.getElementById('status').textContent")


def test_a_person_sees_the_translations_of_each_line_with_their_scores(browser, server):
    status = press(browser, f"{SOURCES[0]}\n\n{SOURCES[1]}\n", num_return_sequences=2, num_beams=4)
    assert status.startswith("2 texts in ")
    inputs = {"text": SOURCES[:2], "num_return_sequences": 2, "num_beams": 4}
    expected = predict(server, signature_name="translate", inputs=inputs)["outputs"]
    rows = "[...document.querySelectorAll('section')].map(s => [...s.querySelectorAll('tr')].map("
    rows += "r => [...r.cells].map(c => c.textContent)))"
    found = browser.run(rows)
    assert [[row[0] for row in section] for section in found] == expected["texts"]
    shown = [[float(row[1]) for row in section] for section in found]
    assert shown == [pytest.approx(scores, abs=6e-4) for scores in expected["scores"]]
    assert not browser.errors()


def test_a_person_is_told_of_a_mistake(browser):
    assert "at most 60 tokens" in press(browser, "a" * 60)
    assert browser.run("document.getElementById('status').className") == "bad"
    assert press(browser, " ") == "There is no text."
