"""The model card of an export that takes token ids: its tensors, and how a text is made by it."""

import importlib.metadata

from lm_zoo.export import model_card
from lm_zoo.export.new_folder import writing
from lm_zoo.templates import render


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
    return render("token_card.md", card=card, file_name=model_card.FILE_NAME)
