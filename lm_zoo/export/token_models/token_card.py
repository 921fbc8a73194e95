"""The model card of an export that takes token ids: its tensors, and how a text is made by it."""

import importlib.metadata

from lm_zoo.export import model_card
from lm_zoo.export.new_folder import writing

HOW = """\
## How to use it

Texts are turned into token ids and back by the {tokenizer} tokenizer in `fields/text/tokenizer/`,
one JSON file (`lm_zoo.text.tokenizers.load_tokenizer` reads it). What begins a text: {start_ids}. What ends
one: {eos_id}.

- `score`: `log_probs[:, t]` is the log-probability, in nats, of `token_ids[:, t + 1]` after all
  before it. Fill up short rows with any token; what it gives there means nothing.
- `decode`: give one token of each row and the state, and get the logits of the next token and the
  `next_state_0, ...` to give with it as `state_0, ...`. The state before the first token is zeros;
  {room}.
"""


def write_card(run, functions, length, parity, files, packages, folder):
    """Writes the card as JSON and as a page to read, and the tokenizer beside it.

    Args:
        run: The `Run`.
        functions: The `TokenFunctions`.
        length: Most tokens that `score` reads and a state holds, or None for any number.
        parity: A `TokenParity`.
        files: Function name -> the file that it is in.
        packages: Names of those that it was made and verified by, beside TensorFlow.
        folder: Where to, a `pathlib.Path`.
    """
    name = run.folder.path.resolve().name
    card = model_card.model_card(run, name, functions.weights, {"text": length}, None, parity)
    card["files"] = files
    card["functions"] = {}
    card["made_by"] |= {package: importlib.metadata.version(package) for package in packages}
    for function in files:
        concrete = getattr(functions, function).get_concrete_function()
        inputs = concrete.structured_input_signature[0]
        card["functions"][function] = {
            "inputs": {spec.name: _described(spec) for spec in inputs},
            "outputs": {
                name: _described(spec) for name, spec in concrete.structured_outputs.items()
            },
        }
    with writing(folder):
        model_card.write_tokenizers(run.task, folder)
        model_card.write(card, readable(card), folder)


def _described(spec):
    return {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}


def readable(card):
    """Returns the card in Markdown."""
    parity, data, field = card["parity"], card["data"], card["fields"]["text"]
    differences = parity["largest_difference"]
    lines = [
        f"# {card['name']}",
        "",
        f"A {card['model']} of {card['parameters']:,} parameters after {card['checkpoint_step']:,} "
        f"steps on {data.get('corpus', 'a corpus not stated')} (licence: "
        f"{data.get('licence') or 'not stated'}), with a vocabulary of {field['vocab_size']:,} "
        f"tokens. `{model_card.FILE_NAME}` has the config, checksums, perplexities and versions.",
        "",
        f"The runtime scored {parity['tokens']:,} tokens and made {parity['steps']:,} steps of "
        "decoding when this was written. Largest differences from the Python model's "
        f"log-probabilities: score {differences['score']:.1e}, decode {differences['decode']:.1e}.",
        "",
        HOW.format(
            tokenizer=field["tokenizer"]["name"],
            start_ids=f"the tokens {field['start_ids']}" if field["start_ids"] else "nothing",
            eos_id="nothing" if field["eos_id"] is None else f"the token {field['eos_id']}",
            room=_room(card),
        ),
        "## Tensors",
    ]
    for name, tensors in card["functions"].items():
        lines += ["", f"### {name} (in {card['files'][name]})", ""]
        for way, arrow in (("inputs", "in"), ("outputs", "out")):
            for tensor, described in tensors[way].items():
                shape = ", ".join(
                    "any" if size is None else str(size) for size in described["shape"]
                )
                lines.append(f"- {arrow}: `{tensor}`, {described['dtype']} ({shape})")
    return "\n".join(lines) + "\n"


def _room(card):
    if card["context_length"] is None:
        return "its size does not depend on the text's length"
    longest = card["fields"]["text"]["max_length"]
    if longest is None:
        return (
            f"it holds as many tokens as its tensors have slots, at most {card['context_length']:,}"
        )
    return f"it holds {longest:,} tokens"
