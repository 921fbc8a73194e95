"""The model card of a SavedModel as a page to read."""

import json

from lm_zoo.evaluation.ledger import Ledger
from lm_zoo.evaluation.ledger_table import written_figure
from lm_zoo.figures import few_tokens_mark, written

# Of a model that reads a source: what its signatures mean by text.
PAIRS = """\
`translate` takes sources and gives their translations. `score` is the log-probability, in nats, of
a target `text` after its `source`; the end of the text is one of its tokens. A score of `translate`
is the log-probability over the number of tokens to the power of `length_penalty`; a
`max_new_tokens` of 0 is twice the tokens of the source and 20 more."""


def readable(card):
    """Returns the card in Markdown."""
    data, parity = card["data"], card["parity"]
    lines = [
        f"# {card['name']}",
        "",
        f"{_article(card['model'])} {card['model']} of {card['parameters']:,} parameters after "
        f"{card['checkpoint_step']:,} steps, with {card['precision']} weights "
        f"({card['weight_bytes']:,} bytes) and "
        f"a {card['tokenizer']['name']} vocabulary of {card['vocab_size']:,} tokens. "
        f"{_lengths(card)}",
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
        *_tokenizers(card),
        "",
        "## Perplexity",
        "",
        *_perplexities(card["perplexity"]),
        *_translations(card.get("translations", {})),
        "",
        "## Parity",
        "",
        _verified(parity) + " Largest differences from the Python model:",
        "",
        *(f"- {name}: {value:.1e}" for name, value in parity["largest_difference"].items()),
        "",
        "## Signatures",
        "",
        "Each with a call that was made, and what it gave. `serving_default` is "
        f"`{next(iter(card['signatures']))}`.",
        *(["", PAIRS] if "source" in card else []),
    ]
    for name, call in card["signatures"].items():
        lines += ["", f"### {name}", "", "```", *_shown(call["inputs"]), "->"]
        lines += [*_shown(call["outputs"]), "```"]
    return "\n".join(lines) + "\n"


def _article(name):
    return "An" if name.startswith(tuple("aeiou")) else "A"


def _tokenizers(card):
    """A line for each tokenizer."""
    yield f"- tokenizer: sha256 {card['tokenizer']['fingerprint']}"
    if "source" in card and not card["source"]["is_shared"]:
        yield f"- tokenizer of sources: sha256 {card['source']['tokenizer']['fingerprint']}"


def _lengths(card):
    """A sentence about the longest texts."""

    def at_most(limit):
        return "any length" if limit is None else f"at most {limit:,} tokens"

    if "source" not in card:
        return f"Prompts have {at_most(card['max_length'])}."
    source = card["source"]
    kind = ""
    if not source["is_shared"]:
        kind = f", of a {source['tokenizer']['name']} vocabulary of {source['vocab_size']:,}"
    return (
        f"It reads sources of {at_most(source['max_length'])}{kind}, and writes targets of "
        f"{at_most(card['max_length'])}, their ends included."
    )


def _verified(parity):
    """A sentence about what was compared with the Python model."""
    read = f"A process with TensorFlow alone read {parity['texts']} texts"
    if parity.get("translations"):
        return (
            f"{read} and made {parity['translations']} translations, greedily and by beam search; "
            f"{parity['equal_translations']} were equal to `lm-zoo translate`'s, token for token."
        )
    if "generate" in parity["largest_difference"]:
        return (
            f"{read} and continued {parity['prompts']} prompts; {parity['equal_texts']} greedy "
            "texts were equal to `lm-zoo generate`'s, token for token."
        )
    return f"{read}."


def _perplexities(values):
    lines, best, loss = [], values["best_validation"], values["precision_loss"]
    if best and "bleu" in best:
        lines.append(f"- Best validation BLEU while training: {best['bleu']:.2f}.")
    elif best:
        lines.append(f"- Best validation loss while training: {best['nats_per_token']:.4f} nats.")
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
    return lines or ["None was measured: the run has no held-out text, or was not evaluated."]


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
