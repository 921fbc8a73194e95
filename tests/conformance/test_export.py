"""Every model and every tokenizer as a SavedModel: another process finds the same numbers."""

import pytest

from lm_zoo.config import ExperimentConfig, ModelConfig, TaskConfig
from lm_zoo.export.saved_model import PreparedExport
from lm_zoo.export.verification.verify import run_alone
from lm_zoo.registration import resolve
from lm_zoo.registry import build_model
from lm_zoo.runs.run_folder import RunFolder
from lm_zoo.tasks import task_class
from lm_zoo.text.tokenizers import TOKENIZERS
from tests.conformance.models import PAIR_VARIANTS, VARIANTS

TEXT = "the cat sat on the mat\nthe dog's hat was as red as 2 roses, \u20ac 3\n" * 40
SOURCE_TEXT = "die katze sa\u00df auf der matte, der hut des hundes war rot wie 2 rosen!\n"
SIZES = {"bpe": 300, "wordpiece": 80, "sentencepiece_bpe": 340, "sentencepiece_unigram": 340}
SMALLEST = ("rnn_lm", {"hidden_dim": 8, "num_layers": 1})
SOURCE_TOKENIZERS = {name: "character" for name in list(PAIR_VARIANTS)[1::2]}  # of every second
SMALLEST_PAIR_MODEL = ("recurrent_encoder_decoder", {"hidden_dim": 8, "num_layers": 1})
OF_TOKENIZERS = ("score", "token_logprobs", "generate")
QUICK = ("word",)  # whose graph is small, and which ends texts; the others take minutes together
STARTED = "sentencepiece_bpe, as Llama's"  # with a start token before every text and prompt
OTHERS = sorted(set(TOKENIZERS) - {"character", *QUICK})


def prepare(folder, variant, tokenizer_name, signatures=None):
    """Returns a `PreparedExport` of an untrained model, already written to the folder."""
    name, arguments = variant
    kind = tokenizer_name.partition(",")[0]
    tokenizer = TOKENIZERS[kind].train([TEXT], vocab_size=SIZES.get(kind, 0))
    if tokenizer_name == STARTED:
        tokenizer.bos_id = tokenizer.eos_id  # a token without text
    config = ExperimentConfig(model=ModelConfig(name, **arguments))
    return written(folder, config, {"text": tokenizer}, 5, signatures)


def prepare_pairs(folder, variant, tokenizer_name, source_tokenizer_name=None):
    """As `prepare`, of a model that translates; None is a joint tokenizer."""
    name, arguments = variant
    tokenizer = TOKENIZERS[tokenizer_name].train([TEXT], vocab_size=SIZES.get(tokenizer_name, 0))
    source_tokenizer = tokenizer
    if source_tokenizer_name:
        source_tokenizer = TOKENIZERS[source_tokenizer_name].train([SOURCE_TEXT])
        arguments = arguments | {"share_embeddings": False}
    config = ExperimentConfig(task=TaskConfig("translation"), model=ModelConfig(name, **arguments))
    return written(folder, config, {"source": source_tokenizer, "target": tokenizer}, 3)


def written(folder, config, preprocessors, factor, signatures=None):
    """Returns the `PreparedExport` of a task's model whose weights are times a factor."""
    task = task_class(config.task.name)(config, preprocessors)
    arguments = config.model.arguments | task.model_arguments()
    model = build_model(config.model.name, seed=1, **arguments)
    for weight in model.trainable_variables:
        if len(weight.shape) > 1:
            weight.assign(factor * weight)  # large enough that its choices are not all alike
    run = resolve(task.run_class)(RunFolder(folder), task, model, 0)
    prepared = PreparedExport(run, signatures=signatures)
    prepared.exported.save(folder)
    return prepared


def answered(root, prepared):
    """Returns `PreparedExport` and answers by name, from a process that loads what is needed."""
    (needs,) = {export.parity.needs for export in prepared.values()}
    asked = [(str(root / name), export.parity.all_calls()) for name, export in prepared.items()]
    answers = run_alone(asked, [needs] if needs else [])
    return dict(zip(prepared, zip(prepared.values(), answers, strict=True)))


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """Every model with one tokenizer, and a quick tokenizer with one model."""
    root = tmp_path_factory.mktemp("exports")
    prepared = {name: prepare(root / name, VARIANTS[name], "character") for name in VARIANTS}
    prepared |= {name: prepare(root / name, SMALLEST, name, OF_TOKENIZERS) for name in QUICK}
    return answered(root, prepared)


@pytest.fixture(scope="module")
def pair_exports(tmp_path_factory):
    """Every model that reads a source; one has a tokenizer for each side."""
    root = tmp_path_factory.mktemp("pair_exports")
    prepared = {
        name: prepare_pairs(root / name, PAIR_VARIANTS[name], "word", SOURCE_TOKENIZERS.get(name))
        for name in PAIR_VARIANTS
    }
    return answered(root, prepared)


@pytest.fixture(scope="module")
def other_exports(tmp_path_factory):
    """The other tokenizers with one model."""
    root, found = tmp_path_factory.mktemp("exports"), {}
    prepared = {
        name: prepare(root / name, SMALLEST, name, OF_TOKENIZERS) for name in (*OTHERS, STARTED)
    }
    for needs in ("", "tensorflow_text"):
        part = {n: export for n, export in prepared.items() if export.parity.needs == needs}
        found |= answered(root, part)
    return found


@pytest.fixture(scope="module")
def other_pair_exports(tmp_path_factory):
    """The other tokenizers with one model that reads a source."""
    root, found = tmp_path_factory.mktemp("pair_exports"), {}
    prepared = {name: prepare_pairs(root / name, SMALLEST_PAIR_MODEL, name) for name in OTHERS}
    for needs in ("", "tensorflow_text"):
        part = {n: export for n, export in prepared.items() if export.parity.needs == needs}
        found |= answered(root, part)
    return found


def check(name, prepared, answers):
    """Sees that everything asked for is as Python has it, and that all choices are equal."""
    report = prepared.parity.check_all(answers)
    assert set(report.largest_difference) == set(prepared.parity.names)
    assert max(report.largest_difference.values()) < 1e-4
    for choices in report.choices.values():
        assert choices.equal == choices.total >= 2 and not choices.tied
    print(name, {key: f"{value:.1e}" for key, value in report.largest_difference.items()})
    return report


@pytest.mark.parametrize("name", [*VARIANTS, *QUICK])
def test_an_export_gives_the_python_models_numbers_and_texts(exports, name):
    prepared, answers = exports[name]
    report = check(name, prepared, answers)
    assert "generate" in report.choices
    if prepared.model.context_length:  # there were windows, and a context that slides
        longest = max(
            len(prepared.run.tokenizer.encode(t)) for t in prepared.parity.records["text"]
        )
        assert longest > prepared.model.context_length


def check_translations(name, prepared, answers):
    report = check(name, prepared, answers)
    assert report.choices["translate"].total >= 8
    assert set(report.largest_difference) == {"translate", "score", "token_logprobs", "embed"}


@pytest.mark.parametrize("name", PAIR_VARIANTS)
def test_translations_and_scores_are_the_python_models(pair_exports, name):
    prepared, answers = pair_exports[name]
    check_translations(name, prepared, answers)
    lengths = {len(text) for text in answers[0]["texts"]["values"]}  # greedy ones
    assert len(lengths) > 3  # the model has something to say


@pytest.mark.slow
@pytest.mark.parametrize("name", [*OTHERS, STARTED])
def test_with_every_other_tokenizer_too(other_exports, name):
    check(name, *other_exports[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_translations_with_every_other_tokenizer_too(other_pair_exports, name):
    check_translations(name, *other_pair_exports[name])


def test_sentence_piece_alone_needs_more_than_tensorflow():
    assert {name for name, kind in TOKENIZERS.items() if kind.saved_model_needs} == {
        "sentencepiece_bpe",
        "sentencepiece_unigram",
    }
