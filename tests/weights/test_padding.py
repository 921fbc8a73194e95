"""Rows that stand for no token are part of the softmax, are never generated, and are kept."""

import json

import numpy as np
import pytest
import tensorflow as tf
from safetensors.numpy import load_file, save_file

import lm_zoo
from lm_zoo.cli import main as cli
from lm_zoo.export.in_graph.exported_model import ExportedModel
from lm_zoo.export.stored_weights import StoredWeights
from lm_zoo.weights.importing import import_run
from lm_zoo.weights.keras import keras_hub
from lm_zoo.weights.torch import pytorch
from lm_zoo.weights.transformers import hugging_face
from tests.conformance.models import TINY, VARIANTS
from tests.weights.material import (
    GPT2,
    byte_pairs,
    characters,
    new_run,
    reference,
    write_folder,
)

PADDING = 24
ARGUMENTS = VARIANTS["transformer_decoder"][1] | {"vocab_padding": PADDING}


def likely_padding(name="transformer_decoder", arguments=ARGUMENTS):
    """Returns a run that would generate rows without a token most of the time."""
    run = new_run(byte_pairs(), name, **arguments)
    if name == "transformer_decoder":
        table = run.model.token_embedding.embeddings
        rows = np.array(table)
        rows[-PADDING:] = 3 * rows[:PADDING]
        table.assign(rows)
    else:
        bias = run.model.output_projection.bias
        bias.assign(np.where(np.arange(run.model.num_rows) < run.model.vocab_size, bias, 5.0))
    ids = np.array([run.tokenizer.encode_prompt("the cat sat")])
    probabilities = tf.nn.softmax(run.model(ids)[0, -1]).numpy()
    assert probabilities[-PADDING:].sum() > 0.3
    return run


@pytest.fixture(scope="module")
def run():
    return likely_padding()


def log_probs(run, ids):
    """The model's own log-probabilities of the tokens after the first, in numpy."""
    logits = run.model(np.array([ids[:-1]])).numpy()[0].astype(np.float64)
    normal = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    return normal[np.arange(len(ids) - 1), ids[1:]]


@pytest.mark.parametrize(
    "options",
    [
        {"num_return_sequences": 8},
        {"temperature": 0.0},
        {"num_beams": 4, "temperature": 0.0, "num_return_sequences": 4},
        {"num_beams": 4, "temperature": 0.0, "repetition_penalty": 1.3},
        {"num_return_sequences": 4, "top_k": 5, "repetition_penalty": 1.3},
        {"num_return_sequences": 4, "top_p": 0.9, "temperature": 2.0},
    ],
)
def test_no_way_to_generate_gives_one(run, options):
    start = run.tokenizer.encode_prompt("the cat").tolist()
    for result in run.generate("the cat", max_new_tokens=12, ignore_eos=True, **options):
        assert max(result.token_ids) < run.tokenizer.vocab_size and len(result.token_ids) == 12
        own = log_probs(run, [*start, *result.token_ids])[len(start) - 1 :].sum()
        assert result.log_prob == pytest.approx(own, abs=1e-4)  # over all rows


def test_scores_are_those_of_the_models_own_softmax(run):
    ids = [*run.tokenizer.start_ids, *run.tokenizer.encode("the cat sat on the mat")]
    score = run.score("the cat sat on the mat")[0]
    assert score.log_prob == pytest.approx(log_probs(run, ids).sum(), abs=1e-4)


def test_recurrent_models_have_such_rows_too():
    run = likely_padding("lstm_lm", TINY["lstm_lm"] | {"vocab_padding": PADDING})
    for result in run.generate("the", max_new_tokens=9, num_return_sequences=4, ignore_eos=True):
        assert max(result.token_ids) < run.tokenizer.vocab_size


def test_a_saved_model_never_gives_one(run):
    exported = ExportedModel(run.task, run.model, StoredWeights(run.model))
    size = run.tokenizer.vocab_size
    made = exported.generate(
        tf.constant(["the cat"] * 4),
        tf.constant(12),
        tf.constant(1.5),
        tf.constant(0),
        tf.constant(1.0),
        tf.constant([1, 2, 3, 4]),
        tf.constant(""),
    )
    assert made["num_tokens"].numpy().max() <= 12
    likeliest = exported.next_token(tf.constant(["the cat"]), tf.constant(size))
    ids = run.tokenizer.encode_prompt("the cat")
    logits = run.model(np.array([ids])).numpy()[0, -1].astype(np.float64)
    own = np.sort((logits - np.log(np.exp(logits).sum()))[:size])[::-1]
    np.testing.assert_allclose(likeliest["log_probs"][0], own, atol=1e-4)
    token_ids, lengths = exported.encode_prompts(tf.constant(["the cat"]))
    state = exported.prefill(token_ids, lengths, 32)
    step = exported.decode(
        state, token_ids[:, -1], [0], [True], [1.0], [0], [1.0], [0], tf.constant(8), tf.constant(9)
    )
    assert step["top_tokens"].numpy().max() < size and step["tokens"].numpy().max() < size
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"from 1 to {size}"):
        exported.next_token(tf.constant(["the cat"]), tf.constant(size + 1))


@pytest.mark.parametrize("form", ["hugging_face", "keras_hub", "pytorch"])
def test_they_are_written_and_read_again(form, run, tmp_path):
    module = {"hugging_face": hugging_face, "keras_hub": keras_hub, "pytorch": pytorch}[form]
    if form == "pytorch":
        run = likely_padding("lstm_lm", TINY["lstm_lm"] | {"vocab_padding": PADDING})
    module.write(run, tmp_path / "to")
    back = import_run(tmp_path / "to", tmp_path / "run")
    assert back.model.vocab_padding == PADDING
    ids = np.array([[3, 5, 7, 9]])
    np.testing.assert_allclose(back.model(ids), run.model(ids), atol=1e-6)
    assert back.model(ids).shape[-1] == run.tokenizer.vocab_size + PADDING


def test_weights_padded_elsewhere_are_imported_and_said_to_be(tmp_path, capsys):
    tensors, ids, logits = reference("gpt2")
    table = "transformer.wte.weight"
    more = np.random.default_rng(0).normal(0, 0.2, (3, 24)).astype(np.float16)
    tensors[table] = np.concatenate([tensors[table], more])  # 61 + 3 = 64
    folder = write_folder(tmp_path / "from", GPT2 | {"vocab_size": 64}, tensors)
    characters(61).save(tmp_path / "tokenizer")
    flags = [f"--from={folder}", f"--tokenizer={tmp_path / 'tokenizer'}"]
    assert cli.main(["import", *flags, f"--workdir={tmp_path / 'run'}"]) == 0
    assert "last 3 rows belong to no token" in capsys.readouterr().out
    run = lm_zoo.load(tmp_path / "run")
    found = run.model(ids).numpy()
    assert found.shape[-1] == 64 and np.abs(found[..., :61] - logits).max() < 1e-5
    hugging_face.write(run, tmp_path / "to")
    back = load_file(tmp_path / "to" / "model.safetensors")[table]
    np.testing.assert_array_equal(back, tensors[table].astype(np.float32))
    assert json.loads((tmp_path / "to" / "config.json").read_text())["vocab_size"] == 64


def test_a_tokenizer_that_is_another_models_is_still_refused(tmp_path):
    tensors, *_ = reference("gpt2")
    folder = write_folder(tmp_path / "from", GPT2, tensors)
    for size in (60, 62):  # 61 rows are no rounded number
        with pytest.raises(lm_zoo.UserError, match="expected 61 tokens, as the weights have"):
            import_run(folder, tmp_path / "run", tokenizer=characters(size))


def test_padded_rows_of_a_tied_head_alone(tmp_path):
    run = likely_padding()
    hugging_face.write(run, tmp_path / "to")
    tensors = load_file(tmp_path / "to" / "model.safetensors")
    tensors["lm_head.weight"] = tensors.pop("transformer.wte.weight")
    save_file(tensors, tmp_path / "to" / "model.safetensors")
    back = import_run(tmp_path / "to", tmp_path / "run")
    np.testing.assert_array_equal(back.model.token_embedding.table, run.model.token_embedding.table)
