"""Texts and prompts to verify an export with: the run's own kind, and ones that are hard."""

from lm_zoo.errors import UserError

PLAIN = "It was a bright cold day, and the two of them walked on without a word.\n"
HARD = ("", "A", "Hello, world!\nÜber 100 € \u8a9e\u8a00 \U0001f642  twice, twice\n\n")
LONG = 600  # tokens: more than are read at once
SHORT, MEDIUM = 6, 40  # tokens
EXAMPLE = 60  # characters


def sample_texts(tokenizer, held_out, context_length=None):
    """Returns texts to score: hard ones, and held-out text short, longer, and beyond the context.

    Args:
        tokenizer: The run's tokenizer.
        held_out: Some of its held-out text; "" is plain English instead.
        context_length: The most tokens that the model holds, or None.
    """
    longest = LONG if context_length is None else context_length + context_length // 2 + 1
    ids = _token_ids(tokenizer, held_out, longest)
    cuts = (ids[:SHORT], ids[SHORT:MEDIUM], ids[:longest])
    return [*HARD, *(tokenizer.decode(cut) for cut in cuts)]


def sample_prompts(tokenizer, held_out, max_length=None):
    """Returns prompts to continue; after one of them the context is soon full.

    Args:
        tokenizer: The run's tokenizer.
        held_out: Some of its held-out text; "" is plain English instead.
        max_length: Most tokens of a prompt, or None.
    """
    longest = max(1, (max_length or MEDIUM) - 4)
    ids = _token_ids(tokenizer, held_out, longest)
    prompts = [tokenizer.decode(cut) for cut in (ids[:1], ids[:SHORT], ids[:longest])]
    fitting = [
        prompt
        for prompt in dict.fromkeys(prompts)
        if prompt and (max_length is None or len(tokenizer.encode_prompt(prompt)) <= max_length)
    ]
    return ["", *fitting] if len(tokenizer.start_ids) else fitting or prompts[:1]


def example_text(prompts):
    """Returns the longest of the prompts that is easily shown, or else the shortest."""
    shown = [prompt for prompt in prompts if 0 < len(prompt) <= EXAMPLE]
    return max(shown, key=len) if shown else min(prompts, key=len)


def held_out_text(run, num_tokens):
    """Returns the beginning of a run's validation text, "" where it has none."""
    try:
        return run.tokenizer.decode(run.tokens("validation").read(0, num_tokens))
    except UserError:
        return ""


def _token_ids(tokenizer, text, count):
    """Returns the tokens of a text, repeated until there are enough of them."""
    text = text or PLAIN + HARD[-1]
    ids = tokenizer.encode(text)
    if len(ids) < count:
        ids = tokenizer.encode(text * (1 + count // max(1, len(ids))))
    return ids
