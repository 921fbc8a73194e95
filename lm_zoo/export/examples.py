"""One small call of each signature: shown on the model card, and made for warming up."""

from lm_zoo.export.verification import tensor


def example_calls(signatures, text, vocab_size):
    """Returns signature -> inputs, name -> tensor as JSON has it.

    Args:
        signatures: Names.
        text: A short text of the run's kind, at least a token long.
        vocab_size: The most tokens that can be asked for.
    """
    inputs = {
        "score": {"text": tensor([text])},
        "token_logprobs": {"text": tensor([text])},
        "next_token": {"text": tensor([text]), "k": tensor(min(3, vocab_size))},
        "generate": {
            "prompt": tensor([text]),
            "max_new_tokens": tensor(16),
            "temperature": tensor(0.8),
            "top_k": tensor(0),
            "top_p": tensor(0.95),
            "seed": tensor(1),
            "stop": tensor(""),
        },
        "embed": {"text": tensor([text])},
    }
    return {name: inputs[name] for name in signatures}


def example_pair_calls(signatures, source, target):
    """As `example_calls`, of a model that reads a source.

    Args:
        signatures: Names.
        source: A short source.
        target: A target of it.
    """
    inputs = {
        "translate": {
            "text": tensor([source]),
            "num_beams": tensor(4),
            "max_new_tokens": tensor(0),
            "length_penalty": tensor(1.0),
            "num_return_sequences": tensor(2),
        },
        "score": {"text": tensor([target]), "source": tensor([source])},
        "token_logprobs": {"text": tensor([target]), "source": tensor([source])},
        "embed": {"text": tensor([source])},
    }
    return {name: inputs[name] for name in signatures}
