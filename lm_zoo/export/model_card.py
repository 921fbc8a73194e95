"""The model card of a SavedModel: what it is, what it was made of, and how to call it."""

import dataclasses
import json
import sys

import keras
import tensorflow as tf

from lm_zoo import __version__, checkpoints
from lm_zoo.config import config_json
from lm_zoo.tasks.prediction import CARD_VERSION

FILE_NAME = "model_card.json"
FIELDS = "fields"  # the folder beside it


def model_card(run, name, weights, limits, loss, parity):
    """Returns the card as JSON-ready values, without what can be called.

    Args:
        run: The `Run`.
        name: What servers call the model.
        weights: The `StoredWeights`.
        limits: Field -> most tokens of a text, or None.
        loss: A `PrecisionLoss`, or None.
        parity: A dataclass: what was compared with the Python model.
    """
    task = run.task
    needs = saved_model_needs(task)
    return {
        "format_version": CARD_VERSION,
        "name": name,
        "made_by": versions(needs),
        "task": task.name,
        "fields": {field.name: _field(task, field, limits) for field in task.fields},
        "model": run.config.model.name,
        "parameters": run.model.num_parameters,
        "checkpoint_step": run.step,
        "precision": weights.precision,
        "weight_bytes": weights.num_bytes,
        "context_length": run.model.context_length,
        "saved_model_needs": needs,
        "data": run.folder.data_record(),
        "perplexity": {
            "best_validation": _best(run),
            "ledgers": run.folder.results_with("perplexity"),
            "translations": run.folder.results_with("bleu"),
            "precision_loss": loss and dataclasses.asdict(loss),
        },
        "parity": dataclasses.asdict(parity),
        "config": config_json.to_dict(run.config),
    }


def described_predictions(predictions, examples):
    """Returns what a card says of the predictions of an export.

    Args:
        predictions: Name -> `Prediction`, of those exported.
        examples: Name -> `(inputs, outputs)` of a call, each name -> tensor as JSON has it.
    """
    described = {}
    for name, prediction in predictions.items():
        inputs, outputs = examples[name]
        example = {"inputs": inputs, "outputs": outputs}
        described[name] = prediction.to_dict() | {"example": example}
    return described


def saved_model_needs(task):
    """Returns the package to import before a SavedModel of a task's preprocessors, or ""."""
    return max((each.saved_model_needs for each in task.preprocessors.values()), default="")


def _field(task, field, limits):
    """What a card says of a field, and of the tokenizer that its texts are read by."""
    tokenizer = task.preprocessors[field.name]
    return {
        "kind": field.kind,
        "shares": shared_field(task, field),
        "tokenizer": {"name": tokenizer.name, "fingerprint": tokenizer.fingerprint},
        "vocab_size": tokenizer.vocab_size,
        "start_ids": [int(token) for token in tokenizer.start_ids],
        "eos_id": tokenizer.eos_id,
        "unk_id": tokenizer.unk_id,
        "end_id": tokenizer.end_id,
        "max_length": limits.get(field.name),
    }


def shared_field(task, field):
    """Returns the name of the field whose tokenizer a field uses, "" where it has its own."""
    own = task.preprocessors[field.name]
    return field.shares if field.shares and task.preprocessors[field.shares] is own else ""


def write_tokenizers(task, folder):
    """Saves each field's own tokenizer to `FIELDS/NAME/tokenizer` in a folder."""
    for field in task.fields:
        if not shared_field(task, field):
            task.preprocessors[field.name].save(folder / FIELDS / field.name / "tokenizer")


def versions(needs):
    """Returns the versions of what an export was made by."""
    found = {
        "lm_zoo": __version__,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "python": ".".join(map(str, sys.version_info[:3])),
    }
    if needs in sys.modules:
        found[needs] = sys.modules[needs].__version__
    return found


def write(card, page, folder):
    """Writes the card as JSON, and as a page to read, Markdown, in a `pathlib.Path`."""
    text = json.dumps(card, indent=2, ensure_ascii=False) + "\n"
    (folder / FILE_NAME).write_text(text, encoding="utf-8")
    (folder / "README.md").write_text(page, encoding="utf-8")


def _best(run):
    best = checkpoints.read_best(run.folder.checkpoints)
    return best and {"step": best.step, "by": run.config.training.best_by, "value": best.value}
