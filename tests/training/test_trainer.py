"""The training loop in one process: what it keeps, when it stops, what it refuses."""

import itertools
import json
import math
import re
import shutil
import signal
import types

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

import lm_zoo
from lm_zoo import checkpoints
from lm_zoo.cli.main import main
from lm_zoo.config import (
    CorpusConfig,
    DataConfig,
    EvaluationConfig,
    ExperimentConfig,
    ModelConfig,
    OptimizerConfig,
    RuntimeConfig,
    ScheduleConfig,
    TaskConfig,
    TrainingConfig,
)
from lm_zoo.errors import UserError
from lm_zoo.training import clock, trainer
from tests.curves import read_scalars


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return str(tmp_path_factory.mktemp("cache"))


def tiny_config(cache, sample_length=8, **training):
    return ExperimentConfig(
        task=TaskConfig(
            "language_modeling",
            sequence_length=16,
            evaluation_sequence_length=64,
            sample_length=sample_length,
        ),
        corpus=CorpusConfig("synthetic", tokens=4000),
        data=DataConfig(batch_size=4, cache_dir=cache),
        model=ModelConfig("gru_lm", hidden_dim=8, num_layers=1, dropout=0.1),
        optimizer=OptimizerConfig(learning_rate=0.02),
        training=TrainingConfig(
            **{"steps": 12, "validation_interval": 4, "log_interval": 2} | training
        ),
        evaluation=EvaluationConfig(batch_size=4),
    )


def final_tensors(workdir):
    return checkpoints.load_latest(workdir / "checkpoints").tensors


def assert_same_tensors(found, expected):
    assert found.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


@pytest.fixture(scope="module")
def finished(cache, tmp_path_factory):
    """A workdir whose run went through without a stop, and its result."""
    workdir = tmp_path_factory.mktemp("runs") / "finished"
    return workdir, lm_zoo.train(tiny_config(cache), workdir)


def test_a_run_folder_holds_all_that_later_commands_need(finished):
    workdir, result = finished
    assert (result.step, result.reason) == (12, "finished")
    config = json.loads((workdir / "config.json").read_text())
    assert config["model"] == {
        "name": "gru_lm",
        "size": "",
        "hidden_dim": 8,
        "num_layers": 1,
        "dropout": 0.1,
    }
    run = lm_zoo.load(workdir)
    assert run.step == result.best_step
    ledger = run.evaluate("validation", batch_size=4, sequence_length=64)
    assert ledger.nll_nats / ledger.tokens_scored == pytest.approx(result.best, rel=1e-6)


def test_averaged_parameters_are_what_is_validated_and_loaded(cache, tmp_path):
    config = tiny_config(cache, sample_length=0)
    config.optimizer.ema_decay = 0.5
    result = lm_zoo.train(config, tmp_path / "run")
    run = lm_zoo.load(tmp_path / "run", checkpoint=result.best_step)
    ledger = run.evaluate("validation", batch_size=4, sequence_length=64)
    assert ledger.loss == pytest.approx(result.best, rel=1e-6)
    tensors = checkpoints.load(
        checkpoints.path_of(tmp_path / "run" / "checkpoints", result.best_step)
    ).tensors
    for variable in run.model.trainable_variables:
        name = variable.path.split("/", 1)[-1]
        np.testing.assert_array_equal(variable.numpy(), tensors[f"ema/{name}"])
        assert np.abs(tensors[f"ema/{name}"] - tensors[f"model/{name}"]).max() > 0


def test_a_moved_folder_is_evaluated_without_the_text(cache, tmp_path):
    """P7: nothing outside the run's folder is needed, wherever it stands."""
    text = tmp_path / "text.txt"
    text.write_text("the cat sat on the mat. " * 200)
    config = tiny_config(str(tmp_path / "cache"), sample_length=0)
    config.corpus = CorpusConfig("text_files", train_files=(str(text),))
    result = lm_zoo.train(config, tmp_path / "run")
    text.unlink()
    shutil.rmtree(tmp_path / "cache")
    (tmp_path / "run").rename(tmp_path / "moved")
    run = lm_zoo.load(tmp_path / "moved")
    ledger = run.evaluate("validation", batch_size=4, sequence_length=64)
    assert ledger.loss == pytest.approx(result.best, rel=1e-6)
    assert ledger.corpus == "text_files"
    assert run.score("the cat")[0].num_tokens == 6  # nothing stands before the first
    assert not (tmp_path / "cache").exists()


def test_curves_have_every_point_once(finished):
    workdir, _ = finished
    train = read_scalars(workdir / "train", "metrics/loss")
    validation = read_scalars(workdir / "validation", "metrics/loss")
    assert [step for step, _ in train] == [2, 4, 6, 8, 10, 12]
    assert [step for step, _ in validation] == [4, 8, 12]
    perplexities = read_scalars(workdir / "train", "metrics/perplexity")
    for (_, loss), (_, perplexity) in zip(train, perplexities):
        assert perplexity == pytest.approx(math.exp(loss), rel=1e-5)
    assert train[-1][1] < train[0][1]


def test_curves_go_by_tokens_and_by_training_time_too(finished):
    workdir, result = finished
    losses = read_scalars(workdir / "train", "metrics/loss")
    by_tokens = read_scalars(workdir, "metrics_over_tokens/loss_train")
    assert by_tokens == [(step * 4 * 16, loss) for step, loss in losses]
    by_time = read_scalars(workdir / "time", "metrics_over_time/loss_train")
    assert [loss for _, loss in by_time] == [loss for _, loss in losses]
    assert by_time == sorted(set(by_time))
    seconds = read_scalars(workdir / "train", "progress/training_seconds")
    assert [second for _, second in seconds] == pytest.approx([time / 1000 for time, _ in by_time])
    validation = dict(read_scalars(workdir, "metrics_over_tokens/loss_validation"))
    assert list(validation) == [step * 4 * 16 for step in (4, 8, 12)]
    assert validation[result.best_step * 64] == pytest.approx(result.best)
    assert read_scalars(workdir, "metrics.best/loss")[-1] == (
        result.best_step * 64,
        pytest.approx(result.best),
    )


def test_tensorboard_says_what_a_run_learns_with_and_no_more(finished):
    workdir, _ = finished
    events = EventAccumulator(str(workdir)).Reload()
    plugin = events.SummaryMetadata("_hparams_/session_start_info").plugin_data
    info = HParamsPluginData.FromString(plugin.content).session_start_info
    assert info.group_name == "", "TensorBoard calls it by its folder, not by a hash"
    found = {name: value.string_value or value.number_value for name, value in info.hparams.items()}
    parameters = sum(np.size(w) for w in lm_zoo.load(workdir).model.weights)
    first = {"Model": "gru_lm", "Parameters": parameters, "Peak learning rate": 0.02}
    assert {name: found[name] for name in sorted(found)[:3]} == first
    assert (found["model.hidden_dim"], found["training.steps"], found["seed"]) == (8, 12, 0)
    assert not [name for name in found if name.startswith(("cleaning", "runtime", "evaluation"))]
    table = events.Tensors("settings")[0].tensor_proto.string_val[0].decode()
    rows = [line.split(" | ")[0].strip("| ") for line in table.splitlines() if "`" in line]
    assert rows[:-1] == [
        "task.name", "task.sequence_length", "task.sample_length", "task.evaluation_sequence_length",
        "corpus.name", "corpus.tokens", "data.batch_size", "data.cache_dir", "model.name",
        "model.hidden_dim", "model.num_layers", "model.dropout", "optimizer.learning_rate",
        "training.steps", "training.validation_interval", "training.log_interval",
        "evaluation.batch_size",
    ]  # fmt: skip


@pytest.mark.parametrize("tokenizer, hides", [("byte", False), ("word", True)])
def test_bits_per_byte_have_another_tag_where_text_was_not_predicted(tokenizer, hides, tmp_path):
    """Curves of both kinds never lie in one chart."""
    text = tmp_path / "text.txt"
    text.write_text("one two  three four\n" * 200, encoding="utf-8")
    config = tiny_config(str(tmp_path / "cache"), steps=4, sample_length=0)
    config.corpus = CorpusConfig("text_files", train_files=(str(text),))
    config.tokenizer.name, config.tokenizer.vocab_size = tokenizer, 0 if tokenizer == "byte" else 5
    lm_zoo.train(config, tmp_path / "run")
    for split in ("train", "validation"):
        curves = tmp_path / "run" / split
        exact = read_scalars(curves, "metrics_other/bits_per_byte")
        bound = read_scalars(curves, "metrics_other/bits_per_byte_lower_bound")
        assert (bool(bound), bool(exact)) == (hides, not hides)


def test_latest_and_best_checkpoints_are_kept_and_no_others(cache, tmp_path):
    config = tiny_config(cache, keep_checkpoints=2, checkpoint_interval=1, sample_length=0)
    config.optimizer.learning_rate = 1e-9  # so that the best validation is as likely the first
    result = lm_zoo.train(config, tmp_path / "run")
    kept = checkpoints.steps(tmp_path / "run" / "checkpoints")
    assert set(kept) == {11, 12} | {result.best_step}


def test_a_kill_before_the_old_checkpoints_go_leaves_none_for_good(cache, tmp_path, monkeypatch):
    config = tiny_config(cache, keep_checkpoints=2, checkpoint_interval=1, sample_length=0)
    prune = checkpoints.prune

    def killed(directory, newest, *rest):
        if newest == 12:
            raise KeyboardInterrupt
        prune(directory, newest, *rest)

    monkeypatch.setattr(checkpoints, "prune", killed)
    with pytest.raises(KeyboardInterrupt):
        lm_zoo.train(config, tmp_path)
    monkeypatch.undo()
    assert checkpoints.read_best(tmp_path / "checkpoints").step == 12
    assert checkpoints.steps(tmp_path / "checkpoints") == [8, 10, 11, 12]  # 8 was the best before
    assert lm_zoo.train(config, tmp_path).reason == "finished"
    assert checkpoints.steps(tmp_path / "checkpoints") == [11, 12]


def test_a_damaged_newest_checkpoint_does_not_cost_the_whole_one(finished, cache, tmp_path):
    config = tiny_config(cache, keep_checkpoints=1)
    lm_zoo.train(config, tmp_path / "run")
    folder = tmp_path / "run" / "checkpoints"
    copied = checkpoints.path_of(folder, 8)
    if not copied.exists():
        shutil.copytree(checkpoints.path_of(finished[0] / "checkpoints", 8), copied)
    (folder / "best.json").unlink()
    next(checkpoints.path_of(folder, 12).glob("tensors.data*")).unlink()
    assert lm_zoo.train(config, tmp_path / "run").step == 12
    assert_same_tensors(final_tensors(tmp_path / "run"), final_tensors(finished[0]))


def test_lost_points_of_the_curves_are_said(finished, cache, tmp_path, caplog):
    run = tmp_path / "run"
    shutil.copytree(finished[0], run)
    lm_zoo.train(tiny_config(cache), run)
    assert "curves" not in caplog.text
    for path in (run / "train").iterdir():
        path.unlink()
    lm_zoo.train(tiny_config(cache), run)
    (line,) = [r.getMessage() for r in caplog.records if "curves" in r.getMessage()]
    assert "train curves" in line and "lack 6 of 6 points (steps 2, 4, 6, 8, 10, 12)" in line


def test_a_lost_config_is_asked_for_and_put_back(finished, cache, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(finished[0], run)
    config, written = tiny_config(cache), (run / "config.json").read_bytes()
    (run / "config.json").unlink()
    for command in ("train", "evaluate", "generate", "inspect"):
        assert main([command, f"--workdir={run}"]) == 2
        line = capsys.readouterr().err
        assert "no config.json" in line and "--config=" in line and line.count("\n") == 1
    other = tiny_config(cache)
    other.optimizer.learning_rate = 0.01
    with pytest.raises(UserError, match="began with a different config"):
        lm_zoo.train(other, run)
    config.runtime.steps_per_call = 2  # how it is executed may differ
    assert lm_zoo.train(config, run).reason == "finished"
    assert json.loads((run / "config.json").read_bytes()) == json.loads(written) | {
        "runtime": json.loads(written)["runtime"] | {"steps_per_call": 2}
    }


def test_a_finished_run_is_left_alone(finished, cache):
    workdir, result = finished
    before = {p: p.stat().st_mtime_ns for p in workdir.rglob("*") if p.is_file()}
    again = lm_zoo.train(tiny_config(cache), workdir)
    assert again == result
    after = {p: p.stat().st_mtime_ns for p in workdir.rglob("*") if p.is_file()}
    assert {p: t for p, t in after.items() if p.name != ".lock"} == {
        p: t for p, t in before.items() if p.name != ".lock"
    }


def test_going_on_from_an_earlier_checkpoint_ends_with_the_same_bits(finished, cache, tmp_path):
    """As after a kill: the newest checkpoint is damaged, later events are on the curves already."""
    workdir, result = finished
    lm_zoo.train(tiny_config(cache, keep_checkpoints=3), tmp_path / "run")
    newest = checkpoints.path_of(tmp_path / "run" / "checkpoints", 12)
    data = next(newest.glob("tensors.data*"))
    data.write_bytes(data.read_bytes()[:-100])
    # keep_checkpoints belongs to the config, so the same one goes on
    again = lm_zoo.train(tiny_config(cache, keep_checkpoints=3), tmp_path / "run")
    assert again == result
    assert_same_tensors(final_tensors(tmp_path / "run"), final_tensors(workdir))
    for split in ("train", "validation"):
        found = read_scalars(tmp_path / "run" / split, "metrics/loss")
        assert found == read_scalars(workdir / split, "metrics/loss")


def test_histograms_change_no_bit_and_show_the_update(finished, cache, tmp_path):
    """Also with several steps in a call, replicas and micro-batches, which leave rounding."""
    config = tiny_config(cache, histogram_interval=5)
    config.runtime.steps_per_call = 4
    lm_zoo.train(config, tmp_path / "run")
    assert_same_tensors(final_tensors(tmp_path / "run"), final_tensors(finished[0]))
    config.runtime = RuntimeConfig("mirrored", logical_cpus=2, micro_batches=2)
    lm_zoo.train(config, tmp_path / "two")
    ratios, other = (
        read_scalars(tmp_path / name / "train", "weights_update_ratio/token_embedding/embeddings")
        for name in ("run", "two")
    )
    assert [step for step, _ in ratios] == [5, 10]
    assert ratios == [(step, pytest.approx(ratio, rel=1e-3)) for step, ratio in other]
    assert all(1e-4 < ratio < 1 for _, ratio in ratios)
    sums = []
    for name in ("run", "two"):
        events = EventAccumulator(str(tmp_path / name / "train")).Reload()
        found = [tag for tag in events.Tags()["tensors"] if tag.startswith("weights_gradient/")]
        assert len(found) == len(lm_zoo.load(tmp_path / name).model.trainable_variables)
        buckets = tf.make_ndarray(events.Tensors(found[0])[-1].tensor_proto)
        sums.append((buckets[0, 0], buckets[-1, 1]))
    np.testing.assert_allclose(sums[0], sums[1], rtol=1e-3)


def test_curves_of_runs_are_drawn_by_steps_tokens_and_time(finished, tmp_path):
    workdir, _ = finished
    lm_zoo.plot_curves([workdir, workdir], tmp_path / "new" / "curves.html")
    page = (tmp_path / "new" / "curves.html").read_text()
    curve = read_scalars(workdir / "validation", "metrics/loss")
    plots = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(plots) == 3 * 2  # the loss and bits per byte
    assert all(f"ends at {curve[-1][1]:.4g}" in plot for plot in plots[:3])
    lines = [re.search(r'points="(.*?)"', plot)[1].split() for plot in plots[:3]]
    heights = [[float(point.split(",")[1]) for point in line] for line in lines]
    assert heights[0] == heights[1] == heights[2] and len(heights[0]) == len(curve) == 3
    assert heights[0] == sorted(heights[0])  # the loss falls, so that y grows downwards
    shutil.copytree(workdir, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "time")
    with pytest.raises(UserError, match="run has no whole validation curves"):
        lm_zoo.plot_curves([tmp_path / "run"], tmp_path / "none.html")
    with pytest.raises(UserError, match="--plot: expected folders of runs, received the file"):
        lm_zoo.plot_curves([workdir, workdir / "config.json"], tmp_path / "none.html")
    assert not (tmp_path / "none.html").exists()


def test_time_is_counted_on_where_a_run_goes_on(cache, tmp_path, monkeypatch):
    limit, beats, ticks = 3.0, [], itertools.count(0, 0.01)
    monkeypatch.setattr(clock, "time", types.SimpleNamespace(monotonic=lambda: next(ticks)))

    def stop_once():
        beats.append(1)
        if len(beats) == 30:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(trainer, "heartbeat", stop_once)

    def seconds():
        return read_scalars(tmp_path / "run" / "train", "progress/training_seconds")

    config = tiny_config(cache, steps=10**6, validation_interval=10**6, max_seconds=limit)
    first = lm_zoo.train(config, tmp_path / "run")
    before = seconds()
    assert first.reason == "SIGTERM" and before[-1][1] > limit / 10
    result = lm_zoo.train(config, tmp_path / "run")
    assert result.reason == "max_seconds" and first.step < result.step < 10**6
    found = checkpoints.load_latest(tmp_path / "run" / "checkpoints")
    # By a clock that ticks when it is read: no step began when the time was over.
    assert limit <= found.metadata["clock"]["last"]["milliseconds"] / 1000 < limit + 0.1
    counted = [time for _, time in seconds()]
    assert seconds()[: len(before)] == before and counted == sorted(counted)
    assert counted[-1] >= limit > counted[len(before)] > before[-1][1]
    assert [s for s, _ in read_scalars(tmp_path / "run" / "validation", "metrics/loss")] == [
        result.step
    ]
    assert lm_zoo.train(config, tmp_path / "run").step == result.step  # it is over
    monkeypatch.undo()
    lm_zoo.train(tiny_config(cache, steps=result.step), tmp_path / "whole")
    assert_same_tensors(found.tensors, final_tensors(tmp_path / "whole"))


def test_early_stopping(cache, tmp_path):
    config = tiny_config(cache, steps=400, early_stopping_patience=2, sample_length=0)
    config.optimizer = OptimizerConfig(name="sgd", learning_rate=1e-12)
    result = lm_zoo.train(config, tmp_path / "run")
    assert result.reason == "early_stopping"
    assert result.step == result.best_step + 2 * 4


def test_division_on_plateau_lowers_the_rate_on_the_curve(cache, tmp_path):
    config = tiny_config(cache, steps=40, sample_length=0)
    config.optimizer = OptimizerConfig(name="sgd", learning_rate=1e-12)
    config.schedule = ScheduleConfig(name="plateau", decay_factor=0.5)
    lm_zoo.train(config, tmp_path / "run")
    rates = read_scalars(tmp_path / "run" / "train", "optimizer/learning_rate")
    divisions = [1e-12 * 0.5**n for n in range(11)]
    assert rates[0][1] == pytest.approx(1e-12)
    assert rates[-1][1] < 0.5e-12
    for _, rate in rates:
        assert any(rate == pytest.approx(d, rel=1e-5) for d in divisions)


def test_loss_that_is_not_finite_stops_and_names_the_last_good_checkpoint(cache, tmp_path):
    config = tiny_config(cache, steps=100, checkpoint_interval=1, sample_length=0)
    config.optimizer = OptimizerConfig(name="sgd", learning_rate=3e38, clip_norm=0.0)
    with pytest.raises(UserError, match=r"not finite .*last good checkpoint is step \d+") as caught:
        lm_zoo.train(config, tmp_path / "run")
    named = int(str(caught.value).split("last good checkpoint is step ")[1].split()[0])
    assert checkpoints.steps(tmp_path / "run" / "checkpoints")[-1] == named
    assert all(
        np.all(np.isfinite(value))
        for name, value in final_tensors(tmp_path / "run").items()
        if name.startswith("model/")
    )


def test_another_config_in_a_used_workdir_is_refused_by_field(finished, cache):
    workdir, _ = finished
    config = tiny_config(cache)
    config.optimizer.learning_rate = 0.5
    config.model.hidden_dim = 9
    with pytest.raises(UserError) as caught:
        lm_zoo.train(config, workdir)
    assert "model.hidden_dim: 8 there, 9 now" in str(caught.value)
    assert "optimizer.learning_rate: 0.02 there, 0.5 now" in str(caught.value)


def test_how_a_run_is_executed_may_change(cache, tmp_path):
    config = tiny_config(cache, sample_length=0)
    lm_zoo.train(config, tmp_path / "run")
    config.runtime.micro_batches = 2
    assert lm_zoo.train(config, tmp_path / "run").reason == "finished"


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda c: setattr(c.model, "hidden_dimm", 3), "hidden_dim"),
        (lambda c: setattr(c.model, "name", "lstm"), "Did you mean 'lstm_lm'"),
        (lambda c: setattr(c.model, "seed", 3), "config.seed"),
        (lambda c: setattr(c.data, "batch_size", 4000), "short|4000|batch"),
        (lambda c: setattr(c.corpus, "name", "synthetics"), "Did you mean 'synthetic'"),
        (lambda c: setattr(c.tokenizer, "name", "chars"), "character"),
    ],
)
def test_mistakes_are_found_before_anything_is_written(cache, tmp_path, change, message):
    config = tiny_config(cache)
    change(config)
    with pytest.raises(UserError, match=message) as caught:
        lm_zoo.train(config, tmp_path / "run")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_transformer_refuses_unbounded_state(cache, tmp_path):
    config = tiny_config(cache)
    config.model = ModelConfig(
        "transformer_decoder", hidden_dim=8, num_layers=1, num_heads=2, context_length=16
    )
    with pytest.raises(UserError, match="task.layout: expected 'windows' or 'packed'"):
        lm_zoo.train(config, tmp_path / "run")


def test_a_folder_with_something_else_in_it_is_refused(cache, tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(UserError, match="thesis.tex"):
        lm_zoo.train(tiny_config(cache), tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_what_a_killed_start_left_does_not_stand_in_the_way(cache, tmp_path):
    (tmp_path / "fields" / "text" / "tokenizer").mkdir(parents=True)
    (tmp_path / ".writing-1234-abcd").write_text("{")
    (tmp_path / ".lm_zoo-work-x").mkdir()
    assert lm_zoo.train(tiny_config(cache, sample_length=0), tmp_path).reason == "finished"


def test_changed_text_under_a_run_is_noticed(cache, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("the cat sat on the mat. " * 200)
    config = tiny_config(cache, sample_length=0)
    config.corpus = CorpusConfig("text_files", train_files=(str(text),))
    lm_zoo.train(config, tmp_path / "run")
    text.write_text("the cat sat on the hat. " * 200)
    with pytest.raises(UserError, match="train text of text_files has changed"):
        lm_zoo.train(config, tmp_path / "run")
