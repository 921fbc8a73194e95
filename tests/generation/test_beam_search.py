"""Beam search after prompts, against every text there is, plain loops, and greedy."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from lm_zoo.errors import UserError
from lm_zoo.generation import GenerationOptions, generate
from lm_zoo.registry import build_model
from tests.conformance.models import VARIANTS
from tests.generation.plain_beam_search import penalized, plain_beam_search
from tests.generation.toy import (
    BigramModel,
    BoundedModel,
    TrigramModel,
    from_scratch,
    letters,
    log_softmax,
)

EOS = 2


def search(model, tokenizer, prompts, **arguments):
    options = GenerationOptions(temperature=0, **arguments)
    return generate(model, tokenizer, prompts, options)


def every_text(model, prompt_ids, longest, length_penalty, repetition_penalty=1.0, stop=""):
    """`(ranking score, log-probability, ids)` of each text that ends by eos, stop or length."""
    found = []
    for ids in itertools.product(range(model.vocab_size), repeat=longest):
        score = own = 0.0
        for count in range(1, longest + 1):
            before = [*prompt_ids, *ids[: count - 1]]
            logits = np.array(from_scratch(model, before), np.float64)
            own += log_softmax(logits)[ids[count - 1]]
            for token in set(before):
                factor = repetition_penalty if logits[token] < 0 else 1 / repetition_penalty
                logits[token] *= factor
            score += log_softmax(logits)[ids[count - 1]]
            text = "".join(chr(97 + i) for i in ids[:count])
            if ids[count - 1] == EOS or (stop and stop in text):
                break
        found.append((score / count**length_penalty, own, list(ids[:count])))
    unique = {tuple(ids): (score, own, ids) for score, own, ids in found}
    return sorted(unique.values(), key=lambda entry: -entry[0])


@pytest.mark.parametrize("length_penalty", [0.0, 1.0, 2.5, -1.0])
def test_wide_beams_find_the_best_of_all_texts(length_penalty):
    model = TrigramModel(1.5 * np.random.default_rng(4).normal(size=(3, 3, 3)))
    expected = every_text(model, [0, 1], 4, length_penalty)
    results = search(
        model,
        letters(3, eos_id=EOS),
        ["ab"],
        max_new_tokens=4,
        num_beams=81,
        num_return_sequences=6,
        length_penalty=length_penalty,
    )
    assert [result.token_ids for result in results] == [ids for _, _, ids in expected[:6]]
    for result, (_, own, ids) in zip(results, expected):
        assert result.log_prob == pytest.approx(own, abs=1e-4)
        assert result.finished_by == ("eos" if ids[-1] == EOS else "length")
        assert result.text == "".join(chr(97 + i) for i in ids if i != EOS)
    assert [result.sample for result in results] == list(range(6))


def test_penalty_and_stop_strings_take_part_in_the_ranking():
    model = BigramModel(1.5 * np.random.default_rng(8).normal(size=(3, 3)))
    arguments = dict(length_penalty=0.7, repetition_penalty=1.4)
    expected = every_text(model, [1], 4, stop="ab", **arguments)
    results = search(
        model,
        letters(3, eos_id=EOS),
        ["b"],
        max_new_tokens=4,
        num_beams=81,
        num_return_sequences=8,
        stop=("ab",),
        **arguments,
    )
    assert [result.token_ids for result in results] == [ids for _, _, ids in expected[:8]]
    stopped = [result for result in results if result.finished_by == "stop"]
    assert stopped and all("ab" not in result.text for result in stopped)
    for result, (_, own, _) in zip(results, expected):
        assert result.log_prob == pytest.approx(own, abs=1e-4)


def plainly(model, prompt_ids, longest, **arguments):
    """What plain loops find, where texts that outgrow the context go on from its last half."""
    limit = model.context_length

    def window(ids):
        window = list(prompt_ids)
        for token in ids:
            window = [*window, token]
            if limit is not None and len(window) > limit:
                window = window[-(limit // 2) :]
        return window

    def logits_after(texts):
        return model(tf.constant([window(ids) for ids in texts]))[:, -1, : model.vocab_size]

    return plain_beam_search(logits_after, longest=longest, **arguments)


@pytest.fixture(scope="module", params=sorted(VARIANTS))
def decided(request):
    """A tiny model that is surer of itself than a fresh one, whose context texts outgrow."""
    name, arguments = VARIANTS[request.param]
    if "context_length" in arguments:
        arguments = arguments | {"context_length": 8}
    model = build_model(name, vocab_size=6, seed=4, **arguments | {"dropout": 0.0})
    model.prepare([[0]])
    rng = np.random.default_rng(2)
    for weight in model.weights:
        weight.assign(weight.numpy() + 0.3 * rng.normal(size=weight.shape))
    return model


@pytest.mark.parametrize(
    "arguments",
    [
        dict(num_beams=4, num_return_sequences=3, length_penalty=0.0),
        dict(num_beams=3, num_return_sequences=3, length_penalty=2.0, repetition_penalty=1.3),
        dict(num_beams=3, num_return_sequences=3, stop=("ab", "f"), length_penalty=0.4),
        *(
            pytest.param(arguments, marks=pytest.mark.slow)
            for arguments in (
                dict(num_beams=2, num_return_sequences=2),
                dict(num_beams=3, num_return_sequences=1, length_penalty=-1.0),
                dict(num_beams=3, num_return_sequences=3, stop=("cd",), repetition_penalty=1.3),
                dict(num_beams=3, num_return_sequences=3, ignore_eos=True),
            )
        ),
    ],
)
def test_narrow_beams_are_those_of_plain_loops(decided, arguments):
    prompts, eos_id, longest = ["abcde", "d"], EOS, 12
    results = iter(
        search(decided, letters(6, eos_id=eos_id), prompts, max_new_tokens=longest, **arguments)
    )
    for prompt in prompts:
        prompt_ids = letters(6).encode(prompt).tolist()
        penalty = arguments.get("repetition_penalty", 1.0)
        expected = plainly(
            decided,
            prompt_ids,
            longest,
            num_beams=arguments["num_beams"],
            end_id=-1 if arguments.get("ignore_eos") else eos_id,
            length_penalty=arguments.get("length_penalty", 1.0),
            rank_by=penalized(prompt_ids, penalty),
            is_stopped=lambda ids: any(
                stop in "".join(chr(97 + i) for i in ids) for stop in arguments.get("stop", ())
            ),
        )
        for ids, _, log_prob in expected[: arguments["num_return_sequences"]]:
            result = next(results)
            assert (result.prompt, result.token_ids) == (prompt, ids)
            assert result.log_prob == pytest.approx(log_prob, abs=1e-4)
    assert next(results, None) is None


def test_beams_beat_greedy_where_greedy_is_short_sighted():
    # "b" is likelier at first, but everything after "c" is certain.
    table = np.log([[1e-9, 0.6, 0.4], [0.34, 0.33, 0.33], [1.0, 1e-9, 1e-9]])
    greedy = search(BigramModel(table), letters(3), ["a"], max_new_tokens=2)[0]
    best = search(BigramModel(table), letters(3), ["a"], max_new_tokens=2, num_beams=2)[0]
    assert greedy.text[0] == "b" and best.text == "ca"
    assert best.log_prob == pytest.approx(np.log(0.4), abs=1e-4)


def test_a_long_text_may_still_overtake_when_enough_short_ones_have_ended():
    # After "d": the end 0.5, "b" and then the end 0.3, "a" for ever 0.2.
    table = np.log(np.full((4, 4), 1e-9))
    table[3] = np.log([0.2, 0.3, 0.5, 1e-9])
    table[1, 2] = table[0, 0] = 0.0
    arguments = dict(max_new_tokens=6, num_beams=2, num_return_sequences=2)
    best, second = search(BigramModel(table), letters(4, eos_id=EOS), ["d"], **arguments)
    assert (best.text, best.finished_by) == ("aaaaaa", "length")
    assert (second.text, second.finished_by) == ("b", "eos")  # log(0.3) / 2 > log(0.5)


@pytest.mark.parametrize("num_beams", [3, 10])  # 10 beams of 6 tokens: some wait at first
def test_beams_slide_within_the_context(num_beams):
    model, prompt = BoundedModel(6, 8, seed=3), "abcdefab"
    arguments = dict(max_new_tokens=15, num_beams=num_beams, num_return_sequences=3)
    for result in search(model, letters(6), [prompt], **arguments):
        window, total = letters(6).encode(prompt).tolist(), 0.0
        for token in result.token_ids:
            if len(window) > 8:
                window = window[-4:]
            total += log_softmax(from_scratch(model, window))[token]
            window.append(token)
        assert result.log_prob == pytest.approx(total, abs=1e-4)


@pytest.mark.parametrize("context_length", [5, 50])
def test_prompts_do_not_change_each_other(context_length):
    model = BoundedModel(6, context_length, seed=3)
    prompts = ["a", "abcad", "fa", "cc"]
    arguments = dict(max_new_tokens=12, num_beams=3, num_return_sequences=2, length_penalty=0.5)
    tokenizer = letters(6, eos_id=5)
    together = search(model, tokenizer, prompts, **arguments)
    alone = [result for p in prompts for result in search(model, tokenizer, [p], **arguments)]
    assert [r.token_ids for r in together] == [r.token_ids for r in alone]
    assert [r.log_prob for r in together] == pytest.approx([r.log_prob for r in alone], abs=1e-4)


def test_a_hypothesis_is_scored_by_what_the_model_says_of_it():
    model = BoundedModel(6, 50, seed=6)
    for result in search(
        model, letters(6), ["fad"], max_new_tokens=8, num_beams=4, num_return_sequences=4
    ):
        ids = [5, 0, 3]
        total = 0.0
        for token in result.token_ids:
            total += log_softmax(from_scratch(model, ids))[token]
            ids.append(token)
        assert result.log_prob == pytest.approx(total, abs=1e-4)


def test_probabilities_that_are_not_numbers_are_noticed():
    table = np.zeros((3, 3))
    table[1] = np.nan  # only after "b"
    with pytest.raises(UserError, match="received NaN"):
        search(BigramModel(table), letters(3), ["a"], max_new_tokens=5, num_beams=3)


def test_text_is_given_out_once_it_is_the_best():
    heard = []
    options = GenerationOptions(
        temperature=0, num_beams=3, num_return_sequences=2, max_new_tokens=5
    )
    model = BoundedModel(6, 50, seed=6)
    results = generate(model, letters(6), ["a", "b"], options, lambda *a: heard.append(a))
    assert heard == [(row, result.text) for row, result in enumerate(results)]
