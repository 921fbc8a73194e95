"""keras-hub's GPT-2 presets become runs that compute the same, and runs become such presets."""

import keras_hub
import numpy as np
import pytest

import lm_zoo
from lm_zoo.weights.importing import import_run
from lm_zoo.weights.keras import keras_hub as presets
from tests.conformance.models import VARIANTS
from tests.weights.material import (
    byte_pairs,
    characters,
    largest_difference,
    new_run,
    token_ids,
)

NAME, ARGUMENTS = VARIANTS["transformer_decoder"]


def logits_of(backbone, ids):
    features = backbone({"token_ids": ids, "padding_mask": np.ones_like(ids)})
    return backbone.token_embedding(features, reverse=True).numpy()


@pytest.mark.parametrize(
    "changes", [{}, {"use_bias": False, "intermediate_dim": 48, "num_layers": 3}]
)
def test_keras_hub_computes_what_a_written_run_does_and_back(changes, tmp_path):
    run = new_run(byte_pairs(), NAME, **ARGUMENTS | changes)
    presets.write(run, tmp_path / "preset")
    ids = token_ids(run)
    logits = run.model(ids).numpy()
    causal_lm = keras_hub.models.GPT2CausalLM.from_preset(str(tmp_path / "preset"))
    assert np.abs(logits_of(causal_lm.backbone, ids) - logits).max() < 1e-5
    text = "the cat's mat, and more"
    assert causal_lm.preprocessor.tokenizer([text]) == [run.tokenizer.encode(text).tolist()]

    causal_lm.save_to_preset(str(tmp_path / "theirs"))  # without a file of ours
    back = import_run(tmp_path / "theirs", tmp_path / "run")
    assert largest_difference(back, ids, logits) < 1e-6
    assert back.tokenizer.fingerprint == run.tokenizer.fingerprint
    assert list(back.tokenizer.start_ids) == [back.tokenizer.eos_id]


def test_a_preset_with_random_weights_of_its_own_is_read(tmp_path):
    backbone = keras_hub.models.GPT2Backbone(
        vocabulary_size=40,
        num_layers=2,
        num_heads=2,
        hidden_dim=12,
        intermediate_dim=20,
        max_sequence_length=16,
    )
    generator = np.random.default_rng(1)
    for variable in backbone.weights:
        variable.assign(generator.normal(0.3, 0.3, variable.shape))
    backbone.save_to_preset(str(tmp_path / "preset"))
    run = import_run(tmp_path / "preset", tmp_path / "run", tokenizer=characters(40))
    ids = token_ids(run)
    assert largest_difference(run, ids, logits_of(backbone, ids)) < 1e-5


@pytest.mark.parametrize(
    "name, changes, message",
    [
        ("gru_lm", {}, "--format=pytorch"),
        (NAME, {"tie_embeddings": False}, "GPT2Backbone has tie_embeddings=True"),
        (NAME, {"feed_forward": "relu"}, "GPT2Backbone has feed_forward='gelu'"),
    ],
)
def test_what_the_backbone_has_no_form_for_is_refused(name, changes, message, tmp_path):
    run = new_run(characters(40), name, **VARIANTS[name][1] | changes)
    with pytest.raises(lm_zoo.UserError, match=message):
        presets.write(run, tmp_path / "preset")
