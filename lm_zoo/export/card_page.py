"""The model card of a SavedModel as a page to read."""

import json

from lm_zoo.evaluation.ledger import Ledger
from lm_zoo.evaluation.ledger_table import written_figure
from lm_zoo.figures import few_tokens_mark, written


def readable(card):
    """Returns the card in Markdown."""
    data, parity = card["data"], card["parity"]
    lines = [
        f"# {card['name']}",
        "",
        f"{_article(card['model'])} {card['model']} of {card['parameters']:,} parameters after "
        f"{card['checkpoint_step']:,} steps, with {card['precision']} weights "
        f"({card['weight_bytes']:,} bytes) and "
        f"{_vocabularies(card)}.",
        *_lengths(card),
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
        *_digests(data),
        *_tokenizers(card),
        "",
        "## Perplexity",
        "",
        *_perplexities(card["perplexity"]),
        *_translations(card["perplexity"]["translations"]),
        "",
        "## Parity",
        "",
        _verified(parity) + " Largest differences from the Python model:",
        "",
        *(f"- {name}: {value:.1e}" for name, value in parity["largest_difference"].items()),
        "",
        "## Signatures",
        "",
        "Each with an example call and its result. `serving_default` is "
        f"`{next(iter(card['predictions']))}`.",
    ]
    for name, prediction in card["predictions"].items():
        call = prediction["example"]
        lines += ["", f"### {name}", "", prediction["help"], ""]
        lines += [*_inputs(prediction["inputs"]), "", "```", *_shown(call["inputs"]), "->"]
        lines += [*_shown(call["outputs"]), "```"]
    return "\n".join(lines) + "\n"


def _article(name):
    return "An" if name.startswith(tuple("aeiou")) else "A"


def _vocabularies(card):
    """Says which tokenizers there are; fields that share one are named together."""
    own = {name: field for name, field in card["fields"].items() if not field["shares"]}
    return " and ".join(
        f"a {field['tokenizer']['name']} vocabulary of {field['vocab_size']:,} tokens"
        + (f" for {name}" if len(own) > 1 else "")
        for name, field in own.items()
    )


def _digests(data):
    """A line for each split of each field's text."""
    for name, field in data.get("fields", {}).items():
        for split, digest in field["sha256"].items():
            yield f"- {name} of {split}: sha256 {digest}"


def _tokenizers(card):
    """A line for each tokenizer."""
    for name, field in card["fields"].items():
        if not field["shares"]:
            yield f"- tokenizer of {name}: sha256 {field['tokenizer']['fingerprint']}"


def _lengths(card):
    """A line about the longest texts of each field."""
    for name, field in card["fields"].items():
        longest = field["max_length"]
        most = "any length" if longest is None else f"at most {longest:,} tokens"
        yield f"A {name} that is read whole has {most}."


def _inputs(inputs):
    """A line for each input: what it is, and its default."""
    for each in inputs:
        default = "" if each["default"] is None else f" Default: {json.dumps(each['default'])}."
        yield f"- `{each['name']}` ({each['dtype']}): {each['help']}{default}"


def _verified(parity):
    """A sentence about what was compared with the Python model."""
    compared = "".join(
        f"; {choices['equal']} of {choices['total']} {choices['what']} were identical, token by "
        "token"
        for choices in parity["choices"].values()
    )
    return f"A process with only TensorFlow read {parity['texts']} texts{compared}."


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


def _translations(results):
    """A line for each text that was translated and compared with its references."""
    for name, found in results.items():
        yield (
            f"- {name}: BLEU {found['bleu']:.2f} ({found['signatures']['bleu']}), chrF "
            f"{found['chrf']:.2f}, TER {found['ter']:.2f}, of {found['num_pairs']:,} translations."
        )


def _shown(tensors):
    """A line for each tensor, cut where it is long."""
    for name, tensor in tensors.items():
        values = tensor["values"]
        if tensor["dtype"] == "string":
            decoded = [value.encode("latin-1").decode("utf-8", "replace") for value in values]
            values = decoded
        text = json.dumps(values if tensor["shape"] else values[0], ensure_ascii=False)
        yield f"{name}: {tensor['dtype']} {tensor['shape']} {text[:200]}"
