"""Special tokens that are written out in what a user types are text, unless asked otherwise."""

import numpy as np
import pytest
import tensorflow as tf

import lm_zoo
from lm_zoo.cli import main as cli
from lm_zoo.export.in_graph.exported_model import ExportedModel
from lm_zoo.export.stored_weights import StoredWeights
from lm_zoo.weights.importing import import_run
from lm_zoo.weights.transformers import hugging_face
from tests.conformance.models import VARIANTS
from tests.weights.material import byte_pairs, new_run

PROMPT = "the<|endoftext|>cat"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("special")
    made = new_run(byte_pairs(), "transformer_decoder", **VARIANTS["transformer_decoder"][1])
    hugging_face.write(made, folder / "from")
    return import_run(folder / "from", folder / "run")


def ids_of(run, mode):
    """What the `tokenizers` library gives, with and without special tokens."""
    library = run.tokenizer.library()
    library.encode_special_tokens = mode == "text"
    return library.encode(PROMPT).ids


@pytest.mark.parametrize("mode", ["text", "control"])
def test_generating_and_scoring(run, mode):
    ids = ids_of(run, mode)
    assert (run.tokenizer.eos_id in ids) == (mode == "control")
    options = {} if mode == "text" else {"special_tokens": mode}  # text is what nobody asks for
    made = run.generate(PROMPT, max_new_tokens=1, temperature=0.0, **options)[0]
    logits = run.model(np.array([ids]))[0, -1].numpy()
    assert made.token_ids == [logits.argmax()]
    score = run.score(PROMPT, **options)[0]
    assert score.num_tokens == len(ids)
    whole = np.array([[*run.tokenizer.start_ids, *ids]])
    normal = tf.nn.log_softmax(run.model(whole[:, :-1])[0]).numpy()
    assert score.log_prob == pytest.approx(normal[np.arange(len(ids)), ids].sum(), abs=1e-4)


@pytest.mark.parametrize("mode", ["text", "control"])
def test_the_functions_of_a_saved_model(run, mode):
    weights = StoredWeights(run.model)
    exported = ExportedModel(run.task, run.model, weights, special_tokens=mode)
    ids = ids_of(run, mode)
    token_ids, lengths = exported.encode_prompts(tf.constant([PROMPT]))
    assert token_ids[0, : lengths[0]].numpy().tolist() == ids
    score = exported.score(tf.constant([PROMPT]))
    assert score["num_tokens"].numpy().tolist() == [len(ids)]


def test_another_mode_is_refused(run):
    for call in (run.score, run.embed, run.generate):
        with pytest.raises(lm_zoo.UserError, match="special_tokens: expected one of text, control"):
            call(PROMPT, special_tokens="both")


def test_the_commands_take_the_flag(run, capsys):
    counts = {}
    for mode in ("text", "control"):
        flags = [f"--workdir={run.folder.path}", f"--special_tokens={mode}"]
        command = ["generate", *flags, f"--prompt={PROMPT}", "--max_new_tokens=1", "--json"]
        assert cli.main(command) == 0
        counts[mode] = capsys.readouterr().out
    assert counts["text"] != counts["control"]


def test_training_on_imported_weights_says_what_can_be_done(run, capsys):
    for command in ("train", "inspect"):
        assert cli.main([command, f"--workdir={run.folder.path}"]) == 2
        error = capsys.readouterr().err
        assert "weights were imported without a text" in error
        assert error.count("\n") == 1 and "unknown name" not in error
