"""The decoding loop on the real models and tokenizers: recurrent state and key/value cache."""

import gc
import weakref

import numpy as np
import pytest

from lm_zoo.evaluation.scoring import score_texts
from lm_zoo.generation import GenerationOptions, generate
from lm_zoo.registry import build_model
from lm_zoo.text.tokenizers import TOKENIZERS
from tests.conformance.models import TINY
from tests.generation.toy import from_scratch, log_softmax

TEXT = "the cat sat on the mat\nthe dog sat on the cat \u20ac\n" * 3
CHARACTERS = TOKENIZERS["character"].train([TEXT])
NAMES = ("lstm_lm", "transformer_decoder")  # recurrent state, and a cache within a context of 32


def build(name, vocab_size, scale=12.0):
    """A tiny model with weights large enough that its choices are not all alike."""
    model = build_model(name, vocab_size=vocab_size, seed=1, **TINY[name])
    for variable in model.trainable_variables:
        if len(variable.shape) > 1:
            variable.assign(scale * variable)
    return model


@pytest.fixture(scope="module", params=NAMES)
def model(request):
    return build(request.param, CHARACTERS.vocab_size)


def test_greedy_equals_reading_the_text_anew_for_every_token(model):
    prompt = "the cat"
    (result,) = generate(
        model, CHARACTERS, [prompt], GenerationOptions(max_new_tokens=20, temperature=0)
    )
    ids = CHARACTERS.encode(prompt).tolist()
    log_prob = 0.0
    for token in result.token_ids:
        logits = from_scratch(model, ids)
        assert token == np.argmax(logits)
        log_prob += log_softmax(logits)[token]
        ids.append(token)
    assert result.log_prob == pytest.approx(log_prob, abs=1e-3)
    assert len(set(result.token_ids)) > 2


@pytest.mark.parametrize("arguments", [{}, {"temperature": 0, "num_beams": 3}])
def test_a_text_does_not_depend_on_its_neighbours(model, arguments):
    prompts = ["the cat sat", "m", "dog\n", "", "the cat sat on the mat"]
    options = GenerationOptions(max_new_tokens=40, seed=4, **arguments)  # past 32: it slides
    together = generate(model, CHARACTERS, prompts, options)
    for prompt, result in zip(prompts, together, strict=True):
        (alone,) = generate(model, CHARACTERS, [prompt], options)
        assert result.token_ids == alone.token_ids
        assert result.log_prob == pytest.approx(alone.log_prob, abs=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_compiled_for_a_model_goes_with_it(name):
    model = build(name, CHARACTERS.vocab_size)
    for arguments in ({}, dict(temperature=0, num_beams=2), dict(num_beams=2, stop=("a",))):
        generate(model, CHARACTERS, ["the"], GenerationOptions(max_new_tokens=2, **arguments))
    score_texts(model, CHARACTERS, ["the"])
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


def test_beams_find_a_likelier_text_than_greedy(model):
    arguments = dict(temperature=0, max_new_tokens=8, length_penalty=0.0)
    (greedy,) = generate(model, CHARACTERS, ["the"], GenerationOptions(**arguments))
    (best,) = generate(model, CHARACTERS, ["the"], GenerationOptions(num_beams=50, **arguments))
    assert best.log_prob >= greedy.log_prob - 1e-4


@pytest.mark.parametrize("name", ["character", "byte", "word", "bpe"])
def test_pieces_make_up_what_the_tokenizer_decodes(name):
    tokenizer = TOKENIZERS[name].train([TEXT], vocab_size=300 if name == "bpe" else 0)
    model = build("lstm_lm", tokenizer.vocab_size)
    heard = {}
    options = GenerationOptions(max_new_tokens=60, num_return_sequences=2, seed=2, ignore_eos=True)
    results = generate(
        model,
        tokenizer,
        ["the cat", "mat\n", ""],
        options,
        lambda row, piece: heard.setdefault(row, []).append(piece),
    )
    for row, result in enumerate(results):
        assert "".join(heard[row]) == result.text
        prompt_ids = tokenizer.encode(result.prompt) if result.prompt else tokenizer.start_ids
        whole = tokenizer.decode_bytes([*prompt_ids, *result.token_ids])
        given = whole[len(tokenizer.decode_bytes(prompt_ids)) :]
        assert result.text == given.decode("utf-8", errors="replace")


def test_a_word_tokenizer_ends_a_text_at_the_end_of_its_line():
    tokenizer = TOKENIZERS["word"].train([TEXT])
    model = build("lstm_lm", tokenizer.vocab_size)
    options = GenerationOptions(max_new_tokens=500, seed=2, num_return_sequences=3)
    for result in generate(model, tokenizer, ["the cat"], options):
        assert result.finished_by == "eos" and result.token_ids[-1] == tokenizer.eos_id
        assert "\n" not in result.text and result.text.startswith(" ")
