"""Comparison: like with like, best first, and a clear refusal otherwise."""

import json
import math

import pytest

from lm_zoo.errors import UserError
from lm_zoo.evaluation.compare import compare, render_comparison
from lm_zoo.evaluation.translation_scores import TranslationScores
from tests.evaluation.test_ledger import make_ledger

OTHER = {"tokenizer": "bpe", "tokenizer_fingerprint": "e" * 64, "tokens_scored": 499}


def known(**changes):
    return make_ledger(**({"num_unknown": 0} | changes))


def test_one_tokenizer_is_compared_per_token_best_first():
    worse, better = known(nll_nats=1999 * math.log(6)), known(nll_nats=1999 * math.log(3))
    comparison = compare({"runs/a": worse, "runs/b": better})
    assert comparison.by == "perplexity"
    assert [row["name"] for row in comparison.rows] == ["runs/b", "runs/a"]
    assert [row["perplexity"] for row in comparison.rows] == pytest.approx([3, 6])
    assert [row["ratio"] for row in comparison.rows] == pytest.approx([1, 2])
    assert comparison.notes == []


def test_other_tokenizers_are_converted_and_it_is_said():
    characters, bpe = known(nll_nats=2000.0), known(nll_nats=1900.0, **OTHER)
    assert bpe.perplexity > characters.perplexity  # what a silent comparison would get wrong
    comparison = compare([characters, bpe])
    assert comparison.by == "bits_per_byte"
    assert [row["tokenizer"] for row in comparison.rows] == ["bpe", "character"]
    assert comparison.rows[0]["bits_per_byte"] == pytest.approx(1900 / math.log(2) / 2100)
    assert comparison.rows[0]["perplexity_per_word"] == pytest.approx(math.exp(1900 / 400))
    assert all(row["perplexity"] is None for row in comparison.rows)
    assert "tokenizers differ" in comparison.notes[0]
    with pytest.raises(UserError, match="tokenizer_fingerprint differs: 'ffff.*'eeee"):
        compare([characters, bpe], by="perplexity")
    assert compare([characters, bpe], by="perplexity_per_word").by == "perplexity_per_word"


def test_unknown_words_cannot_be_compared_across_tokenizers():
    with pytest.raises(UserError, match=r"unknown_rate.*0.5000% in a, 0.0000% in b"):
        compare({"a": make_ledger(), "b": known(**OTHER)})
    # With one tokenizer the same words are unknown to all.
    assert "<unk>" in compare([make_ledger(), make_ledger()]).notes[0]


@pytest.mark.parametrize(
    "field, value",
    [
        ("text_sha256", "b" * 64),
        ("split", "validation"),
        ("num_bytes", 2101),
        ("num_words", 401),
        ("tokens_scored", 1998),
        ("tokens_not_scored", 2),
        ("num_unknown", 1),
    ],
)
def test_unlike_figures_are_refused_with_the_field_and_both_values(field, value):
    one, other = known(), known(**{field: value})
    with pytest.raises(UserError) as error:
        compare({"first": one, "second": other})
    message = str(error.value)
    assert message.startswith(f"compare: {field} differs")
    assert f"{getattr(one, field)!r} in first" in message and f"{value!r} in second" in message


def test_context_rules_are_shown_and_a_difference_is_noted():
    windows = {"rule": "windows", "window": 64, "stride": 32}
    comparison = compare([known(), known(nll_nats=9000.0, context=windows)])
    shown = [row["context"] for row in comparison.rows]
    assert shown == ["carried state, 1 stream", "windows of 64, stride 32"]
    assert "context rules differ" in comparison.notes[0]


def test_it_renders_as_text_and_json():
    comparison = compare({"runs/a": known(), "runs/b": known(nll_nats=1999 * math.log(6))})
    text = render_comparison(comparison)
    lines = text.splitlines()
    assert "perplexity per token" in lines[0]
    assert lines[1].startswith("runs/a") and "4.0000" in lines[1] and "1.000" in lines[1]
    assert lines[2].startswith("runs/b") and "1.500" in lines[2]
    values = json.loads(json.dumps(comparison.to_dict()))
    assert values["by"] == "perplexity" and values["rows"][1]["ratio"] == pytest.approx(1.5)


def test_nothing_and_unknown_measures_are_refused():
    with pytest.raises(UserError, match="at least one ledger"):
        compare([])
    with pytest.raises(UserError, match="Did you mean 'perplexity'"):
        compare([known()], by="perplexty")
    with pytest.raises(UserError, match="by: expected a figure that every ledger has"):
        compare([known(num_words=0)], by="perplexity_per_word")


def scores_of(bleu, **changes):
    signatures = {"bleu": "nrefs:1|tok:13a", "chrf": "nrefs:1|nc:6"}
    values = {"bleu": bleu, "chrf": 2 * bleu, "signatures": signatures}
    return TranslationScores(
        **({"num_pairs": 10, "num_references": 1, "exact_match": 0.0} | values | changes)
    )


def test_translations_are_compared_by_bleu_highest_first():
    ledgers = {"a": known(), "b": make_ledger(**OTHER), "c": known()}
    found = {"a": scores_of(20.0), "b": scores_of(30.0)}
    # Not all have translations: as before, where <unk> in one of several tokenizers is refused.
    with pytest.raises(UserError, match="unknown_rate"):
        compare(ledgers, translations=found)
    comparison = compare(ledgers, translations=found | {"c": scores_of(15.0)})
    assert comparison.by == "bleu"
    assert [row["name"] for row in comparison.rows] == ["b", "a", "c"]
    assert [row["ratio"] for row in comparison.rows] == pytest.approx([1, 2 / 3, 1 / 2])
    assert all(row["bits_per_byte"] is None for row in comparison.rows)
    lines = render_comparison(comparison).splitlines()
    assert "BLEU" in lines[0] and "perplexity" not in lines[0] and "30.00" in lines[1]
    assert "no perplexities" in lines[5] and lines[6] == "bleu: nrefs:1|tok:13a"


def test_perplexities_stand_beside_bleu_where_they_can_be_compared():
    found = {"a": scores_of(20.0), "b": scores_of(30.0)}
    one = compare({"a": known(), "b": known()}, translations=found)
    assert one.by == "bleu" and all(row["perplexity"] for row in one.rows)
    several = compare({"a": known(), "b": known(**OTHER)}, translations=found)
    assert all(row["perplexity"] is None and row["bits_per_byte"] for row in several.rows)
    by_perplexity = compare({"a": known(), "b": known()}, by="perplexity", translations=found)
    assert by_perplexity.rows[0]["name"] == "a"


def test_scores_that_were_counted_otherwise_are_refused():
    ledgers = {"a": known(), "b": known()}
    for changes, message in (
        ({"num_pairs": 9}, "num_pairs differs.*10 in a, 9 in b"),
        ({"signatures": {"bleu": "nrefs:1|tok:zh"}}, "signature of bleu.*13a' in a.*zh' in b"),
    ):
        with pytest.raises(UserError, match=message):
            compare(ledgers, translations={"a": scores_of(1.0), "b": scores_of(2.0, **changes)})
    scores = scores_of(20.0)
    assert TranslationScores.from_dict(scores.to_dict() | {"step": 3}) == scores
    for values in ([], {}, scores.to_dict() | {"bleu": "20"}):
        with pytest.raises(UserError, match="translation scores: .*evaluate the run anew"):
            TranslationScores.from_dict(values)
