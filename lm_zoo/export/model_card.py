"""The model card of a SavedModel: what it is, what it was made of, and how to call it."""

import dataclasses
import json
import sys

import keras
import tensorflow as tf

import lm_zoo
from lm_zoo import config as config_lib
from lm_zoo.errors import UserError
from lm_zoo.training import checkpoints

FORMAT_VERSION = 1
FILE_NAME = "model_card.json"


def model_card(run, name, exported, max_length, loss, parity, examples):
    """Returns the card as JSON-ready values.

    Args:
        run: The `Run`.
        name: What servers call the model.
        exported: The `ExportedModel`.
        max_length: Most tokens of a prompt, or None.
        loss: A `PrecisionLoss`, or None.
        parity: A `Parity`.
        examples: Signature -> `(inputs, outputs)` of a call, each name -> tensor as JSON has it.
    """
    tokenizer, weights = run.tokenizer, exported.weights
    return {
        "format_version": FORMAT_VERSION,
        "name": name,
        "made_by": versions(tokenizer.saved_model_needs),
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
        "saved_model_needs": tokenizer.saved_model_needs,
        "tokenizer": {"name": tokenizer.name, "fingerprint": tokenizer.fingerprint},
        "data": run.folder.data_record(),
        "perplexity": {
            "best_validation": _best(run),
            "ledgers": _ledgers(run),
            "precision_loss": loss and dataclasses.asdict(loss),
        },
        "parity": dataclasses.asdict(parity),
        "signatures": {
            name: {"inputs": inputs, "outputs": outputs}
            for name, (inputs, outputs) in examples.items()
        },
        "config": config_lib.to_dict(run.config),
    }


def versions(needs):
    """Returns the versions of what an export was made by."""
    found = {
        "lm_zoo": lm_zoo.__version__,
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


def readable(card):
    """Returns the card in Markdown."""
    data, parity = card["data"], card["parity"]
    limit = card["max_length"]
    lines = [
        f"# {card['name']}",
        "",
        f"A {card['model']} of {card['parameters']:,} parameters after {card['checkpoint_step']:,} "
        f"steps, with {card['precision']} weights ({card['weight_bytes']:,} bytes) and a "
        f"{card['tokenizer']['name']} vocabulary of {card['vocab_size']:,} tokens. Prompts have "
        f"{'any length' if limit is None else f'at most {limit:,} tokens'}.",
        "",
        "Made by "
        + ", ".join(f"{name} {number}" for name, number in card["made_by"].items())
        + ".",
        *(
            [f"Import `{card['saved_model_needs']}` before loading."]
            * bool(card["saved_model_needs"])
        ),
        "",
        "## Data",
        "",
        f"{data.get('corpus', 'not stated')} ({data.get('source', 'not stated')}). Licence: "
        f"{data.get('licence') or 'not stated'}.",
        "",
        *(f"- {split}: sha256 {digest}" for split, digest in data.get("sha256", {}).items()),
        f"- tokenizer: sha256 {card['tokenizer']['fingerprint']}",
        "",
        "## Perplexity",
        "",
        *_perplexities(card["perplexity"]),
        "",
        "## Parity",
        "",
        _verified(parity) + " Largest differences from the Python model:",
        "",
        *(f"- {name}: {value:.1e}" for name, value in parity["largest_difference"].items()),
        "",
        "## Signatures",
        "",
        "Each with a call that was made, and what it gave.",
    ]
    for name, call in card["signatures"].items():
        lines += ["", f"### {name}", "", "```", *_shown(call["inputs"]), "->"]
        lines += [*_shown(call["outputs"]), "```"]
    return "\n".join(lines) + "\n"


def _verified(parity):
    read = f"A process with TensorFlow alone read {parity['texts']} texts"
    if "generate" not in parity["largest_difference"]:
        return f"{read}."
    return (
        f"{read} and continued {parity['prompts']} prompts; {parity['equal_texts']} greedy texts "
        "were equal to `lm-zoo generate`'s, token for token."
    )


def _perplexities(values):
    lines, best, loss = [], values["best_validation"], values["precision_loss"]
    if best:
        lines.append(f"- Best validation loss while training: {best['nats_per_token']:.4f} nats.")
    for name, ledger in values["ledgers"].items():
        lines.append(
            f"- {name}: {ledger['perplexity']} per token, {ledger['bits_per_byte']} bits per byte, "
            f"{ledger['tokens_scored']:,} tokens scored, {ledger['tokens_not_scored']:,} not."
        )
    if loss:
        lines.append(
            f"- On {loss['tokens']:,} of {loss['split_tokens']:,} validation tokens: "
            f"{loss['before']:.4f} by the run's weights, {loss['after']:.4f} by those here."
        )
    return lines or ["None was measured: the run has no held-out text, or was not evaluated."]


def _shown(tensors):
    """A line for each tensor, cut where it is long."""
    for name, tensor in tensors.items():
        values = tensor["values"]
        if tensor["dtype"] == "string":
            decoded = [value.encode("latin-1").decode("utf-8", "replace") for value in values]
            values = decoded
        text = json.dumps(values if tensor["shape"] else values[0], ensure_ascii=False)
        yield f"{name}: {tensor['dtype']} {tensor['shape']} {text[:200]}"


def _best(run):
    best = checkpoints.read_best(run.folder.checkpoints)
    return best and {"step": best.step, "nats_per_token": best.value}


def _ledgers(run):
    """Returns the ledgers that `lm-zoo evaluate` left in the run's folder, by file name."""
    found = {}
    for path in sorted(run.folder.results.glob("*.json")):
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise UserError(f"results: {path} is damaged; evaluate the run anew.") from None
        if isinstance(values, dict) and "perplexity" in values:
            found[path.stem] = values
    return found
