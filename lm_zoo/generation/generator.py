"""The one entrance to generation: prompts in, texts out, for every model and every strategy."""

import dataclasses
import time

import numpy as np
import tensorflow as tf

from lm_zoo.errors import UserError
from lm_zoo.generation.decoding import MAX_STEPS, decoder_of
from lm_zoo.generation.decoding_loop import STOP_STEPS, Decoding
from lm_zoo.generation.multi_device import one_at_a_time, scatter_rows
from lm_zoo.generation.options import GenerationOptions
from lm_zoo.generation.random_keys import draws, padded, row_keys
from lm_zoo.generation.rows import Row, last_tokens, tokens_seen
from lm_zoo.generation.samplers import SamplingSettings
from lm_zoo.generation.search.prompt_search import search_beams
from lm_zoo.limits import BATCH_SIZE
from lm_zoo.text.checks import require_strings, require_unicode, require_vocabulary

PATIENCE = 0.03  # seconds that text to be streamed may come late


@dataclasses.dataclass
class Generated:
    """One generated text.

    Attributes:
        prompt: What it goes on from.
        text: The continuation, without prompt, end token and stop string.
        token_ids: The generated tokens, those of an end token or stop string included.
        log_prob: Sum of the model's own log-probabilities of `token_ids`, in nats: at temperature
            1, without filter and penalty.
        finished_by: `length`, `eos` or `stop`.
        sample: Which of the prompt's texts; with beam search 0 is the best.
    """

    prompt: str
    text: str
    token_ids: list[int]
    log_prob: float
    finished_by: str
    sample: int = 0

    def __str__(self):
        return self.prompt + self.text


def generate(
    model, tokenizer, prompts, options=None, on_text=None, batch_size=BATCH_SIZE, devices=()
):
    """Generates texts that go on from prompts.

    A text is a function of model, prompt, options, the sample's index, and how many equal prompts
    stand before its own: equal prompts get different texts, the first the one that it gets alone.
    Other prompts change nothing (beyond the last bits of floating-point sums). A text that outgrows
    the model's `context_length` goes on from its last `context_length // 2` tokens, read into a
    fresh state.

    Args:
        model: A built `LanguageModel`.
        tokenizer: The tokenizer it was trained with.
        prompts: A list of strings, read as `tokenizer.encode_prompt` gives them: an empty one
            stands for the start of a text.
        options: `GenerationOptions`.
        on_text: Called as `on_text(row, piece)` when text of a row is certain, where `row` is
            `prompt index * num_return_sequences + sample`. The pieces of a row make up its text.
            Beam search knows its text at the end alone, and gives it as one piece.
        batch_size: Texts (with beam search: prompts) that are generated at once on a device.
        devices: Names of the devices that the texts are spread over; none is the one that TensorFlow
            chooses. The model's parameters have to be on each.

    Returns:
        A list of `Generated`, a prompt's `num_return_sequences` texts one after the other.

    Raises:
        UserError: For options or prompts that cannot be used.
    """
    options = (options or GenerationOptions()).validate()
    model.check_reads(sources=False)
    prompt_ids = _encode(model, tokenizer, prompts, options.special_tokens)
    if options.num_beams > 1:
        rows = [Row(i, 0, 0, ids, tokenizer, options) for i, ids in enumerate(prompt_ids)]
        grow = _search
    else:
        count = options.num_return_sequences
        firsts = draws(map(tuple, prompt_ids), count)
        rows = [
            Row(number * count + sample, sample, first + sample, ids, tokenizer, options)
            for number, (ids, first) in enumerate(zip(prompt_ids, firsts))
            for sample in range(count)
        ]
        grow = _sample
    decoder = decoder_of(model)
    on_text = on_text and one_at_a_time(on_text)
    grown = scatter_rows(
        lambda part: grow(decoder, part, options, on_text), rows, batch_size, devices
    )
    return [
        Generated(
            prompts[row.number // options.num_return_sequences],
            *(row.stream.text, row.generated_ids, row.log_prob, row.finished_by, row.sample),
        )
        for row in grown
    ]


def _sample(decoder, rows, options, on_text):
    """Lets the rows grow together until each has finished; returns them."""
    prompts = padded([row.token_ids for row in rows])
    draw = np.array([row.draw for row in rows], np.int32)
    settings = SamplingSettings.from_options(options, row_keys(*prompts, options.seed, draw))
    most_tokens = np.full(len(rows), options.max_new_tokens, np.int32)
    eos_id = -1 if rows[0].eos_id is None else rows[0].eos_id
    penalizes = options.repetition_penalty != 1
    state, features = decoder.prefill(rows, options.max_new_tokens)
    decoding = Decoding(
        state=state,
        tokens=last_tokens(rows),
        token_index=np.zeros(len(rows), np.int32),
        active=np.full(len(rows), True),
        seen=tokens_seen(rows, decoder.vocab_size) if penalizes else (),
    )
    decoding, tokens, log_probs = decoder.first_step(
        features, decoding, settings, most_tokens, eos_id
    )
    _accept(rows, tokens[:, None], log_probs[:, None], on_text)
    num_steps = 1 if on_text else min(STOP_STEPS if options.stop else MAX_STEPS, most_tokens[0])
    while not all(row.finished_by for row in rows):
        begun = time.monotonic()
        active = tf.constant([not row.finished_by for row in rows])
        decoding, steps = decoder.decode(
            decoding._replace(active=active), settings, num_steps, most_tokens, eos_id
        )
        _accept(rows, steps.tokens, steps.log_probs, on_text)
        if on_text and time.monotonic() - begun < PATIENCE / 2:
            num_steps = min(2 * num_steps, STOP_STEPS)
    return rows


def _accept(rows, tokens, log_probs, on_text):
    """Gives the rows what some steps made, `(batch, steps)`, until each has finished."""
    for row, row_tokens, row_log_probs in zip(rows, tokens.numpy(), log_probs.numpy()):
        for token, log_prob in zip(row_tokens, row_log_probs):
            if row.finished_by:
                break
            piece = row.accept(int(token), float(log_prob))
            if piece and on_text:
                on_text(row.number, piece)


def _search(decoder, rows, options, on_text):
    """Beam search from the rows; returns each one's best `num_return_sequences` texts, as rows."""
    results = []
    for prompt, found in enumerate(search_beams(decoder, rows, options)):
        first = rows[prompt].number * options.num_return_sequences
        for rank, row in enumerate(found):
            row.sample, row.number = rank, first + rank
            if row.stream.text and on_text:
                on_text(row.number, row.stream.text)
            results.append(row)
    return results


def _encode(model, tokenizer, prompts, special_tokens):
    """Returns each prompt's token ids; checks all before anything is generated."""
    require_strings("prompts", prompts)
    require_vocabulary(tokenizer, model.vocab_size)
    return [
        _encode_one(model, tokenizer, f"prompt {number}", prompt, special_tokens)
        for number, prompt in enumerate(prompts, 1)
    ]


def _encode_one(model, tokenizer, name, prompt, special_tokens):
    require_unicode(name, prompt)
    ids = [int(token) for token in tokenizer.encode_prompt(prompt, special_tokens)]
    if not ids:
        raise UserError(
            f"{name}: expected text, received {prompt!r}, but this tokenizer has no begin token; "
            "give a prompt."
        )
    limit = model.context_length
    if limit is not None and len(ids) > limit:
        raise UserError(
            f"{name}: expected at most {limit} tokens (the model's context_length), received "
            f"{len(ids)}; shorten the prompt."
        )
    return ids
