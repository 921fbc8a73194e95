"""Comparison: like with like, best first, and a clear refusal otherwise."""

import json
import math

import pytest

from lm_zoo.errors import UserError
from lm_zoo.evaluation.compare import compare
from lm_zoo.evaluation.scores import Scores
from lm_zoo.tasks.translation.scores import TranslationScores
from tests.evaluation.test_ledger import make_ledger

OTHER = {"tokenizer": "bpe", "tokenizer_fingerprint": "e" * 64, "tokens_scored": 499}


def test_one_tokenizer_is_compared_per_token_best_first():
    worse, better = (
        make_ledger(nll_nats=1999 * math.log(6)),
        make_ledger(nll_nats=1999 * math.log(3)),
    )
    comparison = compare({"runs/a": worse, "runs/b": better})
    assert comparison.by == "perplexity"
    assert [row["name"] for row in comparison.rows] == ["runs/b", "runs/a"]
    assert [row["perplexity"] for row in comparison.rows] == pytest.approx([3, 6])
    assert [row["ratio"] for row in comparison.rows] == pytest.approx([1, 2])
    assert comparison.notes == []


def test_other_tokenizers_are_converted_and_it_is_said():
    characters, bpe = make_ledger(nll_nats=2000.0), make_ledger(nll_nats=1900.0, **OTHER)
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


@pytest.mark.parametrize("by", ["auto", "bits_per_byte", "perplexity_per_word"])
@pytest.mark.parametrize(
    "hidden, why",
    [
        ({"num_unknown": 10}, "in a 0.5000% of the tokens are <unk>"),
        ({"bytes_lost": 525}, "in a 25.0000% of the bytes are lost"),
    ],
)
def test_text_that_was_not_predicted_cannot_be_compared_across_tokenizers(by, hidden, why):
    lossy = make_ledger(nll_nats=1000.0, **hidden)
    with pytest.raises(
        UserError, match=f"text that is lost in tokenization is not predicted: {why}"
    ):
        compare({"a": lossy, "b": make_ledger(**OTHER)}, by)


def test_with_one_tokenizer_the_same_text_is_hidden_and_marked():
    better, worse = (make_ledger(nll_nats=nats, bytes_lost=21) for nats in (2000.0, 2500.0))
    comparison = compare({"worse": worse, "better": better})
    assert comparison.by == "perplexity" and comparison.rows[0]["name"] == "better"
    assert "1.0000% of the bytes are lost" in comparison.notes[0]
    row = comparison.to_dict()["rows"][0]
    per_byte = 2000.0 / math.log(2) / 2100
    assert row["bits_per_byte"] is None
    assert row["bits_per_byte_lower_bound"] == pytest.approx(per_byte)
    assert f">= {per_byte:.4f}" in str(comparison).splitlines()[1]
    with pytest.raises(UserError, match="by: .*received 'bits_per_byte'; use perplexity"):
        compare([better, worse], by="bits_per_byte")


def test_figures_of_few_tokens_are_marked():
    comparison = compare([make_ledger(tokens_scored=37, nll_nats=37.0)] * 2)
    assert "2.7183 *" in str(comparison)
    assert "fewer than 500 tokens" in comparison.notes[-1] and comparison.rows[0]["few_tokens"]


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
        ("bytes_lost", 1),
    ],
)
def test_unlike_figures_are_refused_with_the_field_and_both_values(field, value):
    one, other = make_ledger(), make_ledger(**{field: value})
    with pytest.raises(UserError) as error:
        compare({"first": one, "second": other})
    message = str(error.value)
    assert message.startswith(f"compare: {field} differs")
    assert f"{getattr(one, field)!r} in first" in message and f"{value!r} in second" in message


def test_context_rules_are_shown_and_a_difference_is_noted():
    windows = {"rule": "windows", "window": 64, "stride": 32}
    comparison = compare([make_ledger(), make_ledger(nll_nats=9000.0, context=windows)])
    shown = [row["context"] for row in comparison.rows]
    assert shown == ["carried state, 1 stream", "windows of 64, stride 32"]
    assert "context rules differ" in comparison.notes[0]


def test_it_renders_as_text_and_json():
    cost = {"seen": 8192, "unit": "tokens", "seconds": 8.5}
    comparison = compare(
        {"runs/a": make_ledger(training=cost), "runs/b": make_ledger(nll_nats=1999 * math.log(6))}
    )
    text = str(comparison)
    lines = text.splitlines()
    assert lines[0].split("  ")[0] == "run" and lines[0].split()[1:4] == ["perplexity", "per", "word"]
    assert lines[1].startswith("runs/a") and "4.0000" in lines[1] and "1.000" in lines[1]
    assert lines[2].startswith("runs/b") and "1.500" in lines[2]
    assert max(map(len, lines)) <= 80
    at = lines.index("") + 2  # what the runs took
    assert lines[at].split() == "runs/a lstm_lm 1,234 120 8,192 8.5 s".split()
    assert lines[at + 1].split()[-2:] == ["-", "-"]  # imported, perhaps
    values = json.loads(json.dumps(comparison.to_dict()))
    assert values["by"] == "perplexity" and values["rows"][1]["ratio"] == pytest.approx(1.5)


def test_nothing_and_unknown_measures_are_refused():
    with pytest.raises(UserError, match="at least one ledger"):
        compare([])
    with pytest.raises(UserError, match="Did you mean 'perplexity'"):
        compare([make_ledger()], by="perplexty")
    with pytest.raises(UserError, match="by: expected a figure that every ledger has"):
        compare([make_ledger(num_words=0)], by="perplexity_per_word")


def scores_of(bleu, **changes):
    signatures = {"bleu": "nrefs:1|tok:13a", "chrf": "nrefs:1|nc:6"}
    values = {"bleu": bleu, "chrf": 2 * bleu, "signatures": signatures}
    return TranslationScores(
        **({"num_pairs": 10, "num_references": 1, "exact_match": 0.0} | values | changes)
    )


def test_translations_are_compared_by_bleu_highest_first():
    ledgers = {"a": make_ledger(), "b": make_ledger(**OTHER, num_unknown=10), "c": make_ledger()}
    found = {"a": scores_of(20.0), "b": scores_of(30.0)}
    # Not all have translations: as before, where <unk> in one of several tokenizers is refused.
    with pytest.raises(UserError, match="are <unk>"):
        compare(ledgers, translations=found)
    comparison = compare(ledgers, translations=found | {"c": scores_of(15.0)})
    assert comparison.by == "bleu"
    assert [row["name"] for row in comparison.rows] == ["b", "a", "c"]
    assert [row["ratio"] for row in comparison.rows] == pytest.approx([1, 2 / 3, 1 / 2])
    assert all(row["bits_per_byte"] is None for row in comparison.rows)
    lines = str(comparison).splitlines()
    assert "BLEU" in lines[0] and "perplexity" not in lines[0] and "30.00" in lines[1]
    assert "the perplexities are not comparable" in lines[5] and lines[6] == "bleu: nrefs:1|tok:13a"


def test_perplexities_stand_beside_bleu_where_they_can_be_compared():
    found = {"a": scores_of(20.0), "b": scores_of(30.0)}
    one = compare({"a": make_ledger(), "b": make_ledger()}, translations=found)
    assert one.by == "bleu" and all(row["perplexity"] for row in one.rows)
    several = compare({"a": make_ledger(), "b": make_ledger(**OTHER)}, translations=found)
    assert all(row["perplexity"] is None and row["bits_per_byte"] for row in several.rows)
    by_perplexity = compare(
        {"a": make_ledger(), "b": make_ledger()}, by="perplexity", translations=found
    )
    assert by_perplexity.rows[0]["name"] == "a"


def test_scores_that_were_counted_otherwise_are_refused():
    ledgers = {"a": make_ledger(), "b": make_ledger()}
    for changes, message in (
        ({"num_pairs": 9}, "num_pairs differs.*10 in a, 9 in b"),
        ({"signatures": {"bleu": "nrefs:1|tok:zh"}}, "signature of bleu.*13a' in a.*zh' in b"),
    ):
        with pytest.raises(UserError, match=message):
            compare(ledgers, translations={"a": scores_of(1.0), "b": scores_of(2.0, **changes)})
    scores = scores_of(20.0)
    read = Scores.from_dict(json.loads(json.dumps(scores.to_dict() | {"step": 3})))
    assert (read.num_pairs, read.labels) == (scores.num_pairs, scores.labels)
    assert (read.values, read.signatures) == (scores.values, scores.signatures)
    for values in ([], {}, scores.to_dict() | {"bleu": "20"}):
        with pytest.raises(UserError, match="scores: .*evaluate the run again"):
            Scores.from_dict(values)
