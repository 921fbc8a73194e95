"""The pairs of validation and test as text, kept in a run's folder: what BLEU is counted on."""

import json
import pathlib

from lm_zoo import files
from lm_zoo.errors import UserError
from lm_zoo.input_files import open_input
from lm_zoo.json_files import NotJson, parse_json

HELD_OUT = ("validation", "test")


def write_held_out_pairs(corpus, directory):
    """Writes `validation.jsonl` and `test.jsonl`: an object with `source` and `target` a line.

    Args:
        corpus: The cleaned `PairCorpus`.
        directory: Where to.
    """
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    for split in HELD_OUT:
        lines = [
            json.dumps({"source": source, "target": target}, ensure_ascii=False) + "\n"
            for source, target in corpus.pairs(split)
        ]
        files.write_atomically(directory / f"{split}.jsonl", "".join(lines))


def read_held_out_pairs(directory, split):
    """Returns `(sources, targets)`, a list of strings each.

    Raises:
        UserError: If they are missing or damaged.
    """
    path = pathlib.Path(directory) / f"{split}.jsonl"
    try:
        with open_input(path) as file:
            pairs = [parse_json(line, {"source": str, "target": str}) for line in file]
        return [pair["source"] for pair in pairs], [pair["target"] for pair in pairs]
    except FileNotFoundError:
        raise UserError(f"workdir: {path} is missing; restore it.") from None
    except (OSError, NotJson) as error:
        files.raise_if_of_system(error)
        raise UserError(f"workdir: {path} is damaged ({error}); restore it.") from None
