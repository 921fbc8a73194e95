"""What is asked for is counted before anything is made of it; what no one waits for is given up."""

import asyncio
import copy
import http.client
import json
import threading

import numpy as np
import pytest
import tensorflow as tf

from lm_zoo.serving.http.metrics import Metrics
from lm_zoo.serving.inference.batcher import Batcher
from lm_zoo.serving.inference.call import Call
from lm_zoo.serving.limits import ServingLimits
from tests.serving.conftest import NAME, Server

PREDICT, COMPLETIONS = f"/v1/models/{NAME}:predict", "/v1/completions"
MANY = 100_000


@pytest.fixture(scope="module")
def server(model):
    with Server(model, ServingLimits(max_prompt_tokens=40, max_rows=64)) as running:
        yield running


def generate(**inputs):
    return {"signature_name": "generate", "inputs": {"prompt": ["the"]} | inputs}


def rows(*instances):
    return {"signature_name": "generate", "instances": list(instances)}


@pytest.mark.parametrize(
    "path, body, words",
    [
        (
            PREDICT,
            rows(*[{"prompt": "the", "stop": "x"}] * 50, {"prompt": "the", "stop": [""] * MANY}),
            ["stop", "at most 16", "100,000"],
        ),
        (PREDICT, generate(stop=[""] * MANY), ["stop", "at most 16", "100,000"]),
        (PREDICT, generate(stop=[["x"] * 17]), ["stop", "at most 16", "17"]),
        (PREDICT, generate(stop=["x" * 1001]), ["stop", "1,000 bytes", "1,001"]),
        (PREDICT, generate(seed=[1] * MANY), ["seed", "at most 64", "100,000"]),
        (PREDICT, generate(top_p=[[1.0] * MANY]), ["top_p", "[1, 100000]"]),
        (PREDICT, {"instances": ["a"] * MANY}, ["at most 64", "100,000"]),
        (PREDICT, {"instances": [{}] * MANY}, ["at most 64", "100,000"]),
        (PREDICT, {"inputs": ["a"] * MANY}, ["at most 64", "100,000"]),
        (PREDICT, {"inputs": [["a"] * MANY]}, ["text", "[1, 100000]"]),
        (COMPLETIONS, {"prompt": [1] * MANY}, ["prompt", "at most 40 tokens", "100,000"]),
        (COMPLETIONS, {"prompt": [[1], [1] * MANY]}, ["prompt", "at most 40 tokens", "100,000"]),
        (COMPLETIONS, {"prompt": ["a"] * MANY}, ["prompt", "at most 64", "100,000"]),
        (COMPLETIONS, {"stop": ["a"] * MANY}, ["stop", "at most 16"]),
        (COMPLETIONS, {"stop": "a" * 1001}, ["stop", "1,000 bytes"]),
        (COMPLETIONS, {"stop": "\ud800"}, ["stop", "UTF-8"]),
    ],
)
def test_too_many_are_refused_before_anything_is_computed(server, path, body, words):
    calls = server.figure("lm_zoo_batch_rows_count")
    status, answer = server.ask("POST", path, body)
    assert status == 400
    message = answer["error"]["message"] if path == COMPLETIONS else answer["error"]
    assert all(word in message for word in words), message
    assert len(message) < 300
    assert server.figure("lm_zoo_batch_rows_count") == calls


@pytest.mark.parametrize("signature", ["score", "token_logprobs", "next_token", "embed"])
def test_the_tokens_of_every_text_are_limited(server, signature):
    def ask(*lengths):
        texts = ["the " * length for length in lengths]
        body = {"signature_name": signature, "inputs": {"text": texts}}
        return server.ask("POST", PREDICT, body)

    assert ask(1, 40)[0] == 200
    status, answer = ask(1, 41)
    assert status == 400 and "text: expected at most 40 tokens, received 41" in answer["error"]


def test_many_long_texts_are_done_in_parts_and_are_what_they_are_alone(model, run):
    texts = ["the cat " * length for length in (800, 1500, 3, 900, 1100, 700)]
    with Server(model, ServingLimits()) as server:
        found = server.predict(inputs=texts)["outputs"]["log_prob"]
        assert server.figure("lm_zoo_batch_rows_count") == 3  # of at most 4,096 tokens, but one
    expected = [score.log_prob for score in run.score(texts)]
    assert found == pytest.approx(expected, rel=1e-4)


@tf.function(input_signature=[tf.TensorSpec(None, tf.string)])
def _for_hours(text):
    """A graph whose loop takes hours."""
    count = tf.while_loop(lambda i: i < 10**12, lambda i: i + 1, [tf.constant(0, tf.int64)])[0]
    return {"count": tf.fill(tf.shape(text), count)}


def test_what_took_too_long_is_not_worked_on_any_more(model):
    slow = copy.copy(model)
    score = copy.copy(model.signatures["score"])
    quick = score.function

    def function(text):
        return (_for_hours if b"never" in text.numpy()[0] else quick)(text=text)

    score.function = function
    slow.signatures = model.signatures | {"score": score}
    with Server(slow, ServingLimits(request_seconds=2)) as server:
        body = {"signature_name": "score", "instances": ["never"]}
        status, answer = server.ask("POST", PREDICT, body)
        assert status == 504 and "2 seconds" in answer["error"]
        assert server.predict(signature_name="score", instances=["the cat"])  # its turn has come


def batcher_of(function, **options):
    options = (
        dict(max_batch_size=1, wait_seconds=0, max_queue=100, metrics=Metrics("m", 1)) | options
    )
    return Batcher("b", function, **options)


def test_a_request_of_many_calls_does_not_keep_the_others_waiting():
    seen, going = [], threading.Event()

    def function(calls):
        seen.extend(call.inputs for call in calls)
        going.wait(10)
        return [None] * len(calls)

    batcher = batcher_of(function)

    async def both():
        many = asyncio.ensure_future(batcher.submit([Call(1, (), f"many {i}") for i in range(9)]))
        while not seen:
            await asyncio.sleep(0.01)
        one = asyncio.ensure_future(batcher.submit([Call(1, (), "one")]))
        await asyncio.sleep(0.05)
        going.set()
        await asyncio.gather(many, one)

    asyncio.run(both())
    batcher.close()
    assert seen.index("one") <= 2 and len(seen) == 10


def test_what_is_given_up_leaves_its_room_in_the_queue():
    going = threading.Event()

    def function(calls):
        going.wait(10)
        return [call.inputs for call in calls]

    batcher = batcher_of(function)

    async def leave():
        full = asyncio.ensure_future(batcher.submit([Call(1, (), i) for i in range(100)]))
        await asyncio.sleep(0.05)
        full.cancel()
        await asyncio.sleep(0.05)
        again = asyncio.ensure_future(batcher.submit([Call(1, (), i) for i in range(100)]))
        await asyncio.sleep(0.05)
        going.set()
        return await again

    assert asyncio.run(leave()) == list(range(100))
    batcher.close()


def test_parts_have_all_rows_once():
    rng = np.random.default_rng(0)
    for rows in (1, 2, 17):
        lengths = rng.integers(1, 60, rows)
        call = Call(rows, (), {"text": np.arange(rows)}, lengths)
        parts = call.parts(5, 100)
        assert np.concatenate([part.inputs["text"] for part in parts]).tolist() == [*range(rows)]
        assert all(part.rows == len(part.inputs["text"]) <= 5 for part in parts)
        assert all(part.tokens <= 100 for part in parts)
    assert [part.rows for part in Call(3, (), {}, np.array([500, 1, 500])).parts(5, 100)] == [1] * 3


@pytest.fixture(scope="module")
def connection(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    yield connection
    connection.close()


@pytest.mark.parametrize("path", [PREDICT, COMPLETIONS])
@pytest.mark.parametrize(
    "form", ["%s", '{"prompt":%s}', '{"instances":%s}', '{"instances":[{"text":%s}]}']
)
def test_nested_brackets_are_a_bad_request_at_every_depth(connection, path, form, caplog):
    for depth in (*range(1, 20), *range(930, 1010)):
        body = form % ("[" * depth + "]" * depth)
        connection.request("POST", path, body)
        response = connection.getresponse()
        assert response.status == 400, depth
        assert json.loads(response.read())["error"]
    assert not caplog.text


@pytest.mark.parametrize(
    "path, body",
    [
        (COMPLETIONS, '{"\\ud800": 1}'),
        (COMPLETIONS, '{"max_tokens": "\\udfff"}'),
        (COMPLETIONS, '{"model": "\\ud800"}'),
        (COMPLETIONS, '{"stream_options": {"\\ud800": 1}}'),
        (PREDICT, '{"\\ud800": 1}'),
        (PREDICT, '{"inputs": {"\\ud800": 1}}'),
        (PREDICT, '{"instances": [{"text": "a", "\\ud800": 1}]}'),
        (PREDICT, '{"instances": [{"text": "a"}, {"text": "a", "\\ud800\\n": 1}]}'),
        (PREDICT, '{"signature_name": "\\ud800", "inputs": ["a"]}'),
    ],
)
def test_lone_surrogates_are_a_bad_request_wherever_they_stand(server, path, body, caplog):
    status, answer = server.ask("POST", path, body)
    assert status in (400, 404)
    error = answer["error"]
    message = error if isinstance(error, str) else error["message"]
    assert message.encode("utf-8") and "\n" not in message
    assert not caplog.text
