"""BLEU, chrF and TER against sacrebleu called directly; and sums over parts of a set."""

import sys

import numpy as np
import pytest

from lm_zoo.errors import UserError
from lm_zoo.tasks.translation.metrics import (
    bleu_counts,
    bleu_of_counts,
    require_sacrebleu,
    translation_scores,
)

sacrebleu = pytest.importorskip("sacrebleu")

REFERENCES = [
    "A man in an orange hat is starring at something.",
    "A Boston Terrier is running on lush green grass in front of a white fence.",
    "A girl in karate uniform breaking a stick with a front kick.",
    "Five people wearing winter jackets and helmets stand in the snow.",
    "Yes.",
]
OTHERS = [
    "A man with an orange hat stares at something.",
    "A dog runs over the green grass before a white fence.",
    "A girl breaks a stick with her foot.",
    "Five people in winter jackets stand in the snow.",
    "Yes!",
]
HYPOTHESES = [
    "A man in an orange hat looks at something.",
    "a boston terrier runs on green grass in front of a white fence.",
    "A girl in a karate uniform breaks a stick with a kick.",
    "Five people wearing winter jackets and helmets stand in the snow.",
    "",
]


@pytest.mark.parametrize("references", [REFERENCES, [REFERENCES, OTHERS]])
def test_scores_are_those_of_sacrebleu(references):
    sets = references if isinstance(references[0], list) else [references]
    scores = translation_scores(HYPOTHESES, references)
    assert scores.bleu == sacrebleu.corpus_bleu(HYPOTHESES, sets).score
    assert scores.chrf == sacrebleu.corpus_chrf(HYPOTHESES, sets).score
    assert scores.ter == sacrebleu.corpus_ter(HYPOTHESES, sets).score
    assert scores.exact_match == 20.0  # the fourth of five
    assert (scores.num_pairs, scores.num_references) == (5, len(sets))
    count = f"nrefs:{len(sets)}|case:mixed|eff:no|tok:13a|smooth:exp"
    assert scores.signatures["bleu"] == f"{count}|version:{sacrebleu.__version__}"


def test_tokenization_and_case_are_passed_on_and_named():
    options = {"tokenize": "char", "lowercase": True}
    scores = translation_scores(HYPOTHESES, REFERENCES, ("bleu", "chrf"), **options)
    assert scores.bleu == sacrebleu.corpus_bleu(HYPOTHESES, [REFERENCES], **options).score
    assert scores.bleu != translation_scores(HYPOTHESES, REFERENCES).bleu
    assert "case:lc" in scores.signatures["chrf"] and "tok:char" in scores.signatures["bleu"]
    assert scores.ter is None and "ter" not in scores.signatures


def test_counts_of_parts_add_up_to_the_bleu_of_the_whole():
    parts = [slice(0, 1), slice(1, 4), slice(4, 4), slice(4, 5)]
    counts = sum(bleu_counts(HYPOTHESES[part], REFERENCES[part]) for part in parts)
    expected = sacrebleu.corpus_bleu(HYPOTHESES, [REFERENCES])
    assert bleu_of_counts(counts) == expected.score
    lengths = expected.sys_len, expected.ref_len
    assert counts.tolist() == [*expected.counts, *expected.totals, *lengths]


def test_bleu_without_longer_matches_is_smoothed_as_that_of_the_whole_set():
    hypotheses, references = ["the cat ran to a house"], ["the cat sat on the mat"]
    expected = sacrebleu.corpus_bleu(hypotheses, [references]).score
    assert expected > 0
    assert bleu_of_counts(bleu_counts(hypotheses, references)) == expected
    assert bleu_of_counts(np.zeros(10)) == 0.0


@pytest.mark.parametrize(
    "arguments, options, message",
    [
        ((HYPOTHESES, REFERENCES[:3]), {}, "for each of 5 translations, received 3"),
        ((HYPOTHESES, [REFERENCES, OTHERS[:2]]), {}, "received 2 in set 2"),
        (([], []), {}, "at least one translation"),
        ((HYPOTHESES, REFERENCES), {"metrics": ("blue",)}, "Did you mean 'bleu'"),
        ((HYPOTHESES, REFERENCES), {"tokenize": "13b"}, "tokenize: unknown name '13b'"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(arguments, options, message):
    with pytest.raises(UserError) as error:
        translation_scores(*arguments, **options)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_without_sacrebleu_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    with pytest.raises(UserError, match=r"task.bleu_pairs: .*lm_zoo\[translation\]"):
        require_sacrebleu("task.bleu_pairs")
