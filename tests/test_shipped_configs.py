"""Every config that ships can be loaded, and names a model that exists with arguments that fit."""

import ast
import pathlib

import pytest

import lm_zoo
from lm_zoo.config import config_checks, config_json
from lm_zoo.config.config_files import read_config, shipped_configs
from lm_zoo.data.corpora import CORPORA, load_corpus
from lm_zoo.models.arguments import check_arguments
from lm_zoo.registry import MODELS
from lm_zoo.tasks import task_class
from lm_zoo.text.tokenizers import TOKENIZERS

CONFIGS = shipped_configs()


def test_the_folder_is_found_and_none_is_left_out():
    folder = pathlib.Path(__file__).resolve().parents[1] / "configs"
    assert set(CONFIGS) == {p.stem for p in folder.glob("*.py") if p.stem != "__init__"}
    assert "quickstart_lstm" in CONFIGS


@pytest.mark.parametrize("name", CONFIGS)
def test_it_loads_and_names_what_exists(name):
    config = config_checks.resolve(read_config(name))
    assert config.name == name
    assert config.corpus.name in CORPORA
    assert config.tokenizer.name in TOKENIZERS
    model = MODELS[config.model.name]
    sized = model.SIZES[config.model.size] if config.model.size else {}
    arguments = check_arguments(model, sized | config.model.arguments)
    task_class(config.task.name).check_model_class(config.model.name, model)
    assert all(tokenizer.name in TOKENIZERS for tokenizer in config.tokenizers.values())
    if "context_length" in arguments and "sequence_length" in config.task.arguments:
        assert config.task.layout == "windows"
        assert config.task.sequence_length <= arguments["context_length"]
    assert config_json.from_dict(config_json.to_dict(config)) == config


@pytest.mark.parametrize("name", CONFIGS)
def test_its_docstring_gives_the_command(name):
    docstring = ast.get_docstring(ast.parse(CONFIGS[name].read_text(encoding="utf-8")))
    assert f"lm-zoo train --config={name} --workdir=" in docstring


@pytest.mark.parametrize(
    "name, folder, characters",
    [
        *[
            (name, "tinyshakespeare", 111_540)
            for name in CONFIGS
            if name.startswith("shakespeare_")
        ],
        *[(name, "wikitext-2", 1_120_192) for name in CONFIGS if name.startswith("wikitext2_")],
    ],
)
def test_its_text_is_read_from_a_folder(name, folder, characters, shared_data, tmp_path):
    config = read_config(name)
    config.corpus.data_dir = str(shared_data(folder))
    config.data.cache_dir = str(tmp_path)
    corpus = load_corpus(config.corpus, config.data.cache_dir)
    assert corpus.name == config.corpus.name
    assert len(corpus.text("validation")) == characters


def test_what_has_a_name_is_not_named_by_its_files():
    named = {name: read_config(name).corpus.name for name in CONFIGS}
    for name, corpus in named.items():
        assert corpus != "text_files", name
        assert not name.startswith("ptb_") or corpus == "ptb"


@pytest.mark.parametrize("name", ["quickstart_lstm", "quickstart_transformer"])
def test_the_quickstart_configs_train_a_step(name, tmp_path):
    config = read_config(name)
    config.training.steps = 1
    config.task.sample_length = 0
    config.data.cache_dir = str(tmp_path / "cache")
    config.evaluation.batch_size = 64
    result = lm_zoo.train(config, tmp_path / "run")
    assert result.step == 1 and result.best < 6.95
