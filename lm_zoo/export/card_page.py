"""The model card of a SavedModel as a page to read."""

import json

from lm_zoo.evaluation.ledger import Ledger
from lm_zoo.evaluation.ledger_table import written_figure
from lm_zoo.figures import few_tokens_mark, written
from lm_zoo.templates import render


def readable(card):
    """Returns the card in Markdown."""
    calls = {
        name: [*_shown(prediction["example"]["inputs"]), "->"]
        + [*_shown(prediction["example"]["outputs"])]
        for name, prediction in card["predictions"].items()
    }
    perplexities = _perplexities(card["perplexity"])
    return render("model_card.md", card=card, perplexities=perplexities, calls=calls)


def _perplexities(values):
    lines, best, loss = [], values["best_validation"], values["precision_loss"]
    if best:
        lines.append(f"- Best validation {best['by']} while training: {best['value']:.4f}.")
    for name, found in values["ledgers"].items():
        ledger = Ledger.from_dict(found)
        lines.append(
            f"- {name}: {written_figure(ledger, 'perplexity')} per token, "
            f"{written_figure(ledger, 'bits_per_byte')} bits per byte, "
            f"{ledger.tokens_scored:,} tokens scored, {ledger.tokens_not_scored:,} not."
            f"{few_tokens_mark(ledger.tokens_scored)}"
        )
    if loss:
        lines.append(
            f"- On {loss['tokens']:,} of {loss['split_tokens']:,} validation tokens: "
            f"{written(loss['before'])} by the run's weights, {written(loss['after'])} by those here."
        )
    return lines or ["None: the run has no held-out text, or was not evaluated."]


def _shown(tensors):
    """A line for each tensor, cut where it is long."""
    for name, tensor in tensors.items():
        values = tensor["values"]
        if tensor["dtype"] == "string":
            values = [value.encode("latin-1").decode("utf-8", "replace") for value in values]
        text = json.dumps(values if tensor["shape"] else values[0], ensure_ascii=False)
        yield f"{name}: {tensor['dtype']} {tensor['shape']} {text[:200]}"
