"""A run on pairs of texts from its config to its translations: trained, stopped, resumed."""

import shutil

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import lm_zoo
from lm_zoo import checkpoints
from lm_zoo.config import (
    CorpusConfig,
    DataConfig,
    EvaluationConfig,
    ExperimentConfig,
    ModelConfig,
    OptimizerConfig,
    TaskConfig,
    TokenizerConfig,
    TrainingConfig,
)
from lm_zoo.errors import UserError
from tests.curves import read_scalars

WORDS = {
    "a": "un",
    "the": "le",
    "cat": "chat",
    "dog": "chien",
    "bird": "oiseau",
    "sees": "voit",
    "hears": "entend",
}
MODELS = {
    "encoder_decoder": dict(size="tiny", num_layers=1, context_length=16),
    "recurrent_encoder_decoder": dict(hidden_dim=64, num_layers=1),
}
SOURCES = [
    f"{d} {n} {v} {e} {m}"
    for d in ("a", "the")
    for n in ("cat", "dog", "bird")
    for v in ("sees", "hears")
    for e in ("a", "the")
    for m in ("cat", "dog", "bird")
]


def translation_of(source):
    return " ".join(WORDS[word] for word in source.split())


def config(folder, model, separate=False, task=None, **training):
    """A run of 48 steps on 72 sentences, word by word; folder has the text and the cache."""
    for name, text in (("en", SOURCES), ("fr", map(translation_of, SOURCES))):
        (folder / f"all.{name}").write_text("\n".join(text) + "\n")
    words = TokenizerConfig(name="word")
    return ExperimentConfig(
        task=TaskConfig(
            "translation",
            **dict(
                batch_tokens=96,
                bleu_pairs=50,
                label_smoothing=0.1,
                sample_translations=2,
                attention_pictures=1,
            )
            | (task or {}),
        ),
        corpus=CorpusConfig(
            "text_pairs",
            data_dir=str(folder),
            train_files=("all.en",),
            train_target_files=("all.fr",),
            split_by="document_hash",
            validation_fraction=0.2,
            test_fraction=0.2,
        ),
        data=DataConfig(cache_dir=str(folder / "cache")),
        tokenizer=words,
        tokenizers={"source": words} if separate else {},
        model=ModelConfig(model, dropout=0.1, **MODELS[model]),
        optimizer=OptimizerConfig(name="adam", learning_rate=0.01),
        training=TrainingConfig(
            **dict(
                steps=48,
                validation_interval=24,
                log_interval=8,
                keep_checkpoints=9,
            )
            | training
        ),
        evaluation=EvaluationConfig(batch_size=8),
    )


@pytest.fixture(scope="module", params=MODELS)
def finished(request, tmp_path_factory):
    """A finished run of each model, its config and its result."""
    folder = tmp_path_factory.mktemp(request.param)
    separate = request.param == "recurrent_encoder_decoder"
    settings = config(folder, request.param, separate)
    return folder / "run", settings, lm_zoo.train(settings, folder / "run")


def test_it_learns_and_shows_what_it_has_learned(finished):
    workdir, settings, result = finished
    assert (result.step, result.reason, result.best_by) == (48, "finished", "loss")
    train, validation = workdir / "train", workdir / "validation"
    plain, smoothed = (
        dict(read_scalars(train, tag)) for tag in ("metrics/loss", "metrics_other/smoothed_loss")
    )
    assert list(plain) == list(smoothed) == [8, 16, 24, 32, 40, 48]
    assert plain[48] < plain[8] / 1.5
    assert smoothed[48] > plain[48]  # the floor of the smoothed loss is above 0
    (_, first), (_, last) = read_scalars(validation, "metrics_other/bleu")
    assert 0 <= first <= last <= 100 and last > 10
    events = EventAccumulator(str(validation)).Reload()
    table = events.Tensors("samples/translations")[-1].tensor_proto.string_val[0].decode()
    assert "| source | translation | reference |" in table and table.count("\n") == 3
    width, height, png = events.Tensors("samples/attention/0")[-1].tensor_proto.string_val
    assert png.startswith(b"\x89PNG") and int(width) > 100 and int(height) > 100


def test_its_folder_alone_translates(finished, tmp_path):
    workdir, settings, _ = finished
    shutil.copytree(workdir, tmp_path / "moved")
    run = lm_zoo.load(tmp_path / "moved")
    assert (run.source_tokenizer is run.tokenizer) == (not settings.tokenizers)
    sources, references = map(list, zip(*run.records("test")))
    assert references == [translation_of(source) for source in sources]
    assert not set(sources) & {source for source, _ in run.records("validation")}
    translations = run.translate(sources, num_beams=2)
    words = np.mean(
        [
            a == b
            for t, r in zip(translations, references)
            for a, b in zip(t[0].text.split(), r.split())
        ]
    )
    assert words > 0.6  # 0.43 is what one can guess without the source
    assert run.examples("test").num_examples == len(sources)
    saved = lm_zoo.load(run.save(tmp_path / "saved").folder.path)
    assert saved.records("test") == run.records("test") and saved.evaluate() == run.evaluate()


def test_a_run_that_was_stopped_ends_with_the_same_bits(finished, tmp_path):
    workdir, settings, _ = finished
    shutil.copytree(workdir, tmp_path / "stopped")
    folder = tmp_path / "stopped" / "checkpoints"
    shutil.rmtree(checkpoints.path_of(folder, 48))
    assert checkpoints.steps(folder) == [24]
    lm_zoo.train(settings, tmp_path / "stopped")
    expected = checkpoints.load(checkpoints.path_of(workdir / "checkpoints", 48)).tensors
    found = checkpoints.load(checkpoints.path_of(folder, 48)).tensors
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
    for split, tag in (
        ("train", "metrics_other/smoothed_loss"),
        ("validation", "metrics_other/bleu"),
    ):
        curves = [read_scalars(w / split, tag) for w in (tmp_path / "stopped", workdir)]
        assert curves[0] == curves[1]


def test_another_text_is_not_gone_on_with(finished, tmp_path):
    workdir, settings, _ = finished
    folder = workdir.parent
    shutil.copytree(workdir, tmp_path / "run")
    text = (folder / "all.en").read_text()
    try:
        (folder / "all.en").write_text(text.replace("bird", "fish"))
        with pytest.raises(UserError, match="the train text of text_pairs-.* has changed"):
            lm_zoo.train(settings, tmp_path / "run")
    finally:
        (folder / "all.en").write_text(text)


def test_the_best_checkpoint_and_early_stopping_can_go_by_bleu(tmp_path):
    settings = config(
        tmp_path,
        "recurrent_encoder_decoder",
        steps=20,
        validation_interval=2,
        best_by="bleu",
        early_stopping_patience=2,
        task={"attention_pictures": 0},
    )
    settings.optimizer.learning_rate = 1e-9  # nothing is learned: BLEU stays where it is
    result = lm_zoo.train(settings, tmp_path / "run")
    assert (result.reason, result.step, result.best_step) == ("early_stopping", 6, 2)
    assert result.best_by == "bleu"
    curve = dict(read_scalars(tmp_path / "run" / "validation", "metrics_other/bleu"))
    assert result.best == pytest.approx(curve[2], abs=1e-4)
    assert checkpoints.read_best(tmp_path / "run" / "checkpoints") == (2, result.best)


@pytest.mark.parametrize(
    "change, message",
    [
        (
            lambda c: setattr(c, "task", TaskConfig("language_modeling")),
            "training.best_by: unknown name 'bleu'.*Expected one of: loss",
        ),
        (
            lambda c: (
                setattr(c, "task", TaskConfig("language_modeling")),
                setattr(c.training, "best_by", "loss"),
                setattr(c, "tokenizers", {}),
            ),
            "config.model.name: encoder_decoder reads a source text and writes a target, but the",
        ),
        (
            lambda c: (
                setattr(c, "task", TaskConfig("language_modeling")),
                setattr(c.training, "best_by", "loss"),
                setattr(c, "tokenizers", {}),
                setattr(c, "model", ModelConfig("lstm_lm", hidden_dim=8)),
            ),
            "corpus.name: expected records of text for task 'language_modeling', received 'text_pairs",
        ),
        (
            lambda c: setattr(c, "corpus", CorpusConfig("python_reference")),
            "corpus.name: expected records of source and target for task",
        ),
        (
            lambda c: setattr(c, "tokenizers", {"sources": TokenizerConfig("word")}),
            "config.tokenizers: unknown name 'sources'. Did you mean 'source'",
        ),
        (
            lambda c: setattr(c, "model", ModelConfig("lstm_lm")),
            "config.model.name: .* needs a model that reads a source.*lstm_lm",
        ),
        (lambda c: setattr(c.training, "best_by", "blue"), "config.training.best_by.*'bleu'"),
        (
            lambda c: setattr(c.task, "bleu_pairs", 0),
            "task.bleu_pairs: expected above 0",
        ),
        (
            lambda c: setattr(c.model, "context_length", 4),
            "task.too_long: .* records of the train split",
        ),
        (
            lambda c: setattr(c.task, "label_smoothing", 1.0),
            "label_smoothing: expected a finite number of at least 0",
        ),
    ],
)
def test_mistakes_are_named_before_anything_is_written(change, message, tmp_path):
    settings = config(tmp_path, "encoder_decoder", best_by="bleu")
    change(settings)
    with pytest.raises(UserError, match=message):
        lm_zoo.train(settings, tmp_path / "run")
    assert not (tmp_path / "run").exists()
