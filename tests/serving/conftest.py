"""A small trained run, its export, and a server of it: made once for all these tests."""

import http.client
import json
import random
import threading
import time

import pytest

from tests.shared_folder import shared_folder

pytest.importorskip("starlette", reason="the extra `serve` is not installed")

NAME = "tiny"
TRANSFORMER = dict(hidden_dim=16, num_layers=1, num_heads=2, context_length=32)
WORDS = "the cat dog sat on under mat möwe 海 said never again".split()


@pytest.fixture(scope="session")
def exported_run(tmp_path_factory):
    """A folder with `run`, and `exports/tiny/1`: a small run and its export."""
    with shared_folder(tmp_path_factory, "serving") as (folder, is_new):
        if is_new:
            train_and_export(folder, "transformer_decoder", TRANSFORMER, "word")
    return folder


def _sentence(rng):
    """Words after the rules of a small grammar, and now and then a word out of place."""
    parts = (
        ["the", "möwe"],
        ["cat", "dog", "海"],
        ["sat", "said"],
        ["on", "under"],
        ["the"],
        ["mat"],
    )
    words = [rng.choice(part) for part in parts]
    if rng.random() < 0.3:
        words.insert(rng.randint(0, 6), rng.choice(WORDS))
    return " ".join(words[: rng.choice([3, 6, 7])])


def train_and_export(folder, model, arguments, tokenizer, vocab_size=0):
    """Makes `run` and `exports/tiny/1` in a folder."""
    from lm_zoo import config as c
    from lm_zoo.experiment import Experiment
    from lm_zoo.export.export import export
    from lm_zoo.runs.run import load

    rng = random.Random(0)
    lines = [_sentence(rng) for _ in range(150)]
    (folder / "text.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    config = c.ExperimentConfig(
        task=c.TaskConfig(
            "language_modeling", layout="windows", sequence_length=16, sample_length=0
        ),
        corpus=c.CorpusConfig(
            "text_files",
            train_files=(str(folder / "text.txt"),),
            validation_fraction=0.1,
            test_fraction=0.1,
        ),
        data=c.DataConfig(batch_size=4, cache_dir=str(folder / "cache")),
        tokenizer=c.TokenizerConfig(name=tokenizer, vocab_size=vocab_size),
        model=c.ModelConfig(model, **arguments),
        optimizer=c.OptimizerConfig(name="adam", learning_rate=0.01),
        training=c.TrainingConfig(steps=60, validation_interval=60),
    )
    Experiment(config, folder / "run").train()
    export(load(folder / "run"), folder / "exports", name=NAME)


@pytest.fixture(scope="session")
def run(exported_run):
    """The run, as `lm_zoo.load` gives it."""
    from lm_zoo.runs.run import load

    return load(exported_run / "run")


@pytest.fixture(scope="session")
def model(exported_run):
    """The `ServedModel`."""
    from lm_zoo.serving.served_model import ServedModel

    return ServedModel(exported_run / "exports" / NAME)


@pytest.fixture(scope="session")
def server(model):
    """A server of the model with its usual limits, but for a body of 100,000 bytes."""
    from lm_zoo.serving.limits import ServingLimits

    with Server(model, ServingLimits(max_body_bytes=100_000)) as running:
        yield running


class Server:
    """A server in a thread of this process, and a client of it.

    Args:
        model: A `ServedModel`.
        limits: `ServingLimits`.
        **options: Of `make_app`.
    """

    def __init__(self, model, limits, **options):
        from lm_zoo.serving import server as serving
        from lm_zoo.serving.app import make_app

        self._bound = serving.bind("127.0.0.1", 0)
        self.port = self._bound.getsockname()[1]
        self.address = serving.address_of(self._bound)
        self._server = serving.make_server(make_app(model, limits, **options), limits)
        self._thread = threading.Thread(target=self._server.run, args=([self._bound],))

    def __enter__(self):
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        return self

    def __exit__(self, *_):
        self._server.should_exit = True
        self._thread.join()

    def ask(self, method, path, body=None):
        """Returns `(status, answer)`; the answer is a JSON value."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        if isinstance(body, dict):
            body = json.dumps(body)
        connection.request(method, path, body)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        assert response.headers["Content-Type"] == "application/json", content
        self.headers = response.headers
        return response.status, json.loads(content)

    def predict(self, **body):
        """Returns the answer to a prediction."""
        status, answer = self.ask("POST", f"/v1/models/{NAME}:predict", body)
        assert status == 200, answer
        return answer

    def complete(self, **body):
        """Returns the answer to a request for completions."""
        status, answer = self.ask("POST", "/v1/completions", body)
        assert status == 200, answer
        return answer

    def figure(self, name):
        """Returns a figure of `/metrics`: the sum over its labels."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
        connection.close()
        return sum(
            float(line.rsplit(" ", 1)[1])
            for line in lines
            if line.startswith((f"{name} ", f"{name}{{"))
        )
