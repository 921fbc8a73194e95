"""TensorFlow Serving's REST forms: what its clients send, and what they get."""

import base64
import math

import pytest
import tensorflow as tf

from tests.serving.conftest import NAME

TEXTS = ["the cat sat", "möwe 海", ""]
PREDICT = f"/v1/models/{NAME}:predict"


def b64(data):
    return {"b64": base64.b64encode(data).decode()}


def test_status_and_metadata(server):
    for path in (f"/v1/models/{NAME}", f"/v1/models/{NAME}/versions/1"):
        status, answer = server.ask("GET", path)
        assert status == 200
        (version,) = answer["model_version_status"]
        assert version["state"] == "AVAILABLE" and version["version"] == "1"
    status, answer = server.ask("GET", f"/v1/models/{NAME}/metadata")
    assert answer["model_spec"] == {"name": NAME, "signature_name": "", "version": "1"}
    signatures = answer["metadata"]["signature_def"]["signature_def"]
    assert signatures["serving_default"]["inputs"]["text"]["dtype"] == "DT_STRING"
    assert {"score", "token_logprobs", "next_token", "generate", "embed"} < set(signatures)


def test_both_forms_give_what_the_signature_gives(server, model):
    expected = model.functions.signatures["score"](text=tf.constant(TEXTS))
    columns = server.predict(inputs={"text": TEXTS})["outputs"]
    rows = server.predict(instances=[{"text": text} for text in TEXTS])["predictions"]
    assert server.predict(instances=TEXTS, signature_name="score")["predictions"][:2] == rows[:2]
    assert server.predict(inputs=[b64(text.encode()) for text in TEXTS])["outputs"]["num_tokens"]
    for name, values in expected.items():
        assert columns[name][:2] == pytest.approx(values.numpy().tolist()[:2], rel=1e-5)
        assert [row[name] for row in rows[:2]] == columns[name][:2]
    assert columns["num_tokens"] == [3, 2, 0] and math.isnan(columns["perplexity"][2])


def test_the_scores_are_those_of_the_run(server, run):
    found = server.predict(instances=TEXTS[:2])["predictions"]
    for row, score in zip(found, run.score(TEXTS[:2]), strict=True):
        assert row["log_prob"] == pytest.approx(score.log_prob, rel=1e-4)
        assert row["perplexity"] == pytest.approx(score.perplexity, rel=1e-4)


def test_generate_gives_what_the_signature_gives(server, model):
    inputs = {"prompt": ["the cat", "never", "", "the cat", "the cat"], "seed": [1, 2, 3, 1, 2]}
    inputs |= {"max_new_tokens": [9, 3, 12, 9, 9], "temperature": 0.9, "top_k": [0, 5, 0, 0, 0]}
    inputs |= {"stop": [["sat"], ["x"], ["mat"], [""], [""]]}
    found = server.predict(signature_name="generate", inputs=inputs)["outputs"]
    dtypes = {"prompt": tf.string, "stop": tf.string, "temperature": tf.float32}
    expected = model.functions.signatures["generate"](
        **{name: tf.constant(value, dtypes.get(name, tf.int32)) for name, value in inputs.items()},
        top_p=tf.constant(1.0),
    )
    assert found["text"] == [text.decode() for text in expected["text"].numpy()]
    assert found["num_tokens"] == expected["num_tokens"].numpy().tolist()
    assert found["log_prob"] == pytest.approx(expected["log_prob"].numpy().tolist(), rel=1e-4)
    rows = [
        {name: value[i] if isinstance(value, list) else value for name, value in inputs.items()}
        for i in range(5)
    ]
    again = server.predict(signature_name="generate", instances=rows)["predictions"]
    assert [row["text"] for row in again] == found["text"]


def test_the_other_signatures(server, run):
    tokens = server.predict(signature_name="token_logprobs", inputs=TEXTS[:2])["outputs"]
    assert (
        tokens["row_lengths"] == [3, 2] and len(tokens["tokens"]) == len(tokens["log_probs"]) == 5
    )
    score = run.score(TEXTS[0])[0]
    assert tokens["log_probs"][:3] == pytest.approx([-s for _, s in score.tokens], rel=1e-4)
    best = server.predict(signature_name="next_token", inputs={"text": TEXTS[:2], "k": 3})
    assert [len(row) for row in best["outputs"]["tokens"]] == [3, 3]
    (vector,) = server.predict(signature_name="embed", instances=["the cat"])["predictions"]
    assert len(vector) == 16


def test_tokens_that_are_not_utf8_come_in_base_64():
    from lm_zoo.serving.tensorflow_serving.predict_json import answer

    given = tf.constant([b"a", b"\xe2\x80"]).numpy()
    assert answer({"tokens": given}, by_rows=False) == b'{"outputs":["a",{"b64":"4oA="}]}'


GENERATE = {"signature_name": "generate"}


def generate(**inputs):
    return GENERATE | {"inputs": {"prompt": ["the"]} | inputs}


@pytest.mark.parametrize(
    "body, words",
    [
        (b"\xff\xfe", ["UTF-8", "0xff"]),
        (b"", ["JSON"]),
        (b"[1, 2]", ["object", "[1, 2]"]),
        (b"[" * 50_000, ["nested"]),
        (b'{"inputs": 1' + b"1" * 5000 + b"}", ["digits"]),
        ({}, ["instances", "inputs", "neither"]),
        ({"instances": ["a"], "inputs": ["a"]}, ["both"]),
        ({"instances": []}, ["instances", "[]"]),
        ({"instances": [1]}, ["text", "string", "1"]),
        ({"instances": [["the"]]}, ["text", "[1, 1]"]),
        ({"instances": ["the", ["cat"]]}, ["text", "string"]),
        ({"instances": [{"text": "a"}, {"txt": "b"}]}, ["same inputs", "txt"]),
        ({"instances": ["\ud800"]}, ["Unicode"]),
        ({"instances": [b64(b"\xff\xfe")]}, ["UTF-8"]),
        ({"instances": [{"b64": "?"}]}, ["base 64"]),
        ({"instances": ["a"] * 200}, ["at most 128", "200"]),
        ({"inputs": {"txt": ["a"]}}, ["txt", "'text'"]),
        ({"inputs": {}}, ["text"]),
        ({"inputs": "the"}, ["list of strings"]),
        ({"instances": ["a"], "signature_nam": "score"}, ["signature_nam"]),
        ({"instances": ["a"], "signature_name": "scor"}, ['"scor"', "'score'", "embed"]),
        ({"instances": ["a"], "signature_name": 3}, ["signature", "3"]),
        (generate(temperature=math.nan), ["temperature", "finite", "nan"]),
        (generate(temperature=-1), ["temperature", "-1"]),
        (generate(temperature="hot"), ["temperature", "number", '"hot"']),
        (generate(max_new_tokens=0), ["max_new_tokens", "at least 1", "0"]),
        (generate(max_new_tokens=10**9), ["max_new_tokens", "at most 2048"]),
        (generate(max_new_tokens=1.5), ["max_new_tokens", "whole number", "1.5"]),
        (generate(max_new_tokens=[1, 2]), ["max_new_tokens", "[2]"]),
        (generate(seed=2**40), ["seed", "32 bits"]),
        (generate(top_p=0), ["top_p", "0"]),
        (generate(stop=[[["x"]]]), ["stop"]),
        (generate(prompt=["the " * 33]), ["prompt", "at most 32", "33"]),
        ({"signature_name": "next_token", "inputs": {"text": ["a"], "k": 0}}, ["k", "at least 1"]),
        ({"signature_name": "next_token", "inputs": {"text": ["a"], "k": 999}}, ["k", "999"]),
        ({"signature_name": "token_logprobs", "instances": ["the"]}, ["column format"]),
    ],
)
def test_a_bad_request_is_told_what_is_wrong(server, body, words):
    status, answer = server.ask("POST", PREDICT, body)
    assert status == 400 and list(answer) == ["error"], answer
    assert all(word in answer["error"] for word in words), answer
    assert "\n" not in answer["error"] and "Traceback" not in answer["error"]


def test_a_long_body_is_refused_before_it_is_read(server):
    status, answer = server.ask("POST", PREDICT, b"x" * 10_000_000)
    assert status == 413 and "100,000" in answer["error"] and "10,000,000" in answer["error"]


@pytest.mark.parametrize(
    "method, path, status",
    [
        ("GET", "/v1/models/other", 404),
        ("GET", f"/v1/models/{NAME}/versions/2", 404),
        ("GET", f"/v1/models/{NAME}/versions/1/../../../etc/passwd", 404),
        ("GET", "/v1/models/..%2f..%2fetc/metadata", 404),
        ("GET", "/../../../../etc/passwd", 404),
        ("GET", "/%2e%2e/%2e%2e/etc/passwd", 404),
        ("GET", f"/{NAME}/1/saved_model.pb", 404),
        ("POST", f"/v1/models/{NAME}:classify", 400),
        ("POST", "/v1/models/other:predict", 404),
        ("POST", f"/v1/models/{NAME}", 405),
        ("DELETE", PREDICT, 405),
    ],
)
def test_a_path_that_is_not_there(server, method, path, status):
    found, answer = server.ask(method, path, "{}" if method == "POST" else None)
    assert found == status and isinstance(answer["error"], str)
