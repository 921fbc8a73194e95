"""The task of a run, until `Run` says it itself."""

import copy

from lm_zoo.data.fields import Field
from lm_zoo.distribution.strategies import default_distribution
from lm_zoo.tasks.language_modeling.predictions import PREDICTIONS as OF_LANGUAGE_MODELS
from lm_zoo.tasks.task import Task
from lm_zoo.tasks.translation.predictions import PREDICTIONS as OF_TRANSLATION


class _LanguageModeling(Task):
    name = "language_modeling"
    fields = (Field("text"),)
    predictions = OF_LANGUAGE_MODELS
    functions_class = "lm_zoo.tasks.language_modeling.exported:LanguageModelFunctions"
    parity_class = "lm_zoo.tasks.language_modeling.parity:LanguageModelParity"


class _Translation(Task):
    name = "translation"
    fields = (Field("source", shares="target"), Field("target"))
    predictions = OF_TRANSLATION
    functions_class = "lm_zoo.tasks.translation.exported:TranslationFunctions"
    parity_class = "lm_zoo.tasks.translation.parity:TranslationParity"

    def length_limits(self, model, max_length=0):
        longest = min(filter(None, (model.source_length, max_length)), default=None)
        return super().length_limits(model, max_length) | {"source": longest}


def task_of(run):
    """Returns a run's `Task`."""
    if run.model.reads_source:
        tokenizers = {"source": run.source_tokenizer, "target": run.tokenizer}
        return _Translation(run.config, tokenizers)
    return _LanguageModeling(run.config, {"text": run.tokenizer})


def run_of(run, model):
    """Returns a run alike with another model, on the device that TensorFlow chooses."""
    found = copy.copy(run)
    found.model, found.distribution = model, default_distribution()
    return found


def records_of(run):
    """Returns the validation records of a run as text."""
    return list(zip(*run.pairs("validation")))
