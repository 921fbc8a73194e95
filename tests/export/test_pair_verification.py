"""What is wrong in the export of a model that reads a source does not pass."""

import numpy as np
import pytest
import tensorflow as tf

from lm_zoo.errors import UserError
from lm_zoo.export.pair_verification import PairVerification
from lm_zoo.export.verification import array
from lm_zoo.run import load

SOURCES = ["the birds hear a river", " ", "a small bird"]
TARGETS = ["van ke uddan", "le", ""]
SIGNATURES = ("translate", "score", "token_logprobs", "embed")


@pytest.fixture(scope="module")
def asked(translation_place):
    """The `PairVerification`, the names of its calls, and what this process answers."""
    run = load(translation_place.run)
    verification = PairVerification(
        run.model, run.source_tokenizer, run.tokenizer, SIGNATURES, SOURCES, TARGETS, 24
    )
    loaded = tf.saved_model.load(str(translation_place.version))
    names, answers = [], []
    for name, inputs in verification.calls():
        inputs = [tf.constant(array(value)) for value in inputs.values()]
        outputs = getattr(loaded, name)(*inputs)
        names.append(name)
        answers.append({key: as_json(value.numpy()) for key, value in outputs.items()})
    return verification, names, answers


def as_json(value):
    """What the process writes of a tensor."""
    values = value.reshape(-1).tolist()
    if value.dtype == object:
        texts = [data.decode("latin-1") for data in values]
        return {"dtype": "string", "shape": list(value.shape), "values": texts}
    return {"dtype": value.dtype.name, "shape": list(value.shape), "values": values}


def test_what_is_right_passes(asked):
    verification, names, answers = asked
    parity = verification.check(answers)
    assert set(parity.largest_difference) == set(SIGNATURES)
    assert max(parity.largest_difference.values()) < 1e-5
    assert parity.equal_translations == parity.translations == 6 and parity.texts == 3


@pytest.mark.parametrize(
    "name, output, change",
    [
        ("score", "log_prob", lambda value: value * 1.001),
        ("score", "num_tokens", lambda value: value + 1),
        ("score", "perplexity", lambda value: value * 1.01),
        ("token_logprobs", "log_probs", lambda value: value - 0.001),
        ("token_logprobs", "tokens", lambda value: "x"),
        ("token_logprobs", "row_lengths", lambda value: value + 1),
        ("embed", "vector", lambda value: value * 1.001),
        ("translate", "text", lambda value: value[:-1]),
        ("translate", "texts", lambda value: value[:-1]),
        ("translate", "score", lambda value: value - 0.001),
        ("beams", "tokens", lambda value: max(value - 1, -1)),
        ("beams", "scores", lambda value: value - 0.001),
        ("beams", "log_probs", lambda value: value * 1.001),
    ],
)
def test_every_output_that_differs_is_found(asked, name, output, change):
    verification, names, answers = asked
    values = answers[names.index(name)][output]
    wrong = {**values, "values": [change(value) for value in values["values"]]}
    altered = list(answers)
    altered[names.index(name)] = {**answers[names.index(name)], output: wrong}
    shown = "translate" if name == "beams" else name
    with pytest.raises(UserError, match=rf"export: {shown} of .* in the SavedModel, but .* in Py"):
        verification.check(altered)


def test_another_text_of_the_same_score_is_a_tie(asked):
    verification, _, _ = asked
    source, token_ids = SOURCES[0], [3, 4, verification.tokenizer.end_id]
    score = verification.log_probs(source, token_ids).sum() / 3

    class Own:
        """A translation that rounding might have put first."""

    Own.score = float(score) + 5e-5
    assert verification._is_tie(source, token_ids, Own)
    Own.score = float(score) + 1e-2
    assert not verification._is_tie(source, token_ids, Own)
    assert not verification._is_tie(source, token_ids[1:], Own)
    assert np.isfinite(score)
