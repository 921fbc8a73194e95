"""What `lm-zoo export` writes, as a program without lm_zoo finds it."""

import hashlib
import json
import re
import unittest

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import predict_pb2

from lm_zoo.cli.main import main
from lm_zoo.export.warmup import predict_request
from lm_zoo.runs.run import load
from lm_zoo.tasks.prediction import Prediction
from lm_zoo.text.tokenizers import load_tokenizer
from tests.export.warmup_file import read_warmup

SIGNATURES = {
    "score": ({"text"}, {"log_prob", "num_tokens", "perplexity"}),
    "token_logprobs": ({"text"}, {"tokens", "log_probs", "row_lengths"}),
    "next_token": ({"text", "k"}, {"tokens", "log_probs"}),
    "generate": (
        {"prompt", "max_new_tokens", "temperature", "top_k", "top_p", "seed", "stop"},
        {"text", "log_prob", "num_tokens"},
    ),
    "embed": ({"text"}, {"vector"}),
}
DEFAULTS = {
    "next_token": {"k": 5},
    "generate": {
        "max_new_tokens": 100,
        "temperature": 1.0,
        "top_k": 0,
        "top_p": 1.0,
        "seed": 0,
        "stop": b"",
    },
}


@pytest.fixture(scope="module")
def loaded(exported_run):
    with unittest.TestCase().assertNoLogs(level="WARNING"):
        return tf.saved_model.load(str(exported_run.version))


@pytest.fixture(scope="module")
def signature_defs(exported_run):
    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((exported_run.version / "saved_model.pb").read_bytes())
    return saved.meta_graphs[0].signature_def


@pytest.fixture(scope="module")
def card(exported_run):
    return json.loads((exported_run.version / "model_card.json").read_text())


def test_it_says_what_was_verified_and_what_the_precision_costs(exported_run):
    assert re.search(
        r"without lm_zoo, on 6 texts: score \S+e-\d\d, token_logprobs \S+, next_token \S+, embed",
        exported_run.printed,
    )
    assert re.search(r"(\d) of \1 greedy texts identical, token by token", exported_run.printed)
    assert re.search(
        r"Perplexity [\d.]+ before, [\d.]+ after \([+-][\d.]+%\), on [\d,]+ of [\d,]+ validation",
        exported_run.printed,
    )
    digest = hashlib.sha256((exported_run.version / "SHA256SUMS").read_bytes()).hexdigest()
    assert f"Checksums in SHA256SUMS, whose own SHA-256 is {digest}\n" in exported_run.printed
    assert exported_run.printed.endswith(f"Wrote {exported_run.version}\n")


def test_the_layout_is_tensorflow_servings(exported_run):
    assert [path.name for path in exported_run.output.iterdir()] == ["run"]
    assert [path.name for path in (exported_run.output / "run").iterdir()] == ["1"]
    found = {
        str(path.relative_to(exported_run.version)) for path in exported_run.version.rglob("*.*")
    }
    assert {
        "saved_model.pb",
        "variables/variables.index",
        "model_card.json",
        "README.md",
        "fields/text/tokenizer/lm_zoo_tokenizer.json",
    } <= found


def test_the_signatures_name_their_tensors_and_have_defaults(signature_defs):
    for name, (inputs, outputs) in SIGNATURES.items():
        definition = signature_defs[name]
        assert set(definition.inputs) == inputs and set(definition.outputs) == outputs
        for key in inputs - {"text", "prompt"}:
            assert definition.inputs[key].tensor_shape.unknown_rank  # one, or one for each row
        defaults = {key: tf.make_ndarray(value) for key, value in definition.defaults.items()}
        assert {key: value.item() for key, value in defaults.items()} == DEFAULTS.get(name, {})
    default = signature_defs["serving_default"]
    assert set(default.outputs) == SIGNATURES["score"][1]


def call(loaded, request):
    """What Serving does with a `PredictRequest`."""
    request = predict_pb2.PredictRequest.FromString(request.SerializeToString())
    inputs = {name: tf.constant(tf.make_ndarray(t)) for name, t in request.inputs.items()}
    return loaded.signatures[request.model_spec.signature_name](**inputs)


def test_a_predict_request_is_answered_for_any_batch(loaded, exported_run):
    run = load(exported_run.run)
    for texts in (["the cat"], ["the dog sat on the mat\n" * 3, "", "a"], []):
        request = predict_request("run", "score", {"text": tf.constant(texts, tf.string)})
        result = call(loaded, request)
        assert result["log_prob"].shape == (len(texts),)
        for row, score in enumerate(run.score(texts) if texts else []):
            assert result["num_tokens"][row] == score.num_tokens
            assert float(result["log_prob"][row]) == pytest.approx(score.log_prob, rel=0.02)  # int8


def test_the_warm_up_requests_are_answered(loaded, exported_run, card):
    requests = read_warmup(exported_run.version / "assets.extra/tf_serving_warmup_requests")
    assert [request.model_spec.signature_name for request in requests] == list(SIGNATURES)
    for request in requests:
        assert request.model_spec.name == "run"
        outputs = call(loaded, request)
        shown = card["predictions"][request.model_spec.signature_name]["example"]["outputs"]
        assert {name: tensor.shape.as_list() for name, tensor in outputs.items()} == {
            name: tensor["shape"] for name, tensor in shown.items()
        }


def test_the_functions_take_defaults_when_called_by_name(loaded):
    text = loaded.generate(tf.constant(["\n"]), tf.constant(7))
    assert text["num_tokens"] <= 7
    assert loaded.next_token(tf.constant(["\n"]))["tokens"].shape == (1, 5)


def test_token_logprobs_are_the_score_in_parts(loaded):
    texts = tf.constant(["a cat", "", "the zebra"])
    tokens = loaded.token_logprobs(texts)
    rows = tf.RaggedTensor.from_row_lengths(tokens["log_probs"], tokens["row_lengths"])
    np.testing.assert_allclose(
        tf.reduce_sum(rows, 1), loaded.score(texts)["log_prob"], rtol=1e-5, atol=1e-5
    )
    joined = tf.strings.reduce_join(tokens["tokens"])
    written = loaded.in_graph["text"].detokenize(loaded.in_graph["text"].tokenize(texts))
    assert joined == tf.strings.reduce_join(written)


@pytest.mark.parametrize("name", ["score", "token_logprobs", "next_token", "embed", "generate"])
def test_bytes_that_are_not_utf8_are_refused(loaded, name):
    with pytest.raises(tf.errors.InvalidArgumentError, match="expected valid UTF-8"):
        getattr(loaded, name)(tf.constant([b"the cat", b"caf\xe9"]))


def test_ids_are_scored_under_xla_with_static_shapes(loaded):
    ids = tf.constant(np.random.default_rng(0).integers(0, 5, (2, 9)), tf.int32)
    lengths = tf.constant([9, 4])
    compiled = tf.function(loaded.score_ids, jit_compile=True, autograph=False)
    found = compiled(ids, lengths)
    assert found.shape == (2, 8)
    np.testing.assert_allclose(found, loaded.score_ids(ids, lengths), atol=1e-5)


def test_the_card_says_what_it_is(exported_run, card):
    run = load(exported_run.run)
    ledger = json.loads((exported_run.run / "results/evaluation-test.json").read_text())
    assert card["data"] == json.loads((exported_run.run / "data.json").read_text())
    config = json.loads((exported_run.run / "config.json").read_text())
    assert card["config"] | {"format_version": config["format_version"]} == config
    field = card["fields"]["text"]
    assert card["task"] == "language_modeling" and list(card["fields"]) == ["text"]
    assert field["tokenizer"]["fingerprint"] == run.tokenizer.fingerprint
    assert card["perplexity"]["ledgers"]["evaluation-test"] == ledger
    assert card["perplexity"]["best_validation"]["step"] == run.step == card["checkpoint_step"]
    loss = card["perplexity"]["precision_loss"]
    assert loss["after"] == pytest.approx(loss["before"], rel=0.05)
    assert card["precision"] == "int8" and card["parameters"] == run.model.num_parameters
    assert field["max_length"] == card["context_length"] == 24
    assert field["vocab_size"] == run.model.vocab_size
    assert field["start_ids"] == run.tokenizer.start_ids.tolist()
    assert all(value <= 1e-4 for value in card["parity"]["largest_difference"].values())
    assert set(card["made_by"]) == {"lm_zoo", "tensorflow", "keras", "python"}
    page = (exported_run.version / "README.md").read_text()
    for part in (card["data"]["licence"], "### generate", "int8", "token by token"):
        assert part in page
    for split in ("train", "validation"):
        digest = card["data"]["fields"]["text"]["sha256"][split]
        assert f"- text of {split}: sha256 {digest}\n" in page


def test_the_card_says_how_it_is_called(signature_defs, card):
    described = {name: Prediction.from_dict(each) for name, each in card["predictions"].items()}
    assert list(described) == list(SIGNATURES)
    for name, prediction in described.items():
        assert {each.name for each in prediction.inputs} == set(signature_defs[name].inputs)
        assert set(prediction.outputs) == set(signature_defs[name].outputs)
        defaults = {each.name: each.default for each in prediction.inputs if not each.is_required}
        assert set(defaults) == set(signature_defs[name].defaults)
    assert (
        described["generate"].batching == "engine" and "prefill" in described["generate"].auxiliary
    )


def test_the_tokenizer_beside_it_is_the_runs(exported_run):
    folder = exported_run.version / "fields/text/tokenizer"
    assert load_tokenizer(folder).fingerprint == load(exported_run.run).tokenizer.fingerprint


def test_the_next_version_stands_beside_it_and_has_what_was_asked_for(exported_run, capsys):
    arguments = [f"--workdir={exported_run.run}", f"--output={exported_run.output}", "--name=other"]
    (exported_run.output / "other" / "7").mkdir(parents=True)
    assert main(["export", *arguments, "--signatures=embed,score", "--max_length=8"]) == 0
    assert capsys.readouterr().out.endswith(f"Wrote {exported_run.output}/other/8\n")
    page = (exported_run.output / "other/8/README.md").read_text()
    assert "read 6 texts." in page and "token by token" not in page
    loaded = tf.saved_model.load(str(exported_run.output / "other" / "8"))
    assert set(loaded.signatures) == {"score", "embed", "serving_default"}
    assert not hasattr(loaded, "generate") and not hasattr(loaded, "prefill")
    # In windows of 8 tokens, half of them new, the last 4 are read after the 4 before them.
    run = load(exported_run.run)
    run.model.context_length = 8
    (expected,) = run.score(["the cat sat on"])
    found = loaded.score(tf.constant(["the cat sat on"]))["log_prob"]
    np.testing.assert_allclose(found, [expected.log_prob], rtol=1e-5)
