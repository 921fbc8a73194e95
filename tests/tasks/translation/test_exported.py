"""What exporting a model that reads a source writes, as a program without lm_zoo finds it."""

import json
import unittest

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from lm_zoo.cli.main import main
from lm_zoo.export.in_graph import text_groups, windowed_forward
from lm_zoo.export.saved_model import PreparedExport
from lm_zoo.run import load
from lm_zoo.text.tokenizers import load_tokenizer
from tests.export.warmup_file import read_warmup

SIGNATURES = {
    "translate": (
        {"text", "num_beams", "max_new_tokens", "length_penalty", "num_return_sequences"},
        {"text", "score", "texts", "scores"},
    ),
    "score": ({"text", "source"}, {"log_prob", "num_tokens", "perplexity"}),
    "token_logprobs": ({"text", "source"}, {"tokens", "log_probs", "row_lengths"}),
    "embed": ({"text"}, {"vector"}),
}
SOURCES = ["the birds hear a river", "", " \u3000\n", "a small bird", "the old dogs see the birds"]
TARGETS = ["van ke uddan", "le pille", "", "ta", "lumma vetta ke uddan ta lumma vetta"]


@pytest.fixture(scope="module")
def loaded(translation_run):
    with unittest.TestCase().assertNoLogs(level="WARNING"):
        return tf.saved_model.load(str(translation_run.version))


@pytest.fixture(scope="module")
def run(translation_run):
    return load(translation_run.run)


@pytest.fixture(scope="module")
def card(translation_run):
    path = translation_run.version / "model_card.json"
    return json.loads(path.read_text())


def translated(loaded, texts, **settings):
    dtypes = {"length_penalty": tf.float32}
    settings = {name: tf.constant(v, dtypes.get(name, tf.int32)) for name, v in settings.items()}
    return loaded.translate(tf.constant(texts, tf.string), **settings)


def test_the_signatures_name_their_tensors_and_have_defaults(translation_run):
    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((translation_run.version / "saved_model.pb").read_bytes())
    definitions = saved.meta_graphs[0].signature_def
    for name, (inputs, outputs) in SIGNATURES.items():
        assert set(definitions[name].inputs) == inputs
        assert set(definitions[name].outputs) == outputs
    found = definitions["translate"].defaults
    assert {name: tf.make_ndarray(value).item() for name, value in found.items()} == {
        "num_beams": 4,
        "max_new_tokens": 0,
        "length_penalty": 1.0,
        "num_return_sequences": 1,
    }
    assert set(definitions["serving_default"].outputs) == SIGNATURES["translate"][1]
    assert not {"generate", "next_token"} & set(definitions)


@pytest.mark.parametrize(
    "settings", [{"num_beams": 1}, {"num_beams": 3, "num_return_sequences": 2}, {}]
)
def test_translations_are_the_runs(loaded, run, settings):
    found = translated(loaded, SOURCES, **settings)
    for row, translations in enumerate(run.translate(SOURCES, **settings)):
        for rank, own in enumerate(translations):
            assert found["texts"][row, rank].numpy().decode() == own.text
            assert float(found["scores"][row, rank]) == pytest.approx(own.score, abs=1e-5)
    assert found["text"].numpy().tolist() == found["texts"][:, 0].numpy().tolist()
    assert found["text"][1] == found["text"][2] == b""  # nothing there to be translated
    assert len(set(found["text"].numpy())) >= 3


def test_settings_are_those_asked_for(loaded, run):
    for settings in ({"max_new_tokens": 3}, {"length_penalty": -2.0}):
        (own,) = run.translate(SOURCES[:1], **settings)[0]
        assert translated(loaded, SOURCES[:1], **settings)["text"][0] == own.text.encode()
    each = translated(loaded, SOURCES[3:], max_new_tokens=[1, 5], num_beams=[2, 2])["text"].numpy()
    assert (
        len(each[0].split()) <= 1
        and each[1] == translated(loaded, SOURCES[4:], max_new_tokens=5, num_beams=2)["text"][0]
    )


def test_rows_are_independent_of_their_neighbours_and_there_may_be_none(loaded):
    together = translated(loaded, SOURCES)
    again = translated(loaded, SOURCES)
    for row, source in enumerate(SOURCES):
        alone = translated(loaded, [source])
        assert alone["text"][0] == together["text"][row] == again["text"][row]
        np.testing.assert_allclose(alone["score"][0], together["score"][row], atol=1e-5)
    nothing = translated(loaded, [])
    assert nothing["text"].shape == (0,) and nothing["texts"].shape == (0, 1)
    empty = tf.constant([], tf.string)
    assert loaded.score(empty, empty)["log_prob"].shape == (0,)
    assert loaded.embed(empty)["vector"].shape == (0, 24)


def test_a_translation_has_the_score_that_its_text_is_given(loaded):
    found = translated(loaded, SOURCES[3:4], length_penalty=0.0, max_new_tokens=20)
    scored = loaded.score(tf.constant(SOURCES[3:4]), found["text"])
    np.testing.assert_allclose(scored["log_prob"], found["score"], rtol=1e-5)


def test_token_logprobs_are_the_score_in_parts_and_the_runs(loaded, run):
    own = run.score(TARGETS, sources=SOURCES)
    texts, sources = tf.constant(TARGETS), tf.constant(SOURCES)
    tokens = loaded.token_logprobs(sources, texts)
    rows = tf.RaggedTensor.from_row_lengths(tokens["log_probs"], tokens["row_lengths"])
    score = loaded.score(sources, texts)
    np.testing.assert_allclose(tf.reduce_sum(rows, 1), score["log_prob"], rtol=1e-5)
    assert tokens["row_lengths"].numpy().tolist() == [len(t.split()) + 1 for t in TARGETS]
    assert score["num_tokens"].numpy().tolist() == tokens["row_lengths"].numpy().tolist()
    np.testing.assert_allclose(score["log_prob"], [one.log_prob for one in own], rtol=1e-5)
    np.testing.assert_allclose(score["perplexity"], [one.perplexity for one in own], rtol=1e-5)


def test_ids_are_scored_under_xla_with_static_shapes(loaded, run):
    rng = np.random.default_rng(0)
    token_ids = rng.integers(0, run.model.vocab_size, (2, 9)).astype(np.int32)
    source_ids = rng.integers(0, run.source_tokenizer.vocab_size, (2, 7)).astype(np.int32)
    arguments = (token_ids, np.int32([9, 4]), source_ids, np.int32([7, 3]))
    found = tf.function(loaded.score_ids, jit_compile=True, autograph=False)(
        *map(tf.constant, arguments)
    )
    np.testing.assert_allclose(found, loaded.score_ids(*arguments), atol=1e-5)
    logits = run.model(token_ids[:1, :-1], source_ids=source_ids[:1])
    log_probs = tf.gather(tf.nn.log_softmax(logits), token_ids[:1, 1:], batch_dims=2)
    np.testing.assert_allclose(found[:1], log_probs, atol=1e-5)
    assert not found[1, 3:].numpy().any()


def test_the_warm_up_requests_are_answered(loaded, translation_run, card):
    requests = read_warmup(translation_run.version / "assets.extra/tf_serving_warmup_requests")
    assert [request.model_spec.signature_name for request in requests] == list(SIGNATURES)
    for request in requests:
        name = request.model_spec.signature_name
        inputs = {key: tf.constant(tf.make_ndarray(t)) for key, t in request.inputs.items()}
        outputs = loaded.signatures[name](**inputs)
        shown = card["predictions"][name]["example"]["outputs"]
        assert {key: t.shape.as_list() for key, t in outputs.items()} == {
            key: t["shape"] for key, t in shown.items()
        }


def test_the_card_and_the_report_say_what_it_is(translation_run, card, run):
    assert "token by token; translate" in translation_run.report
    choices = card["parity"]["choices"]["translate"]
    assert choices["equal"] == choices["total"] >= 10
    source, target = (card["fields"][name] for name in ("source", "target"))
    assert card["task"] == "translation" and source["shares"] == target["shares"] == ""
    assert source["tokenizer"]["fingerprint"] == run.source_tokenizer.fingerprint
    assert source["max_length"] == 100 and target["max_length"] == 24
    assert target["end_id"] == run.tokenizer.end_id
    own = translation_run.version
    loaded = load_tokenizer(own / "fields/source/tokenizer")
    assert loaded.fingerprint == run.source_tokenizer.fingerprint
    page = (own / "README.md").read_text()
    for part in (
        "A source that is read whole has at most 100",
        "BLEU 12.50 (tok:13a)",
        "`serving_default` is `translate`",
        "### embed",
    ):
        assert part in page


@pytest.mark.parametrize(
    "text, settings, words",
    [
        ([b"caf\xe9"], {}, "text: expected valid UTF-8"),
        (["a" * 100], {}, "text: expected at most 100 tokens per text, including the end token"),
        (["a"], {"num_beams": 0}, "num_beams: expected a whole number of at least 1"),
        (
            ["a", "b"],
            {"num_beams": [1, 2]},
            "num_beams: expected a whole number of at least 1, the same for all",
        ),
        (["a"], {"num_return_sequences": 5}, "num_return_sequences: expected at most num_beams"),
        (["a"], {"max_new_tokens": -1}, "max_new_tokens: expected a whole number of at least 0"),
        (["a"], {"length_penalty": float("nan")}, "length_penalty: expected a finite number"),
    ],
)
def test_bad_input_is_refused_in_words(loaded, text, settings, words):
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        translated(loaded, text, **settings)


def test_a_target_longer_than_the_model_can_read_is_refused(loaded):
    with pytest.raises(tf.errors.InvalidArgumentError, match="text: expected at most 24 tokens"):
        loaded.score(tf.constant(["a"]), tf.constant(["ta " * 24]))


def test_memory_is_bounded_without_a_change_of_the_numbers(loaded, run, monkeypatch):
    from lm_zoo.export.in_graph.exported_model import ExportedModel
    from lm_zoo.export.stored_weights import StoredWeights

    monkeypatch.setattr(text_groups, "MAX_TOKENS", 30)
    monkeypatch.setattr(windowed_forward, "MAX_CHUNK_TOKENS", 2)
    names = ("token_logprobs", "embed")
    model = ExportedModel(run.task, run.model, StoredWeights(run.model), names)
    texts, sources = tf.constant(TARGETS), tf.constant(SOURCES)
    found = model.token_logprobs(sources, texts)
    expected = loaded.token_logprobs(sources, texts)
    np.testing.assert_allclose(found["log_probs"], expected["log_probs"], atol=1e-5)
    np.testing.assert_allclose(
        model.embed(sources)["vector"], loaded.embed(sources)["vector"], atol=1e-5
    )


def test_max_length_bounds_both_sides(run):
    prepared = PreparedExport(run, max_length=10, signatures=("embed",))
    assert prepared.limits == {"source": 10, "target": 10}
    assert prepared.model.context_length == 10
    lengths = [len(run.source_tokenizer.encode(text)) for text in prepared.parity.records["source"]]
    assert max(lengths) < 10


@pytest.mark.parametrize(
    "arguments, words",
    [
        (
            ["--signatures=generate"],
            ["task translation has no 'generate'", "translate, score, token_logprobs, embed"],
        ),
        (["--format=onnx"], ["'onnx'", "encoder_decoder", "task translation", "'saved_model'"]),
        (["--max_length=25"], ["max_length", "24"]),
    ],
)
def test_one_line_says_what_cannot_be_exported(translation_run, tmp_path, capsys, arguments, words):
    where = [f"--workdir={translation_run.run}", f"--output={tmp_path}/out"]
    assert main(["export", *where, *arguments]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert all(word in line for word in words), line
    assert not (tmp_path / "out").exists()
