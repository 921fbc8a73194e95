"""A program for `test_dealt_evaluation.py`: a process can split its CPU in one way only.

The arguments are names of models. Prints one line of JSON: for each model, context rule and number
of rows, the ledger on one device and on three replicas; and the texts generated on each, but for
models that read a source.
"""

import json
import sys

import numpy as np

from lm_zoo.config import RuntimeConfig
from lm_zoo.distribution.strategies import make_distribution
from lm_zoo.errors import UserError
from lm_zoo.evaluation.perplexity import Evaluator
from lm_zoo.generation import GenerationOptions, generate
from lm_zoo.registry import build_model
from lm_zoo.text.tokenizers import TOKENIZERS
from tests.conformance.models import TINY, TINY_PAIR_MODELS
from tests.small import example_split, token_split, translation

TEXT = "the cat sat on the mat\nthe dog sat on the cat\n" * 4
TOKENIZER = TOKENIZERS["character"].train([TEXT])
PROMPTS = ["the", "a c", "the dog sat", "t"]


def split():
    tokens = TOKENIZER.encode(TEXT)
    starts = np.array([0, 40, 43, 110, len(tokens) - 1], np.int64)
    return token_split(
        tokens,
        num_bytes=len(TEXT),
        num_words=56,
        text_sha256="a" * 64,
        document_starts=starts,
    )


def on(distribution, name):
    """Everything that is measured of one model on one distribution."""
    with distribution.strategy.scope():
        arguments = TINY[name] | {"num_layers": 1}  # one is traced faster
        model = build_model(name, vocab_size=TOKENIZER.vocab_size, seed=3, **arguments)
    found = {}
    rules = ["windows"] if model.context_length else ["carried", "windows"]
    for rule in rules:
        for rows, within in ((1, False), (7, False), (4, True)):
            evaluator = Evaluator(
                model, TOKENIZER, rows, 16, 5, rule, within, distribution=distribution
            )
            found[f"{rule} {rows} {within}"] = evaluator.evaluate(split()).to_dict()
    for options in (
        {"max_new_tokens": 40, "seed": 5, "num_return_sequences": 2},
        {"max_new_tokens": 8, "num_beams": 3, "temperature": 0.0},
    ):
        pieces = {}
        texts = generate(
            model,
            TOKENIZER,
            PROMPTS,
            GenerationOptions(**options),
            on_text=lambda row, piece: pieces.update({row: pieces.get(row, "") + piece}),
            devices=distribution.devices,
        )
        streamed = [pieces.get(row, "") for row in range(len(texts))]
        assert streamed == [text.text for text in texts]
        found[f"generated {len(texts)}"] = [text.text for text in texts]
    return found


def on_pairs(distribution, name):
    """The ledgers of a model that reads a source: each document given the one after it."""
    with distribution.strategy.scope():
        model = build_model(name, vocab_size=TOKENIZER.vocab_size, seed=3, **TINY_PAIR_MODELS[name])
    starts = np.cumsum([0, 9, 1, 20, 14, 7, 3, 5])
    tokens = TOKENIZER.encode(TEXT)
    sources, targets = (
        token_split(tokens[from_:], text_sha256="a" * 64, document_starts=starts)
        for from_ in (9, 0)
    )
    split, task = example_split(source=sources, target=targets), translation(TOKENIZER)
    return {
        f"pairs {rows}": task.evaluate(model, split, distribution, batch_size=rows).to_dict()
        for rows in (1, 4, 9)
    }


def main():
    three = make_distribution(RuntimeConfig(strategy="mirrored", logical_cpus=3))
    one = make_distribution(RuntimeConfig(strategy="one_device"))
    assert (three.num_replicas, one.num_replicas) == (3, 1)
    try:
        three.row_layout(2)
        raise AssertionError("two rows for three replicas")
    except UserError as error:
        too_few = str(error)
    results = {}
    for name in sys.argv[1:]:
        measure = on if name in TINY else on_pairs
        results[name] = {"one": measure(one, name), "three": measure(three, name)}
    print(json.dumps({"results": results, "too_few": too_few}))


if __name__ == "__main__":
    main()
