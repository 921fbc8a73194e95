"""Generation inside a graph: the same texts as Python's `generate`, whatever is beside them."""

import numpy as np
import pytest
import tensorflow as tf

from lm_zoo.export.in_graph.input_tensors import compiled
from lm_zoo.generation import GenerationOptions, generate
from lm_zoo.generation.text_stream import TextStream
from lm_zoo.tasks.language_modeling.exported_generation import InGraphGenerator
from lm_zoo.tasks.language_modeling.predictions import PREDICTIONS
from lm_zoo.tasks.language_modeling.stop_strings import find_stops
from lm_zoo.text.in_graph import module_of
from lm_zoo.text.tokenizers import TOKENIZERS
from tests.generation.toy import BoundedModel, TrigramModel

TEXT = "the cat sat on the mat\nthe dog sat on the cat \u20ac\n"
BYTES = TOKENIZERS["byte"].train([TEXT])
WORDS = TOKENIZERS["word"].train([TEXT])
FUNCTIONS = (
    "encode_prompts",
    "detokenize",
    "row_keys",
    "prefill",
    "decode",
    "concat_rows",
    "gather_rows",
)
INVALID = tf.errors.InvalidArgumentError


class InGraph:
    """A model and its tokenizer, with each function traced once for any shape."""

    def __init__(self, model, tokenizer):
        self.model, self.tokenizer = model, tokenizer
        self.generating = InGraphGenerator(
            model,
            module_of(tokenizer),
            tokenizer.eos_id,
            tokenizer.start_ids,
            tokenizer.starts_prompts,
        )
        inputs = PREDICTIONS["generate"].exported_inputs
        self.generate = compiled(self.generating.generate, inputs)
        for name in FUNCTIONS:
            function = getattr(self.generating, name)
            signature = self.generating.signature(name)
            setattr(self, name, tf.function(function, signature, autograph=False))

    def python(self, prompt, **options):
        return generate(self.model, self.tokenizer, [prompt], GenerationOptions(**options))[0]

    def texts(self, prompts, new=9, temperature=0.0, top_k=0, top_p=1.0, seed=0, stop=""):
        return self.generate(prompts, new, temperature, top_k, top_p, seed, stop)

    def check(self, out, row, **options):
        expected = self.python(**options)
        assert out["text"][row].numpy().decode() == expected.text
        assert out["num_tokens"][row] == len(expected.token_ids)
        assert out["log_prob"][row].numpy() == pytest.approx(expected.log_prob, abs=1e-3)
        return expected


@pytest.fixture(scope="module")
def in_bytes():
    """Any byte may follow any other, and the context is short: texts are not UTF-8, and slide."""
    return InGraph(BoundedModel(256, 24, seed=1), BYTES)


@pytest.fixture(scope="module")
def in_words():
    table = 2 * np.random.default_rng(0).normal(size=(WORDS.vocab_size,) * 3)
    return InGraph(TrigramModel(table), WORDS)


def test_greedy_texts_are_those_of_python(in_bytes, in_words):
    for in_graph, prompts in (
        (in_bytes, ["the", "", "\u20ac", "the dog sat on the cat t"]),
        (in_words, ["the cat", "", "on", "on the mat the dog"]),
    ):
        out = in_graph.texts(prompts, 60)
        for row, prompt in enumerate(prompts):
            in_graph.check(out, row, prompt=prompt, max_new_tokens=60, temperature=0.0)


def test_prompts_are_read_after_a_start_token():
    tokenizer = TOKENIZERS["byte"]()
    tokenizer.bos_id = 7
    in_graph = InGraph(BoundedModel(256, 24, seed=1), tokenizer)
    prompts = ["the", "", "\u20ac", "the dog sat on the cat "]
    out = in_graph.texts(prompts, 30)
    for row, prompt in enumerate(prompts):
        in_graph.check(out, row, prompt=prompt, max_new_tokens=30, temperature=0.0)
    ids, lengths = in_graph.encode_prompts(prompts)
    assert lengths.numpy().tolist() == [4, 1, 4, 24] and (ids[:, 0] == 7).numpy().all()
    assert ids[2].numpy()[:5].tolist() == [7, *"\u20ac".encode(), 0]
    with pytest.raises(INVALID, match="at most 24 tokens .*received. .25"):
        in_graph.texts([TEXT[:24]])


def test_every_row_has_its_own_settings_and_seed(in_bytes, in_words):
    settings = dict(
        max_new_tokens=[50, 1, 7, 20],
        temperature=[0.7, 0.0, 1.5, 0.3],
        top_k=[0, 5, 30, 2],
        top_p=[0.9, 1.0, 0.5, 1.0],
        seed=[3, 4, 3, 2**31 - 1],
    )
    prompts = ["the cat", "the", "", "the cat"]
    for in_graph in (in_bytes, in_words):
        out = in_graph.generate(prompts, *settings.values(), "")
        for row, prompt in enumerate(prompts):
            mine = {name: values[row] for name, values in settings.items()}
            in_graph.check(out, row, prompt=prompt, **mine)


def test_equal_prompts_get_the_samples_of_one_prompt(in_bytes):
    seeds = [3, 3, 3, 4, 3, 3]
    prompts = ["the", "cat", "the", "the", "the", ""]
    out = in_bytes.texts(prompts, 20, 1.0, seed=seeds)
    samples = generate(
        in_bytes.model,
        BYTES,
        ["the"],
        GenerationOptions(max_new_tokens=20, seed=3, num_return_sequences=3),
    )
    given = [text.decode() for text in out["text"].numpy()]
    assert [given[row] for row in (0, 2, 4)] == [sample.text for sample in samples]
    for row in (1, 3, 5):
        in_bytes.check(out, row, prompt=prompts[row], max_new_tokens=20, seed=seeds[row])


def test_an_end_token_ends_a_row_and_is_no_text(in_words):
    out = in_words.texts(["the"] * 20, 200, temperature=1.0, seed=list(range(20)))
    ended = [
        in_words.check(out, row, prompt="the", max_new_tokens=200, seed=row).finished_by
        for row in range(20)
    ]
    assert set(ended) == {"eos"}
    assert b"\n" not in b"".join(out["text"].numpy())


@pytest.mark.parametrize("kind", ["in_bytes", "in_words"])
def test_stop_strings_mean_what_they_mean_in_python(kind, request):
    in_graph = request.getfixturevalue(kind)
    free = in_graph.texts(["the"] * 8, 60, temperature=1.0, seed=list(range(8)))["text"].numpy()
    texts = [text.decode() for text in free]
    stops = [(text[len(text) // 3 :][:2], text[len(text) // 2 :][:3]) for text in texts]
    stops = [tuple(stop or "\ufffd" for stop in row) for row in stops]
    out = in_graph.texts(["the"] * 8, 60, temperature=1.0, seed=list(range(8)), stop=stops)
    shared = in_graph.texts(["the"] * 8, 60, 1.0, seed=list(range(8)), stop=[*stops[0], "", "\n"])
    stopped = 0
    for row in range(8):
        options = dict(prompt="the", max_new_tokens=60, seed=row)
        result = in_graph.check(out, row, stop=stops[row], **options)
        in_graph.check(shared, row, stop=(*stops[0], "\n"), **options)
        stopped += result.finished_by == "stop"
    assert stopped > 3


def test_of_several_stop_strings_the_one_that_is_complete_first_counts():
    stops = ["END", "ND", "x END", "\u20ac!", ""]
    texts = ["", "one END two", "x END", "EN", "a\u20ac!END", "END\u20ac!", "NDx END"]
    begins, ends = find_stops(tf.constant(texts), tf.constant([stops] * len(texts)))
    for text, begin, end in zip(texts, begins.numpy(), ends.numpy()):
        stream = TextStream(BYTES, [], [stop for stop in stops if stop])
        for byte in text.encode():
            stream.push(byte)
        assert stream.stopped == (end < len(text.encode()) + 1)
        if stream.stopped:
            assert text.encode()[:begin].decode() == stream.text


def test_rows_that_join_and_leave_get_the_texts_they_get_alone(in_bytes):
    """Continuous batching by hand: three prompts, one of which comes later and one goes early."""
    prompts, number = ["the cat", "a", "dog on"], 40
    expected = [in_bytes.python(p, max_new_tokens=number, temperature=0.8, seed=5) for p in prompts]

    def begin(prompts, num_slots):
        ids, lengths = in_bytes.encode_prompts(prompts)
        zeros = tf.zeros_like(lengths)
        last = tf.gather(ids, lengths - 1, batch_dims=1)
        keys = in_bytes.row_keys(ids, lengths, zeros + 5, zeros)
        return in_bytes.prefill(ids, lengths, num_slots), last, keys

    def advance(state, tokens, keys, index, active, num_steps):
        rows = tf.shape(tokens)[0]
        return in_bytes.decode(
            state,
            tokens,
            index,
            active,
            tf.fill([rows], 0.8),
            tf.zeros([rows], tf.int32),
            tf.ones([rows]),
            keys,
            num_steps,
            2,
        )

    state, tokens, keys = begin(prompts[:2], 24)
    grown = [[], [], []]
    out = advance(state, tokens, keys, [0, 0], [True, True], 7)
    for row in range(2):
        grown[row] += out["tokens"][row].numpy().tolist()
    late, late_token, late_key = begin(prompts[2:], 20)
    state = in_bytes.concat_rows(out["state"], late)
    tokens = tf.concat([out["tokens"][:, -1], late_token], 0)
    keys = tf.concat([keys, late_key], 0)
    out = advance(state, tokens, keys, [7, 7, 0], [True, False, True], 3)
    assert (out["tokens"][1].numpy() == -1).all()
    assert out["top_log_probs"].shape == (3, 3, 2)
    for row in (0, 2):
        grown[row] += out["tokens"][row].numpy().tolist()
    tokens = tf.where([True, False, True], out["tokens"][:, -1], tokens)
    state = in_bytes.gather_rows(out["state"], [2, 1])
    out = advance(
        state, tf.gather(tokens, [2, 1]), tf.gather(keys, [2, 1]), [3, 7], [True, True], 30
    )
    grown[2] += out["tokens"][0].numpy().tolist()
    grown[1] += out["tokens"][1].numpy().tolist()
    for mine, alone in zip(grown, expected):
        assert mine == alone.token_ids[: len(mine)] and len(mine) > 9


def test_the_likeliest_tokens_are_given_with_their_log_probabilities(in_words):
    ids, lengths = in_words.encode_prompts(["the cat", "on"])
    state = in_words.prefill(ids, lengths, 64)
    last = tf.gather(ids, lengths - 1, batch_dims=1)
    zeros = tf.zeros((2,), tf.int32)
    arguments = (state, last, zeros, [True, True], [0.0, 0.0], zeros, [1.0, 1.0], zeros)
    out = in_words.decode(*arguments, 1, 3)
    logits = in_words.model.forward(ids, in_words.model.initial_state(2), lengths=lengths)[0]
    logits = tf.gather(logits, lengths - 1, batch_dims=1)
    values, tokens = tf.math.top_k(tf.nn.log_softmax(logits), 3)
    np.testing.assert_array_equal(out["top_tokens"][:, 0], tokens)
    np.testing.assert_allclose(out["top_log_probs"][:, 0], values, atol=1e-5)
    np.testing.assert_allclose(out["log_probs"], values[:, :1], atol=1e-5)
    assert in_words.decode(*arguments, 1, 0)["top_tokens"].shape == (2, 1, 0)


def test_tokens_become_text_again(in_bytes):
    ids, lengths = in_bytes.encode_prompts([TEXT[:20], "\u20ac"])
    flat = tf.ragged.boolean_mask(ids, tf.sequence_mask(lengths)).flat_values
    assert in_bytes.detokenize(flat, lengths).numpy().tolist() == [
        TEXT[:20].encode(),
        "\u20ac".encode(),
    ]


def test_no_prompts_give_no_texts(in_bytes):
    out = in_bytes.texts(tf.constant([], tf.string))
    assert [value.shape for value in out.values()] == [(0,)] * 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(new=0), "max_new_tokens: expected a whole number of at least 1, received"),
        (dict(new=[3, -1]), "max_new_tokens: expected a whole number of at least 1, received"),
        (dict(new=[3, 3, 3]), "max_new_tokens: expected one value, or one for each text"),
        (dict(temperature=float("nan")), "temperature: expected a finite number"),
        (dict(temperature=-0.5), "temperature: expected a finite number"),
        (dict(top_k=-1), "top_k: expected a whole number of at least 0 .0: all"),
        (dict(top_p=0.0), "top_p: expected a finite number above 0 and at most 1"),
        (dict(top_p=float("nan")), "top_p: expected a finite number above 0 and at most 1"),
        (dict(seed=-1), "seed: expected a whole number of at least 0"),
        (dict(stop=[["a"]] * 3), "stop: expected one string, a list, or a list for each text"),
        (dict(stop=[b"\xff"]), "stop: expected valid UTF-8"),
        (dict(prompts=["a" * 25, "b"]), "prompt: expected at most 24 tokens .*received. .25"),
        (dict(prompts=[b"\xe2\x82", "b"]), "prompt: expected valid UTF-8"),
    ],
)
def test_unusable_arguments_are_errors_of_one_clear_line(in_bytes, arguments, message):
    with pytest.raises(INVALID, match=message):
        in_bytes.texts(**({"prompts": ["a", "b"]} | arguments))


def test_a_prompt_without_a_token_is_refused(in_words):
    with pytest.raises(INVALID, match="prompt: expected at least one token in each"):
        in_words.texts(["the", "  "])
