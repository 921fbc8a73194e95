"""The decoding loop on models whose every probability is known."""

import dataclasses
import gc
import itertools
import weakref

import numpy as np
import pytest
import tensorflow as tf

from lm_zoo.errors import UserError
from lm_zoo.generation import GenerationOptions, generate
from lm_zoo.generation.decoding import decoder_of
from lm_zoo.generation.decoding_loop import Decoding, decode
from lm_zoo.generation.decoding_state import prefill
from lm_zoo.generation.random_keys import row_keys
from lm_zoo.generation.samplers import SamplingSettings
from tests.generation.toy import (
    BigramModel,
    BoundedModel,
    PieceTokenizer,
    TrigramModel,
    chain,
    from_scratch,
    letters,
    log_softmax,
)

RNG = np.random.default_rng(5)
BIGRAM = BigramModel(RNG.normal(size=(5, 5)))
TRIGRAM = TrigramModel(2 * RNG.normal(size=(6, 6, 6)))


def greedy_by_hand(model, prompt_ids, number):
    ids, log_prob = list(prompt_ids), 0.0
    for _ in range(number):
        logits = from_scratch(model, ids)
        ids.append(int(np.argmax(logits)))
        log_prob += log_softmax(logits)[ids[-1]]
    return ids[len(prompt_ids) :], log_prob


@pytest.mark.parametrize("model", [TRIGRAM, BoundedModel(6, 40)])
def test_greedy_equals_reading_the_text_anew_for_every_token(model):
    tokenizer = letters(6)
    for prompt in ("a", "fade", "bad" * 4):
        options = GenerationOptions(max_new_tokens=20, temperature=0)
        (result,) = generate(model, tokenizer, [prompt], options)
        ids, log_prob = greedy_by_hand(model, tokenizer.encode(prompt), 20)
        assert result.token_ids == ids
        assert result.text == tokenizer.decode(ids)
        assert result.log_prob == pytest.approx(log_prob, abs=1e-4)
        assert (result.prompt, result.finished_by) == (prompt, "length")


def test_sampled_texts_have_the_models_distribution():
    options = GenerationOptions(max_new_tokens=2, num_return_sequences=4000, seed=3)
    results = generate(BIGRAM, letters(5), ["b"], options, batch_size=4000)
    probabilities = np.exp(log_softmax(BIGRAM.table))
    joint = probabilities[1][:, None] * probabilities
    counts = np.zeros((5, 5))
    for result in results:
        first, second = result.token_ids
        counts[first, second] += 1
        assert result.log_prob == pytest.approx(np.log(joint[first, second]), abs=1e-4)
    assert np.sum((counts - 4000 * joint) ** 2 / (4000 * joint)) < 58  # 24 degrees: p > 1e-4


def test_prompts_of_one_call_draw_on_their_own():
    """All end alike, so that one distribution holds for all; only the prompts' beginnings differ."""
    prompts = ["".join(letters) + "b" for letters in itertools.product("abcde", repeat=4)]
    options = GenerationOptions(max_new_tokens=2, seed=3)
    results = generate(BIGRAM, letters(5), prompts, options, batch_size=1000)
    probabilities = np.exp(log_softmax(BIGRAM.table))
    expected = len(prompts) * probabilities[1][:, None] * probabilities
    counts = np.zeros((5, 5))
    for result in results:
        counts[tuple(result.token_ids)] += 1
    assert np.sum((counts - expected) ** 2 / expected) < 58  # 24 degrees: p > 1e-4


def test_filters_and_penalty_reach_the_loop():
    options = dict(max_new_tokens=30, num_return_sequences=20, seed=1)
    for result in generate(BIGRAM, letters(5), ["a"], GenerationOptions(top_k=2, **options)):
        for before, token in zip([0, *result.token_ids], result.token_ids):
            assert token in np.argsort(-BIGRAM.table.numpy()[before])[:2]
    # All logits are positive: a large penalty makes unseen tokens win; the prompt's are seen.
    model = BigramModel(np.full((5, 5), 3.0) + np.eye(5))
    options = GenerationOptions(max_new_tokens=3, temperature=0, repetition_penalty=100.0)
    (result,) = generate(model, letters(5), ["ac"], options)
    assert result.token_ids == [1, 3, 4]


@pytest.mark.parametrize("model", [TRIGRAM, BoundedModel(6, 10)])
def test_a_text_does_not_depend_on_its_neighbours(model):
    tokenizer = letters(6)
    prompts = ["a", "fadedcab", "bad", "a", "cabbed"]
    options = GenerationOptions(max_new_tokens=25, num_return_sequences=2, seed=9, top_p=0.9)
    together = generate(model, tokenizer, prompts, options)
    alone = [r for prompt in prompts for r in generate(model, tokenizer, [prompt], options)]
    # A prompt given a second time has the samples that come after those of the first.
    more = dataclasses.replace(options, num_return_sequences=4)
    alone[6:8] = generate(model, tokenizer, ["a"], more)[2:]
    for one, other in zip(together, alone, strict=True):
        assert one.token_ids == other.token_ids and one.prompt == other.prompt
        assert one.log_prob == pytest.approx(other.log_prob, abs=1e-4)
    backwards = generate(model, tokenizer, prompts[::-1], options, batch_size=3)
    texts, turned = [[result.text for result in results] for results in (together, backwards)]
    assert turned == texts[8:] + texts[:2] + texts[4:6] + texts[2:4] + texts[6:8]
    assert len(set(texts[:2] + texts[6:8])) == 4


def test_the_seed_decides_and_samples_differ():
    def texts(seed):
        options = GenerationOptions(max_new_tokens=30, num_return_sequences=3, seed=seed)
        return [result.text for result in generate(TRIGRAM, letters(6), ["a"], options)]

    assert texts(1) == texts(1)
    assert texts(1) != texts(2)
    assert len(set(texts(1))) == 3
    longer = GenerationOptions(max_new_tokens=40, num_return_sequences=5, seed=1)
    more = [result.text for result in generate(TRIGRAM, letters(6), ["a"], longer)]
    assert [text[:30] for text in more[:3]] == texts(1)  # more and longer: the same texts go on


@pytest.mark.parametrize("context_length", [1, 2, 7, 8])
def test_a_full_context_goes_on_from_its_second_half(context_length):
    model = BoundedModel(6, context_length, seed=2)
    prompt = letters(6).encode("fadedcab"[: min(5, context_length)])
    ids, window = list(prompt), list(prompt)
    for _ in range(30):
        if len(window) > context_length:
            window = window[-max(1, context_length // 2) :]
        ids.append(int(np.argmax(from_scratch(model, window))))
        window.append(ids[-1])
    options = GenerationOptions(max_new_tokens=30, temperature=0)
    (result,) = generate(model, letters(6), [letters(6).decode(prompt)], options)
    assert result.token_ids == ids[len(prompt) :]


def test_rows_slide_each_at_its_own_time_even_beside_finished_ones():
    model, tokenizer = BoundedModel(6, 6, seed=4), letters(6, eos_id=3)
    options = GenerationOptions(max_new_tokens=40, seed=6, num_return_sequences=3)
    prompts = ["a", "abcab", "ca", "abcabc"]
    together = generate(model, tokenizer, prompts, options)
    assert len({result.finished_by for result in together}) == 2  # some end early, some run on
    alone = [r for prompt in prompts for r in generate(model, tokenizer, [prompt], options)]
    assert [r.token_ids for r in together] == [r.token_ids for r in alone]


def test_eos_ends_a_text_and_is_not_part_of_it():
    model = BigramModel(chain({0: 1, 1: 2, 2: 0}, 3))
    tokenizer = letters(3, eos_id=2)
    (result,) = generate(model, tokenizer, ["a"], GenerationOptions(temperature=0))
    assert (result.text, result.token_ids, result.finished_by) == ("b", [1, 2], "eos")
    options = GenerationOptions(temperature=0, ignore_eos=True, max_new_tokens=5)
    (result,) = generate(model, tokenizer, ["a"], options)
    assert (result.text, result.finished_by) == ("bcabc", "length")


def test_a_stop_string_that_crosses_tokens_ends_a_text_before_it():
    tokenizer = PieceTokenizer(["x", "one E", "N", "D two"])
    model = BigramModel(chain({0: 1, 1: 2, 2: 3, 3: 1}, 4))
    pieces = []
    options = GenerationOptions(temperature=0, stop=("never", "END"))
    (result,) = generate(model, tokenizer, ["x"], options, on_text=lambda *a: pieces.append(a))
    assert (result.text, result.finished_by) == ("one ", "stop")
    assert result.token_ids == [1, 2, 3]
    assert pieces == [(0, "one ")]


def test_pieces_make_up_the_text_exactly():
    tokenizer = PieceTokenizer([b"\xe2", b"\x82", b"\xac", "a", "ab", "b", b"\xf0\x9f", "\n"])
    model = BigramModel(np.random.default_rng(3).normal(size=(8, 8)))
    heard = {}
    options = GenerationOptions(
        max_new_tokens=60, num_return_sequences=4, stop=("bab\n", "\u20ac\u20ac")
    )
    results = generate(
        model,
        tokenizer,
        ["a", "ab"],
        options,
        on_text=lambda row, piece: heard.setdefault(row, []).append(piece),
    )
    assert any("\ufffd" in result.text for result in results)
    for row, result in enumerate(results):
        assert "".join(heard.get(row, [])) == result.text
        if result.finished_by == "length":
            assert result.text == tokenizer.decode(result.token_ids)
            assert len(heard[row]) > 10


def test_an_empty_prompt_is_read_as_the_start_of_a_text():
    tokenizer = letters(6, start_ids=[2])
    options = GenerationOptions(max_new_tokens=10, temperature=0)
    empty, explicit = generate(TRIGRAM, tokenizer, ["", "c"], options)
    assert empty.token_ids == explicit.token_ids and empty.prompt == ""
    with pytest.raises(UserError, match="prompt 2: .* no begin token"):
        generate(TRIGRAM, letters(6), ["a", ""], options)


def test_prompts_are_read_after_a_start_token():
    started = letters(6, start_ids=[2], starts_prompts=True)
    options = GenerationOptions(max_new_tokens=10, temperature=0)
    results = generate(TRIGRAM, started, ["a", "", "ab"], options)
    explicit = generate(TRIGRAM, letters(6), ["ca", "c", "cab"], options)
    without = generate(TRIGRAM, letters(6), ["a"], options)
    assert [r.token_ids for r in results] == [r.token_ids for r in explicit]
    assert [r.log_prob for r in results] == pytest.approx([r.log_prob for r in explicit], abs=1e-5)
    assert abs(results[0].log_prob - without[0].log_prob) > 0.1
    with pytest.raises(UserError, match=r"at most 8 tokens.*received 9"):
        generate(BoundedModel(6, 8), started, ["a" * 8], options)


def test_a_prompt_longer_than_the_context_is_refused_before_anything_is_generated():
    heard = []
    with pytest.raises(UserError, match=r"prompt 2: .*at most 8 tokens.*received 9") as error:
        generate(BoundedModel(6, 8), letters(6), ["a", "a" * 9], None, lambda *a: heard.append(a))
    assert not heard and "\n" not in str(error.value)
    options = GenerationOptions(max_new_tokens=3)
    assert len(generate(BoundedModel(6, 8), letters(6), ["a" * 8], options)[0].token_ids) == 3


def test_unusable_arguments_are_refused():
    with pytest.raises(UserError, match="list of strings, received 'a'"):
        generate(TRIGRAM, letters(6), "a")
    with pytest.raises(UserError, match="model's 6 token ids, received a tokenizer of 5"):
        generate(TRIGRAM, letters(5), ["a"])
    with pytest.raises(UserError, match="prompt 1: expected valid Unicode"):
        generate(TRIGRAM, letters(6), ["\ud800"])
    with pytest.raises(UserError, match="temperature"):
        generate(TRIGRAM, letters(6), ["a"], GenerationOptions(temperature=-1))
    with pytest.raises(UserError, match="received NaN"):
        generate(BigramModel(np.full((6, 6), np.nan)), letters(6), ["a"])
    assert generate(TRIGRAM, letters(6), []) == []


def test_one_trace_whatever_is_asked():
    model = TrigramModel(RNG.normal(size=(6, 6, 6)))
    for options in (
        GenerationOptions(max_new_tokens=3),
        GenerationOptions(max_new_tokens=5, temperature=0, repetition_penalty=1.2),
        GenerationOptions(max_new_tokens=2, top_k=3, top_p=0.4, seed=5, stop=("ab",)),
    ):
        for prompts in (["a", "bcdefa"], ["abc" * 30, "f"]):
            generate(model, letters(6), prompts, options)
    decoder = decoder_of(model)
    for function in (decoder._prefill, decoder._decode, decoder._decode_penalized):
        assert function.experimental_get_tracing_count() == 1


def test_generation_does_not_keep_a_model_alive():
    model = TrigramModel(RNG.normal(size=(6, 6, 6)))
    generate(model, letters(6), ["a"], GenerationOptions(max_new_tokens=2))
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("jit_compile", [False, True])
def test_the_same_loop_runs_inside_a_larger_graph(jit_compile):
    options = GenerationOptions(max_new_tokens=12, top_p=0.9, seed=6, num_return_sequences=2)
    expected = generate(TRIGRAM, letters(6), ["fc"], options)
    prompts = tf.constant([[5, 2], [5, 2]])
    keys = row_keys(prompts, tf.constant([2, 2]), options.seed, tf.range(2))
    settings = SamplingSettings.from_options(options, keys)
    prompts = prompts[:, :1]

    @tf.function(jit_compile=jit_compile, autograph=False)
    def loop(prompts):
        state = prefill(TRIGRAM, prompts, tf.ones((2,), tf.int32))
        zeros = tf.zeros((2,), tf.int32)
        decoding = Decoding(state, zeros + 2, zeros, zeros == 0, ())
        return decode(TRIGRAM, decoding, settings, 12, zeros + 12, -1, None)[1]

    steps = loop(prompts)
    np.testing.assert_array_equal(steps.tokens, [result.token_ids for result in expected])
    log_probs = tf.reduce_sum(steps.log_probs, 1)
    np.testing.assert_allclose(log_probs, [r.log_prob for r in expected], atol=1e-4)
