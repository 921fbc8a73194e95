"""What a task says of itself is kept by the general code."""

import pytest

from lm_zoo.config import CorpusConfig, ExperimentConfig, config_checks
from lm_zoo.errors import UserError
from lm_zoo.experiment import prepared_task
from lm_zoo.tasks.language_modeling.task import LanguageModeling


def test_rows_that_need_each_other_are_not_accumulated(monkeypatch):
    config = ExperimentConfig(corpus=CorpusConfig("text_files", train_files=("there is none",)))
    config.runtime.micro_batches = 2
    config_checks.resolve(config)
    with pytest.raises(UserError, match="corpus.train_files"):
        prepared_task(config)
    monkeypatch.setattr(LanguageModeling, "rows_are_independent", False)
    message = "config.runtime.micro_batches: expected 1, since .*language_modeling.*, received 2"
    with pytest.raises(UserError, match=message):
        prepared_task(config)
