"""The task of a run, until `Run` says it itself."""

from lm_zoo.data.fields import Field
from lm_zoo.tasks.language_modeling.predictions import PREDICTIONS as OF_LANGUAGE_MODELS
from lm_zoo.tasks.task import Task
from lm_zoo.tasks.translation.predictions import PREDICTIONS as OF_TRANSLATION


class _LanguageModeling(Task):
    name = "language_modeling"
    fields = (Field("text"),)
    predictions = OF_LANGUAGE_MODELS


class _Translation(Task):
    name = "translation"
    fields = (Field("source", shares="target"), Field("target"))
    predictions = OF_TRANSLATION

    def length_limits(self, model, max_length=0):
        longest = min(filter(None, (model.source_length, max_length)), default=None)
        return super().length_limits(model, max_length) | {"source": longest}


def task_of(run):
    """Returns a run's `Task`."""
    if run.model.reads_source:
        tokenizers = {"source": run.source_tokenizer, "target": run.tokenizer}
        return _Translation(run.config, tokenizers)
    return _LanguageModeling(run.config, {"text": run.tokenizer})
