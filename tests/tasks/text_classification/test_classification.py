"""Text classification: the head against numpy, the report against scikit-learn, a whole run."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn import metrics

import lm_zoo
from lm_zoo.config import (
    CorpusConfig,
    ExperimentConfig,
    ModelConfig,
    OptimizerConfig,
    TaskConfig,
    TrainingConfig,
    config_checks,
)
from lm_zoo.data.labels import LabelTokenizer
from lm_zoo.errors import UserError
from lm_zoo.models.text_classifier import TextClassifier
from lm_zoo.registry import build_model
from lm_zoo.tasks.text_classification import answers
from lm_zoo.tasks.text_classification.task import TextClassification
from lm_zoo.text.tokenizers import TOKENIZERS
from lm_zoo.training.train_step import TrainStep
from tests.conformance.models import VARIANTS
from tests.generation.toy import letters
from tests.small import document_split, example_split

VOCAB, LABELS = 19, ("bad", "fine", "good")
TOKENIZER = letters(VOCAB)


def make_task(**arguments):
    config = ExperimentConfig(task=TaskConfig("text_classification", **arguments))
    labels = LabelTokenizer(LABELS)
    return TextClassification(config_checks.resolve(config), {"text": TOKENIZER, "label": labels})


def records(count=23, seed=0):
    """Token ids of texts of 0 to 9 tokens, and label ids."""
    rng = np.random.default_rng(seed)
    texts = [rng.integers(1, VOCAB, rng.integers(0, 10)).tolist() for _ in range(count)]
    return texts, rng.integers(1, len(LABELS) + 1, count).tolist()


def split_of(texts, labels):
    return example_split(
        text=document_split(texts), label=document_split([[label] for label in labels])
    )


def head_on(variant, **arguments):
    name, model_arguments = VARIANTS[variant]
    backbone = build_model(name, vocab_size=VOCAB, seed=1, **model_arguments)
    head = TextClassifier(backbone, len(LABELS), seed=3, **arguments)
    head.build()
    head.label_projection.bias.assign([0.3, -0.2, 0.1])  # rows that are filled up get class 0
    return head


@pytest.mark.parametrize("pooling", ["mean", "last"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_head_pools_what_the_language_model_makes_of_each_text_alone(variant, pooling):
    head, (texts, _) = head_on(variant, pooling=pooling), records(5)
    ids = [np.array([[*text, 0]], np.int32) for text in texts]  # each with its end
    padded = np.zeros((len(ids), 14), np.int32)
    for row, one in zip(padded, ids):
        row[: one.shape[1]] = one[0]
    lengths = np.array([one.shape[1] for one in ids], np.int32)
    found = head(padded, lengths=lengths).numpy()
    kernel, bias = (np.asarray(w) for w in head.label_projection.weights)
    for row, one in zip(found, ids):
        features, _ = head.backbone.features(one, head.backbone.initial_state(1))
        features = np.asarray(features, np.float64)[0]
        pooled = features.mean(0) if pooling == "mean" else features[-1]
        np.testing.assert_allclose(row, pooled @ kernel + bias, atol=1e-5)


def test_a_head_is_made_anew_of_its_config():
    head = head_on("lstm_lm", dropout=0.2)
    again = TextClassifier.from_config(head.get_config())
    again.build()
    for variable, value in zip(again.weights, head.weights, strict=True):
        variable.assign(value)
    ids = np.arange(6, dtype=np.int32)[None]
    np.testing.assert_allclose(again(ids), head(ids), atol=1e-6)
    assert again.num_parameters == head.num_parameters
    assert again.get_config() == head.get_config() and again.dropout == 0.2
    assert isinstance(again, keras.Model)


def test_the_report_agrees_with_scikit_learn():
    task, head = make_task(), head_on(next(iter(VARIANTS)))
    texts, labels = records(40)
    labels = [min(label, 2) for label in labels]  # of the third there is none
    split = split_of(texts, labels)
    report = task.evaluate(head, split, batch_size=7)
    logits = np.concatenate([head(np.array([[*text, 0]], np.int32)).numpy() for text in texts])
    probabilities = np.asarray(tf.nn.softmax(logits.astype(np.float64)))
    names, given = [LABELS[i - 1] for i in labels], [LABELS[i] for i in logits.argmax(1)]
    assert report.examples == 40
    assert report.figures["loss"] == pytest.approx(
        metrics.log_loss(names, probabilities, labels=LABELS), rel=1e-5
    )
    assert report.figures["accuracy"] == pytest.approx(metrics.accuracy_score(names, given))
    assert report.figures["macro_f1"] == pytest.approx(
        metrics.f1_score(names, given, labels=LABELS, average="macro", zero_division=0)
    )
    parts = metrics.precision_recall_fscore_support(names, given, labels=LABELS, zero_division=0)
    for label, *expected in zip(LABELS, *parts):
        found = report.labels[label]
        names_of = ("precision", "recall", "f1", "support")
        assert [found[name] for name in names_of] == pytest.approx(expected)
    assert "macro_f1" in report.summary() and "precision" in report.table()


def test_texts_that_are_too_long_are_cut_at_evaluation_and_refused_in_training():
    variant = next(name for name, (_, a) in VARIANTS.items() if "context_length" in a)
    task, head = make_task(), head_on(variant)
    limit = head.context_length
    split = split_of([[1] * limit, [2]], [1, 2])
    report = task.evaluate(head, split)
    assert report.examples == sum(found["support"] for found in report.labels.values()) == 2
    with pytest.raises(UserError, match=f"a text of {limit + 1} tokens where {limit} are the most"):
        task.batches(split, head)
    dropping = make_task(too_long="drop").batches(split, head)
    assert (dropping.num_examples, dropping.num_dropped) == (1, 1)


def test_a_text_with_its_end_may_be_as_long_as_the_models_context():
    variant = next(name for name, (_, a) in VARIANTS.items() if "context_length" in a)
    head = head_on(variant)
    task, limit = make_task(), head.context_length
    task.preprocessors["text"] = tokenizer = TOKENIZERS["character"].train(["abcdefghijklmnopq\n"])
    run = types.SimpleNamespace(task=task, model=head)
    longest, one_more = "b" * (limit - 1), "b" * limit
    found = answers.classify(run, [longest], 1)
    ids = [*tokenizer.encode(longest), tokenizer.end_id]
    assert found["labels"] == [[LABELS[head(np.array([ids], np.int32)).numpy().argmax()]]]
    message = f"text: expected at most {limit} tokens.* received {limit + 1} in number 2; shorten"
    with pytest.raises(UserError, match=message):
        answers.classify(run, [longest, one_more], 1)


def test_label_smoothing_is_of_the_objective_alone():
    head, (texts, labels) = head_on(next(iter(VARIANTS))), records(8)
    split, plain, smooth = split_of(texts, labels), make_task(), make_task(label_smoothing=0.3)
    batch = plain.batches(split, head, batch_size=64).batch(0)
    one, two = (task.sums(head, batch.features, (), training=True)[0] for task in (plain, smooth))
    np.testing.assert_allclose(one.figures["nll"], two.figures["nll"], rtol=1e-6)
    np.testing.assert_allclose(one.objective, one.figures["nll"], rtol=1e-6)
    assert np.abs(two.objective - one.objective).max() > 1e-3


def test_the_backbone_and_the_head_learn_and_its_own_output_layer_stays():
    task = make_task()
    head = head_on("lstm_lm")
    task.config.optimizer = OptimizerConfig(name="adam", learning_rate=0.05)
    texts, labels = records(24, seed=5)
    labels = [1 + sum(text) % 3 for text in texts]
    split = split_of(texts, labels)
    batches = task.batches(split, head, batch_size=32)
    step = TrainStep(task, head, batches, task.config)
    before = head.backbone.output_projection.weights[-1].numpy()
    losses = []
    for number in range(40):
        step(number, 0.05, batches.batch(number))
        sums = step.take_sums()
        losses.append(sums["nll"] / sums["weight"])
    assert losses[-1] < 0.5 * losses[0]
    np.testing.assert_array_equal(head.backbone.output_projection.weights[-1], before)


@pytest.fixture(scope="module")
def trained_run(tmp_path_factory):
    """A run on sentences whose label is one of their words."""
    folder = tmp_path_factory.mktemp("classification")
    rng = np.random.default_rng(0)
    words = "the film was long and we sat there".split()
    lines = []
    for number in range(300):
        label = LABELS[number % 3]
        text = [*rng.choice(words, 5), label]
        rng.shuffle(text)
        lines.append(f"{label} {' '.join(text)}\n")
    (folder / "reviews").write_text("".join(lines), encoding="utf-8")
    config = ExperimentConfig(
        corpus=CorpusConfig(
            "records",
            train_files=(str(folder / "reviews"),),
            fields=("label=1", "text=2"),
            validation_fraction=0.1,
            test_fraction=0.1,
        ),
        task=TaskConfig("text_classification"),
        model=ModelConfig("gru_lm", hidden_dim=16, num_layers=1),
        optimizer=OptimizerConfig(learning_rate=0.02),
        training=TrainingConfig(epochs=8, best_by="macro_f1", log_interval=20),
    )
    config.tokenizer.name = "word"
    config.data.cache_dir = str(folder / "cache")
    result = lm_zoo.train(config, folder / "run")
    assert result.best_by == "macro_f1" and result.best > 0.95
    return lm_zoo.load(folder / "run")


def test_a_run_classifies_what_it_has_never_seen(trained_run):
    report = trained_run.evaluate("test")
    assert report.figures["accuracy"] > 0.95 and report.corpus == "records"
    texts = ["we sat there and the film was good", "bad", "was the film fine"]
    found = trained_run.predict("classify", texts, k=3)
    assert [row[0] for row in found["labels"]] == ["good", "bad", "fine"]
    np.testing.assert_allclose(np.exp(found["log_probs"]).sum(1), 1, atol=1e-5)
    alone = [trained_run.predict("classify", [text])["log_probs"][0][0] for text in texts]
    np.testing.assert_allclose(alone, np.array(found["log_probs"])[:, 0], atol=1e-5)


@pytest.mark.parametrize(
    "inputs, message",
    [
        ({"k": 4}, "k: expected at most the 3 labels, received 4"),
        ({"k": 0}, "k: expected a whole number of at least 1.*received 0"),
        ({"n": 1}, "'n'"),
    ],
)
def test_what_cannot_be_asked_is_said(inputs, message, trained_run):
    with pytest.raises(UserError, match=message):
        trained_run.predict("classify", ["good"], **inputs)


def test_a_translation_model_is_no_backbone():
    model_class = lm_zoo.EncoderDecoder
    with pytest.raises(UserError, match="text_classification needs a language model.*encoder_dec"):
        TextClassification.check_model_class("encoder_decoder", model_class)


def test_the_head_is_made_as_the_arguments_say():
    task = make_task(pooling="last", dropout=0.2)
    head = task.with_head(build_model("gru_lm", vocab_size=VOCAB, hidden_dim=4))
    assert (head.num_classes, head.pooling, head.dropout) == (3, "last", 0.2)


def test_one_label_is_none_to_choose_from():
    task = make_task()
    task.preprocessors["label"] = LabelTokenizer(["only"])
    with pytest.raises(UserError, match="label: expected two or more labels.* only 'only'"):
        task.with_head(build_model("gru_lm", vocab_size=VOCAB, hidden_dim=4))
