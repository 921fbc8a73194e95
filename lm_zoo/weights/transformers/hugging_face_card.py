"""The model card of a folder for transformers: a README with the front matter that hubs read."""

import json

from lm_zoo import __version__, checkpoints


def model_card(run, kind, class_name):
    """Returns the card in Markdown.

    Args:
        run: The `Run`.
        kind: `gpt2` or `llama`.
        class_name: transformers' class of the model.
    """
    model, tokenizer, data = run.model, run.tokenizer, run.folder and run.folder.data_record() or {}
    digests = data.get("fields", {}).get("text", {}).get("sha256", {})
    name = run.folder.path.resolve().name if run.folder else run.config.name
    front = {"library_name": "transformers", "pipeline_tag": "text-generation"}
    front |= {"tags": ["lm_zoo", kind]}
    lines = ["---", *(f"{key}: {json.dumps(value)}" for key, value in front.items()), "---", ""]
    lines += [
        f"# {name}",
        "",
        f"A {class_name} of {model.num_parameters:,} parameters after {run.step:,} steps, with a "
        f"{tokenizer.name} vocabulary of {tokenizer.vocab_size:,} tokens and texts of up to "
        f"{model.context_length:,}. Written by "
        f"lm_zoo {__version__}.",
        "",
        "## Use",
        "",
        *_use(tokenizer),
        "",
        "## Data",
        "",
        f"{data.get('corpus', 'not stated')} ({data.get('source', 'not stated')}). Licence: "
        f"{data.get('licence') or 'not stated'}.",
        "",
        *(f"- {split}: sha256 {digest}" for split, digest in digests.items()),
        f"- tokenizer: sha256 {tokenizer.fingerprint}",
        "",
        "## Perplexity",
        "",
        *_perplexities(run),
    ]
    if model.vocab_padding:
        lines += [
            "",
            f"The last {model.vocab_padding:,} of {model.num_rows:,} rows belong to no token; "
            "they are part of the softmax.",
        ]
    return "\n".join(lines) + "\n"


def _use(tokenizer):
    if tokenizer.name != "bpe":
        yield (
            "`lm_zoo_tokenizer.json` is its tokenizer, and `lm-zoo import` reads this folder. The "
            "weights take token ids:"
        )
        yield ""
    yield "```python"
    yield "from transformers import AutoModelForCausalLM, AutoTokenizer"
    yield ""
    yield 'model = AutoModelForCausalLM.from_pretrained(".")'
    if tokenizer.name == "bpe":
        yield 'tokenizer = AutoTokenizer.from_pretrained(".")'
        yield 'ids = tokenizer("The", return_tensors="pt")["input_ids"]'
        yield "print(tokenizer.decode(model.generate(ids, max_new_tokens=20)[0]))"
    yield "```"


def _perplexities(run):
    if run.folder is None:
        return ["Not evaluated."]
    best, lines = checkpoints.read_best(run.folder.checkpoints), []
    if best is not None:
        lines.append(f"- Best validation loss while training: {best.value:.4f} nats.")
    for name, ledger in run.folder.results_with("perplexity").items():
        lines.append(
            f"- {name}: {ledger['perplexity']} per token, {ledger['tokens_scored']:,} tokens "
            f"scored, {ledger['tokens_not_scored']:,} not."
        )
    return lines or ["None: the run has no held-out text, or was not evaluated."]
