"""Translation of lists and of streams of lines."""

import numpy as np
import pytest

from lm_zoo.errors import UserError
from lm_zoo.generation import TranslationOptions, generate, translate, translate_stream
from lm_zoo.generation.search.translation_search import compiled_search
from lm_zoo.registry import build_model
from tests.generation.pair_models import END, NAMES, LineTokenizer, decided_model
from tests.generation.toy import BigramModel, letters

TOKENIZER = LineTokenizer()
SOURCES = ["abc", "b", "", "eecaba", "aaaaaaaaa", "cab", "ebe", "c", "bbbbccccaaaaeeee", "ba"]


@pytest.fixture(scope="module", params=NAMES)
def model(request):
    return decided_model(request.param)


@pytest.fixture(scope="module")
def short_sighted():
    """A model that reads six tokens."""
    return decided_model("encoder_decoder", source_length=6)


def run(model, sources, **options):
    return translate(model, TOKENIZER, TOKENIZER, sources, TranslationOptions(**options))


def stream(model, lines, **options):
    return translate_stream(model, TOKENIZER, TOKENIZER, lines, TranslationOptions(**options))


def assert_same(found, expected):
    for mine, its in zip(found, expected, strict=True):
        assert [(t.source, t.token_ids) for t in mine] == [(t.source, t.token_ids) for t in its]
        assert [t.log_prob for t in mine] == pytest.approx([t.log_prob for t in its], abs=1e-5)


@pytest.mark.parametrize(
    "arguments", [{"num_return_sequences": 3}, {"num_beams": 1}, {"coverage_penalty": 0.3}]
)
def test_batches_do_not_change_translations(model, arguments):
    alone = [run(model, [source], **arguments)[0] for source in SOURCES]
    assert len({entry[0].text for entry in alone}) > 4
    for batch_size in (1, 3, 64):
        assert_same(run(model, SOURCES, batch_size=batch_size, **arguments), alone)
    order = np.random.default_rng(0).permutation(len(SOURCES))
    shuffled = run(model, [SOURCES[i] for i in order], batch_size=4, **arguments)
    assert_same(shuffled, [alone[i] for i in order])


def test_one_trace_does_for_all_batches(short_sighted):
    for batch_size, options in ((1, {}), (3, {"num_beams": 2}), (9, {"max_new_tokens": 4})):
        run(short_sighted, ["ab", "abcab", "e"], batch_size=batch_size, **options)
    assert compiled_search(short_sighted).experimental_get_tracing_count() == 1


def test_a_translation_is_what_the_model_says_of_it(model):
    for source, found in zip(SOURCES, run(model, SOURCES, num_return_sequences=2)):
        for rank, one in enumerate(found):
            assert one.rank == rank and one.source == source and not one.truncated
            is_end = [token == END for token in one.token_ids]
            assert one.finished_by == ("eos" if any(is_end) or not source else "length")
            assert not any(is_end[:-1])
            letters_of = [chr(97 + token) for token in one.token_ids if token != END]
            assert one.text == "".join(letters_of)
            if source:
                ids = np.array([[END, *one.token_ids[:-1]]])
                source_ids = np.array([[*TOKENIZER.encode(source), END]])
                logits = model(ids, source_ids=source_ids).numpy()[0].astype(np.float64)
                log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
                total = log_probs[np.arange(len(ids[0])), one.token_ids].sum()
                assert one.log_prob == pytest.approx(total, abs=1e-5)
                assert one.score == pytest.approx(total / len(ids[0]), abs=1e-5)


def test_an_empty_source_has_an_empty_translation(model):
    (found,) = run(model, [""], num_return_sequences=2)
    (nothing,) = found
    assert (nothing.text, nothing.token_ids, nothing.log_prob) == ("", [], 0.0)
    assert run(model, []) == []


def test_a_stream_gives_lines_in_order_and_reads_ahead_a_bounded_number(model):
    expected = run(model, SOURCES)
    read = []

    def lines():
        for number in range(100):
            read.append(number)
            yield SOURCES[number % len(SOURCES)]

    found = stream(model, lines(), batch_size=3)
    assert_same([next(found) for _ in SOURCES], expected)
    assert len(read) < 60
    assert_same(list(found)[-len(SOURCES) :], expected)


def test_a_stream_that_pauses_is_answered_at_once(model):
    asked = []

    def lines():
        for source in SOURCES[:4]:
            asked.append(source)
            yield source
            yield None

    for number, (translation,) in enumerate(stream(model, lines())):
        assert translation.source == SOURCES[number] and len(asked) == number + 1
    assert len(asked) == 4


def test_sources_that_are_too_long_are_refused_or_cut(short_sighted):
    message = r"source 2: expected at most 6 tokens .*received 7; .*truncate"
    with pytest.raises(UserError, match=message):
        run(short_sighted, ["abcab", "abcabe", "a"])
    with pytest.raises(UserError, match="^line 2: "):
        list(stream(short_sighted, ["abcab", "abcabe"]))
    cut, whole = run(short_sighted, ["abcabe", "abcab"], too_long="truncate")
    assert cut[0].truncated and not whole[0].truncated
    assert cut[0].source == "abcabe"
    assert cut[0].token_ids == whole[0].token_ids


@pytest.mark.parametrize(
    "arguments, field, received",
    [
        ({"num_beams": 0}, "num_beams", "0"),
        ({"num_beams": 2.0}, "num_beams", "2.0"),
        ({"num_return_sequences": 0}, "num_return_sequences", "0"),
        ({"num_return_sequences": 5}, "num_return_sequences", "5"),
        ({"max_new_tokens": -1}, "max_new_tokens", "-1"),
        ({"batch_size": 0}, "batch_size", "0"),
        ({"length_penalty": float("nan")}, "length_penalty", "nan"),
        ({"coverage_penalty": float("inf")}, "coverage_penalty", "inf"),
        ({"coverage_penalty": -0.1}, "coverage_penalty", "-0.1"),
        ({"too_long": "drop"}, "too_long", "'drop'"),
    ],
)
def test_unusable_options_are_refused_by_name(arguments, field, received):
    with pytest.raises(UserError) as error:
        TranslationOptions(**arguments).validate()
    message = str(error.value)
    assert message.startswith(f"{field}: expected ") and message.endswith(f"received {received}.")
    assert "\n" not in message


def test_models_and_sources_that_cannot_be_used_are_refused(short_sighted):
    language_model = BigramModel(np.zeros((5, 5)))
    for refuse in (run, stream):
        with pytest.raises(UserError, match="reads a source.*received BigramModel"):
            refuse(language_model, ["a"])
    with pytest.raises(UserError, match="expected a language model.*translate with it"):
        generate(short_sighted, TOKENIZER, ["a"])
    with pytest.raises(UserError, match="list of strings"):
        run(short_sighted, "abc")
    with pytest.raises(UserError, match="source 1: expected valid Unicode"):
        run(short_sighted, ["\ud800"])
    with pytest.raises(UserError, match="^tokenizer: expected the model's 5"):
        translate(short_sighted, TOKENIZER, LineTokenizer(7), ["a"])
    with pytest.raises(UserError, match="^source_tokenizer: expected the model's 5"):
        translate(short_sighted, LineTokenizer(7), TOKENIZER, ["a"])
    unending = letters(5)
    unending.end_id = None
    with pytest.raises(UserError, match="^tokenizer: expected one with an end token"):
        translate(short_sighted, TOKENIZER, unending, ["a"])


def test_source_and_target_may_have_vocabularies_of_their_own():
    arguments = dict(hidden_dim=8, source_vocab_size=9)
    model = build_model("recurrent_encoder_decoder", vocab_size=5, **arguments)
    (found,) = translate(model, LineTokenizer(9), TOKENIZER, ["ihgf"])
    assert max(found[0].token_ids) < 5


def test_probabilities_that_are_not_numbers_are_noticed():
    model = decided_model("recurrent_encoder_decoder")
    model.weights[0].assign(np.full(model.weights[0].shape, np.nan))
    with pytest.raises(UserError, match="received NaN"):
        run(model, ["abc"])
