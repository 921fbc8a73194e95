"""LiteRT files: every model gives there what it gives here; and what is written beside it."""

import json
import sys

import numpy as np
import pytest

import lm_zoo
from lm_zoo.cli.main import main
from lm_zoo.export.saved_model import copy_of
from lm_zoo.export.stored_weights import StoredWeights
from lm_zoo.export.token_models import litert, token_parity
from lm_zoo.export.token_models.token_functions import TokenFunctions
from lm_zoo.registry import build_model
from tests.conformance.models import VARIANTS

VOCAB, LENGTH = 50, 16
Interpreter = pytest.importorskip("ai_edge_litert.interpreter").Interpreter


def converted(name, arguments, folder):
    """Returns the model and the bytes of its LiteRT file."""
    model = build_model(name, vocab_size=VOCAB, seed=1, **arguments)
    weights = StoredWeights(model)
    model = copy_of(model, LENGTH)
    weights.assign_to(model)
    functions = TokenFunctions(model, weights, batch_size=1, length=LENGTH)
    return model, litert.convert(functions, folder)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_model_scores_and_decodes_as_in_python(variant, tmp_path):
    model, content = converted(*VARIANTS[variant], tmp_path)
    token_ids = np.random.default_rng(0).integers(0, VOCAB, (1, LENGTH + 1)).astype(np.int32)
    parity = litert.check(model, Interpreter(model_content=content), token_ids)
    assert max(parity.largest_difference.values()) < 1e-5
    assert (parity.tokens, parity.steps) == (LENGTH, LENGTH)
    assert b"Flex" not in content, "operations of TensorFlow are in it"
    assert not list(tmp_path.iterdir()), "what was needed meanwhile is left"


def test_both_functions_share_their_weights(tmp_path):
    model, content = converted("lstm_lm", {"hidden_dim": 128, "num_layers": 2}, tmp_path)
    assert len(content) < 1.5 * StoredWeights(model).num_bytes


def test_a_difference_would_be_found(tmp_path):
    model, content = converted(*VARIANTS["rnn_lm"], tmp_path)
    model.weights[-1].assign_add(np.eye(1, VOCAB, dtype=np.float32)[0])
    token_ids = np.ones((1, LENGTH + 1), np.int32)
    with pytest.raises(lm_zoo.UserError, match="^export: score differs by .* nothing was written"):
        litert.check(model, Interpreter(model_content=content), token_ids)


def test_the_command_writes_a_file_that_generates(trained_run, tmp_path, capsys):
    flags = [f"--workdir={trained_run}", f"--output={tmp_path}", "--max_length=20"]
    assert main(["export", "--format=litert", *flags]) == 0
    assert "Verified by LiteRT's interpreter: score " in capsys.readouterr().out
    (output,) = tmp_path.glob("*-litert/1")
    written = {path.relative_to(output).as_posix() for path in output.rglob("*") if path.is_file()}
    assert written == {
        "README.md",
        "SHA256SUMS",
        "fields/text/tokenizer/lm_zoo_tokenizer.json",
        "language_model.tflite",
        "model_card.json",
    }
    card = json.loads((output / "model_card.json").read_text())
    assert card["fields"]["text"]["max_length"] == 20
    assert card["functions"]["score"]["outputs"] == {
        "log_probs": {"dtype": "float32", "shape": [1, 20]}
    }

    decode = Interpreter(str(output / "language_model.tflite")).get_signature_runner("decode")
    run = lm_zoo.load(trained_run)
    start = run.tokenizer.encode("ab")
    state = {
        name: np.zeros(described["shape"], described["dtype"])
        for name, described in card["functions"]["decode"]["inputs"].items()
        if name != "tokens"
    }
    tokens = list(start)
    for place in range(len(start) + 9):
        outputs = decode(tokens=np.array(tokens[place : place + 1], np.int32), **state)
        state = {name: outputs[f"next_{name}"] for name in state}
        if place + 1 == len(tokens):
            tokens.append(int(outputs["logits"].argmax()))
    (expected,) = run.generate("ab", temperature=0, max_new_tokens=10)
    count = len(expected.token_ids)  # fewer than 10 where the end token is among them
    assert tokens[len(start) :][:count] == expected.token_ids


def test_lengths_that_it_cannot_have_are_refused(trained_run, tmp_path, capsys):
    flags = [f"--workdir={trained_run}", f"--output={tmp_path / 'out'}"]
    for length, expected in ((-1, "at least 0"), (25, "from 1 to 24 (the context_length)")):
        assert main(["export", "--format=litert", *flags, f"--max_length={length}"]) == 2
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert "max_length: expected a whole number" in error and expected in error
    assert not list(tmp_path.iterdir())


def test_a_missing_interpreter_is_named(trained_run, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    flags = [f"--workdir={trained_run}", f"--output={tmp_path / 'out'}"]
    assert main(["export", "--format=litert", *flags]) == 2
    assert 'run `pip install "lm_zoo[litert]"`' in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_what_differs_leaves_nothing(trained_run, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(token_parity, "TOLERANCE", -1.0)
    flags = [f"--workdir={trained_run}", f"--output={tmp_path / 'out'}"]
    assert main(["export", "--format=litert", *flags]) == 2
    assert "so nothing was written" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
