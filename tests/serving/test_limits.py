"""What the server does when too much is asked of it, and when clients go away."""

import asyncio
import concurrent.futures
import copy
import http.client
import json
import threading
import time
import types

import pytest

from lm_zoo.serving.http.metrics import Metrics
from lm_zoo.serving.inference.batcher import Batcher
from lm_zoo.serving.inference.call import Call
from lm_zoo.serving.limits import ServingLimits
from tests.serving.conftest import NAME, Server

LONG = {"prompt": "the", "max_tokens": 100_000, "ignore_eos": True}


@pytest.fixture(scope="module")
def server(model):
    limits = ServingLimits(max_new_tokens=100_000, max_rows=4, max_queue=4, request_seconds=30)
    with Server(model, limits, max_batch_size=2) as running:
        yield running


@pytest.fixture
def begin(server):
    """Sends requests for long texts; the connections are closed at the end of the test."""
    connections = []

    def begin(**body):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.request("POST", "/v1/completions", json.dumps(LONG | body))
        connections.append(connection)
        return connection

    yield begin
    for connection in connections:
        connection.close()
    wait_until(lambda: not server.figure("lm_zoo_active_texts"))


def wait_until(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_full_queue_is_answered_with_503(server, begin):
    begin(n=4)
    wait_until(lambda: server.figure("lm_zoo_waiting_texts") == 2)  # 2 grow
    begin(n=2)
    wait_until(lambda: server.figure("lm_zoo_waiting_texts") == 4)
    status, answer = server.ask("POST", "/v1/completions", LONG)
    assert status == 503 and "busy" in answer["error"]["message"]
    assert server.headers["Retry-After"] == "1"
    body = {"signature_name": "generate", "inputs": ["the"]}
    status, answer = server.ask("POST", f"/v1/models/{NAME}:predict", body)
    assert status == 503 and "busy" in answer["error"]
    assert server.predict(instances=["the cat"])  # scores do not wait for texts


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_goes_away_frees_its_place(server, begin, stream):
    gone = begin(n=2, stream=stream)
    wait_until(lambda: server.figure("lm_zoo_active_texts") == 2)
    if stream:
        assert gone.getresponse().readline().startswith(b"data: ")
    begin(n=1)
    wait_until(lambda: server.figure("lm_zoo_waiting_texts") == 1)
    gone.sock.close()
    gone.close()
    wait_until(lambda: server.figure("lm_zoo_active_texts") == 1)
    wait_until(lambda: server.figure("lm_zoo_waiting_texts") == 0)


def test_what_takes_too_long_is_given_up(model):
    limits = ServingLimits(max_new_tokens=100_000, request_seconds=0.5)
    with Server(model, limits) as server:
        status, answer = server.ask("POST", "/v1/completions", LONG)
        assert status == 504 and "0.5 seconds" in answer["error"]["message"]
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.request("POST", "/v1/completions", json.dumps(LONG | {"stream": True}))
        *_, error, done = connection.getresponse().read().split(b"\n\n")[:-1]
        assert b"0.5 seconds" in error and done == b"data: [DONE]"
        connection.close()
        wait_until(lambda: not server.figure("lm_zoo_active_texts"))


def test_a_prediction_of_the_engine_that_takes_too_long_is_given_up(model):
    class Slow:
        """The model's functions, of which one takes longer than a request may."""

        def __getattr__(self, name):
            return getattr(model.functions, name)

        def decode(self, *arguments):
            time.sleep(0.6)
            return model.functions.decode(*arguments)

    slow = copy.copy(model)
    slow.functions = Slow()
    with Server(slow, ServingLimits(request_seconds=0.5)) as server:
        body = {"signature_name": "generate", "instances": ["the", "the cat"]}
        status, answer = server.ask("POST", f"/v1/models/{NAME}:predict", body)
        assert status == 504 and "cancelled after 0.5 seconds" in answer["error"]
        wait_until(lambda: not server.figure("lm_zoo_active_texts"))


def test_a_failure_of_the_model_is_told_and_the_server_goes_on(model, caplog):
    class Failing:
        """The model's functions, of which one fails once."""

        failed = False

        def __getattr__(self, name):
            return getattr(model.functions, name)

        def decode(self, *arguments):
            if not self.failed:
                self.failed = True
                raise MemoryError("no room")
            return model.functions.decode(*arguments)

    broken = copy.copy(model)
    broken.functions = Failing()
    body = {"prompt": "the", "max_tokens": 3, "seed": 1}
    with Server(broken, ServingLimits()) as server:
        status, answer = server.ask("POST", "/v1/completions", body)
        assert status == 500 and answer["error"]["type"] == "server_error"
        assert "no room" not in str(answer) and "no room" in caplog.text
        assert server.complete(**body)["usage"]["completion_tokens"] == 3


def test_a_model_that_was_exported_to_score_alone_says_so(model):
    scoring = copy.copy(model)
    scoring.functions = types.SimpleNamespace(score_ids=model.functions.score_ids)
    scoring.signatures = {"score": model.signatures["score"]}
    with Server(scoring, ServingLimits()) as server:
        status, answer = server.ask("POST", "/v1/completions", {"prompt": "the"})
        assert status == 501 and "'generate'" in answer["error"]["message"]
        body = {"signature_name": "generate", "instances": ["the"]}
        status, answer = server.ask("POST", f"/v1/models/{NAME}:predict", body)
        assert status == 400 and '"generate"' in answer["error"]
        assert server.predict(instances=["the cat"])["predictions"][0]["num_tokens"] == 2


def doubling(batcher_options, function):
    options = dict(max_batch_size=8, wait_seconds=0.05, max_queue=100, metrics=Metrics("m", 1))
    return Batcher("double", function, **(options | batcher_options))


def submit_all(batcher, calls):
    async def all_at_once():
        tasks = [batcher.submit([call]) for call in calls]
        return await asyncio.gather(*tasks, return_exceptions=True)

    try:
        return asyncio.run(all_at_once())
    finally:
        batcher.close()


def test_requests_of_one_key_share_calls_and_no_more_rows_than_allowed():
    sizes = []

    def function(calls):
        assert len({call.key for call in calls}) == 1
        sizes.append(sum(call.rows for call in calls))
        return [2 * call.inputs for call in calls]

    calls = [Call(1 + i % 2, ("odd",) if i % 2 else ("even",), i) for i in range(20)]
    results = submit_all(doubling({}, function), calls)
    assert results == [[2 * i] for i in range(20)]
    assert len(sizes) < 10 and max(sizes) <= 8


def test_the_fault_of_one_request_is_not_that_of_its_neighbours():
    def function(calls):
        if any(call.inputs == 3 for call in calls):
            raise ValueError("three")
        return [2 * call.inputs for call in calls]

    results = submit_all(doubling({}, function), [Call(1, (), i) for i in range(6)])
    assert isinstance(results[3], ValueError)
    assert [r for i, r in enumerate(results) if i != 3] == [[2 * i] for i in range(6) if i != 3]


def test_what_no_one_waits_for_any_more_is_not_computed():
    seen, going = [], threading.Event()

    def function(calls):
        seen.extend(call.inputs for call in calls)
        going.wait(10)
        return [None] * len(calls)

    batcher = doubling({"wait_seconds": 0, "max_batch_size": 1}, function)

    async def leave():
        first = asyncio.ensure_future(batcher.submit([Call(1, (), 1)]))
        second = asyncio.ensure_future(batcher.submit([Call(1, (), 2)]))
        third = asyncio.ensure_future(batcher.submit([Call(1, (), 3)]))
        while seen != [1]:
            await asyncio.sleep(0.01)
        second.cancel()
        await asyncio.sleep(0.01)
        going.set()
        await asyncio.gather(first, third)

    asyncio.run(leave())
    batcher.close()
    assert seen == [1, 3]


def test_many_clients_at_once_lose_nothing(server):
    def ask(number):
        while True:  # as a client does that is told to come again
            body = {"prompt": "the", "max_tokens": 5, "seed": number}
            status, answer = server.ask("POST", "/v1/completions", body)
            if status != 503:
                return status, answer["choices"][0]["text"]
            time.sleep(0.05)

    with concurrent.futures.ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(ask, range(48)))
    assert {status for status, _ in answers} == {200}
    assert answers[7] == ask(7)
