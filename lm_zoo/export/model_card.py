"""The model card of a SavedModel: what it is, what it was made of, and how to call it."""

import dataclasses
import json
import sys

import keras
import tensorflow as tf

from lm_zoo import __version__, checkpoints, config_json
from lm_zoo.export.card_page import readable

FORMAT_VERSION = 1
FILE_NAME = "model_card.json"


def model_card(run, name, exported, max_length, loss, parity, examples, source_length=None):
    """Returns the card as JSON-ready values.

    Args:
        run: The `Run`.
        name: What servers call the model.
        exported: The `ExportedModel`.
        max_length: Most tokens of a prompt, or None.
        loss: A `PrecisionLoss`, or None.
        parity: A `Parity`, or `PairParity`.
        examples: Signature -> `(inputs, outputs)` of a call, each name -> tensor as JSON has it.
        source_length: Most tokens of a source, or None.
    """
    tokenizer, weights = run.tokenizer, exported.weights
    needs = tokenizer.saved_model_needs or run.source_tokenizer.saved_model_needs
    card = {
        "format_version": FORMAT_VERSION,
        "name": name,
        "made_by": versions(needs),
        "model": run.config.model.name,
        "parameters": run.model.num_parameters,
        "checkpoint_step": run.step,
        "precision": weights.precision,
        "weight_bytes": weights.num_bytes,
        "context_length": run.model.context_length,
        "max_length": max_length,
        "vocab_size": tokenizer.vocab_size,
        "start_ids": [int(token) for token in tokenizer.start_ids],
        "eos_id": tokenizer.eos_id,
        "unk_id": tokenizer.unk_id,
        "saved_model_needs": needs,
        "tokenizer": _described(tokenizer),
        "data": run.folder.data_record(),
        "perplexity": {
            "best_validation": _best(run),
            "ledgers": run.folder.results_with("perplexity"),
            "precision_loss": loss and dataclasses.asdict(loss),
        },
        "parity": dataclasses.asdict(parity),
        "signatures": {
            name: {"inputs": inputs, "outputs": outputs}
            for name, (inputs, outputs) in examples.items()
        },
        "config": config_json.to_dict(run.config),
    }
    if run.model.reads_source:
        card["translations"] = run.folder.results_with("bleu")
        card["end_id"] = tokenizer.end_id
        card["source"] = {
            "max_length": source_length,
            "vocab_size": run.source_tokenizer.vocab_size,
            "end_id": run.source_tokenizer.end_id,
            "tokenizer": _described(run.source_tokenizer),
            "is_shared": run.source_tokenizer is tokenizer,
        }
    return card


def _described(tokenizer):
    return {"name": tokenizer.name, "fingerprint": tokenizer.fingerprint}


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


def write(card, folder):
    """Writes the card as JSON, and as a page to read."""
    text = json.dumps(card, indent=2, ensure_ascii=False) + "\n"
    (folder / FILE_NAME).write_text(text, encoding="utf-8")
    (folder / "README.md").write_text(readable(card), encoding="utf-8")


def _best(run):
    best = checkpoints.read_best(run.folder.checkpoints)
    if best is None:
        return None
    if run.config.training.best_by == "bleu":
        return {"step": best.step, "bleu": best.value}
    return {"step": best.step, "nats_per_token": best.value}
