"""Training from Python by a config's name, with other values."""

import pytest

import lm_zoo
from lm_zoo.config import config_checks
from lm_zoo.config.config_files import read_config
from lm_zoo.errors import UserError


def test_a_shipped_config_is_trained_with_other_values(tmp_path):
    changes = {
        "seed": 5,
        "corpus": {"name": "synthetic", "tokens": 4_000},
        "model": {"name": "gru_lm", "hidden_dim": 8},
        "training.steps": 2,
        "task": {"sequence_length": 8, "sample_length": 0},
        "data": {"cache_dir": str(tmp_path / "cache"), "batch_size": 4},
    }
    result = lm_zoo.train("quickstart_lstm", tmp_path / "run", **changes)
    assert result.step == 2
    run = lm_zoo.load(tmp_path / "run")
    assert (run.config.seed, run.config.model.name, run.config.model.hidden_dim) == (5, "gru_lm", 8)
    kept = tmp_path / "run" / "config.json"
    assert lm_zoo.train(kept, tmp_path / "run").step == 2  # it is done
    assert lm_zoo.train(str(kept), tmp_path / "again", training={"steps": 1}).step == 1
    table = run.model.token_embedding.embeddings
    table.assign(2 * table)
    assert (saved := run.save(tmp_path / "saved")).folder.path == tmp_path / "saved"
    loaded = lm_zoo.load(tmp_path / "saved")
    assert loaded.step == 2 and loaded.evaluate() == saved.evaluate() == run.evaluate()
    assert loaded.evaluate().nll_nats != lm_zoo.load(tmp_path / "run").evaluate().nll_nats
    with pytest.raises(UserError, match="already holds a run"):
        loaded.save(tmp_path / "run")
    with pytest.raises(UserError, match="without optimizer state"):
        lm_zoo.train(kept, tmp_path / "saved")


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"model": {"hiden_dim": 3}}, "config.model.hiden_dim: unknown name.*'hidden_dim'"),
        ({"training": {"step": 3}}, "config.training.step: .*training.steps"),
        ({"sed": 3}, "config.sed: .*config.seed"),
        ({"seed": "x"}, "config.seed: expected a whole number.*'x'"),
        ({"task.name": "translating"}, "config.task.name: unknown name.*'translation'"),
    ],
)
def test_a_change_that_does_not_fit_is_one_line(changes, message, tmp_path):
    with pytest.raises(UserError, match=message):
        lm_zoo.train("quickstart_lstm", tmp_path / "run", **changes)
    assert not list(tmp_path.iterdir())
    with pytest.raises(UserError, match="neither a file nor a shipped config.*quickstart_lstm"):
        lm_zoo.train("quickstart_lst", tmp_path / "run")


def test_the_config_that_is_changed_stays_as_it_was():
    config = read_config("quickstart_lstm")
    before = config_checks.resolve(config)
    changed = config_checks.changed(config, {"tokenizers.text.name": "byte", "training.steps": 7})
    assert changed.training.steps == 7 and changed.tokenizers["text"].name == "byte"
    assert config_checks.resolve(config) == before
