"""The ledger: its figures, its JSON, and what it refuses to be read from."""

import dataclasses
import json
import math

import pytest

from lm_zoo.errors import UserError
from lm_zoo.evaluation.ledger import Ledger
from lm_zoo.evaluation.ledger_table import render_table


def make_ledger(**changes):
    ledger = Ledger(
        model="lstm_lm",
        step=120,
        parameters=1234,
        corpus="python_reference",
        split="test",
        text_sha256="a" * 64,
        tokenizer="character",
        tokenizer_fingerprint="f" * 64,
        context={"rule": "carried", "streams": 1},
        nll_nats=1999 * math.log(4),
        tokens_scored=1999,
        tokens_not_scored=1,
        why_not_scored="the split's first token has no context",
        num_words=400,
        num_bytes=2100,
    )
    return dataclasses.replace(ledger, **changes)


def test_figures_follow_from_the_sums():
    ledger = make_ledger()
    assert ledger.perplexity == pytest.approx(4)
    assert ledger.bits_per_token == pytest.approx(2)
    assert ledger.bits_per_byte == pytest.approx(2 * 1999 / 2100)
    assert ledger.perplexity_per_word == pytest.approx(4 ** (1999 / 400))
    assert make_ledger(num_unknown=10).unknown_rate == 10 / 2000
    assert make_ledger(num_words=0).perplexity_per_word is None
    assert make_ledger(num_bytes=0).bits_per_byte is None


PER_BYTE, PER_WORD = 2 * 1999 / 2100, 4 ** (1999 / 400)


@pytest.mark.parametrize(
    "changes, hides_words, why",
    [
        ({"num_unknown": 552}, True, "27.6000% of the tokens are <unk>"),
        ({"bytes_lost": 525}, False, "25.0000% of the bytes are lost"),
        ({"bytes_lost": 21, "words_lost": 8}, True, "1.0000% of the bytes are lost, 2.0000% of"),
    ],
)
def test_text_that_was_not_predicted_leaves_lower_bounds(changes, hides_words, why):
    """The mark is at the figure: who reads `bits_per_byte` finds none, in JSON and everywhere."""
    ledger = make_ledger(**changes)
    values = json.loads(json.dumps(ledger.to_dict()))
    assert values["bits_per_byte"] is None
    assert values["bits_per_byte_lower_bound"] == pytest.approx(PER_BYTE)
    assert (values["perplexity_per_word"] is None) == hides_words
    word = "perplexity_per_word" + ("_lower_bound" if hides_words else "")
    assert values[word] == pytest.approx(PER_WORD)
    assert Ledger.from_dict(values) == ledger
    (line,) = [row for row in render_table(ledger).splitlines() if row.startswith("bits per byte")]
    assert f">= {PER_BYTE:.4f}  ({why}" in line
    whole = make_ledger()
    assert whole.bits_per_byte_lower_bound is None and ">=" not in render_table(whole)


def test_figures_of_few_tokens_and_huge_ones_are_written_as_such():
    few = make_ledger(tokens_scored=37, nll_nats=37 * math.log(1e20))
    first, *_ = render_table(few).splitlines()
    assert first.endswith("1.0000e+20  (of 37 tokens only)")
    assert few.to_dict()["few_tokens"] is True and make_ledger().to_dict()["few_tokens"] is False
    assert "only" not in render_table(make_ledger())
    with pytest.raises(UserError, match="ledger.few_tokens: expected True"):
        Ledger.from_dict(few.to_dict() | {"few_tokens": False})


def test_it_comes_back_from_json():
    ledger = make_ledger()
    assert Ledger.from_dict(json.loads(json.dumps(ledger.to_dict()))) == ledger
    endless = make_ledger(nll_nats=1e9)
    assert endless.perplexity == math.inf
    values = json.loads(json.dumps(endless.to_dict(), allow_nan=False))
    assert values["perplexity"] is None and Ledger.from_dict(values) == endless


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"nll_nats": "many"}, "ledger.nll_nats: .*'many'"),
        ({"nll_nats": float("nan")}, "ledger.nll_nats: .*nan"),
        ({"nll_nats": -1.0}, "ledger.nll_nats: .*-1.0"),
        ({"tokens_scored": 0}, "ledger.tokens_scored: .*at least 1, received 0"),
        ({"tokens_scored": 1.5}, "ledger.tokens_scored: .*1.5"),
        ({"bytes_lost": 2101}, "ledger.bytes_lost: expected at most 2100"),
        ({"num_unknown": 2001}, "ledger.num_unknown: expected at most 2000"),
        ({"step": "last"}, "ledger.step: .*'last'"),
        ({"split": None}, "ledger.split: expected a string"),
        ({"context": {"rule": "some"}}, "ledger.context"),
        ({"context": {"rule": "windows", "window": 5}}, "ledger.context"),
        ({"context": "carried"}, "ledger.context"),
        ({"perplexity": 3.9}, "ledger.perplexity: expected 4.0.* from the sums, received 3.9"),
        ({"nll_nats": 2000.0}, "altered"),
        ({"colour": 1}, "ledger.colour: there is no such field"),
    ],
)
def test_what_is_not_a_ledger_is_refused_by_field(changes, message):
    with pytest.raises(UserError, match=message) as error:
        Ledger.from_dict(make_ledger().to_dict() | changes)
    assert "\n" not in str(error.value)


def test_missing_fields_and_other_values_are_refused():
    values = make_ledger().to_dict()
    del values["text_sha256"]
    with pytest.raises(UserError, match="ledger.text_sha256: it is missing"):
        Ledger.from_dict(values)
    for other in (None, [], "text", 5):
        with pytest.raises(UserError, match="expected a mapping"):
            Ledger.from_dict(other)


def test_the_table_shows_figures_with_everything_behind_them():
    windows = {"rule": "windows", "window": 64, "stride": 32}
    table = render_table(make_ledger(context=windows, num_unknown=10, bytes_lost=7, words_lost=3))
    for shown in (
        "4.0000",
        "1,999",
        "1 (the split's first token has no context)",
        "0.5000%",
        "400, 2,100",
        "3, 7",
        "windows of 64, stride 32",
        "python_reference, test",
        "aaaaaaaaaaaa",
        "character",
        "1,234 parameters",
        "step 120",
    ):
        assert shown in table
    assert render_table(make_ledger(num_words=0)).count(" -") == 1
    assert "\x1b" not in table  # no colours where it is not a terminal


def test_a_terminal_gets_the_same_content(monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    table = render_table(make_ledger(model="[bold]model"))
    assert "[bold]model" in table and "step 120" in table
