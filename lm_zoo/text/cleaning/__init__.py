"""Cleaning steps: what can be done to text before it becomes tokens.

A new step is one function and one line in `CLEANING_STEPS`.
"""

from lm_zoo.registration import Registry
from lm_zoo.text.cleaning import exact_duplicates as exact
from lm_zoo.text.cleaning import filters, language, pairs, web_page
from lm_zoo.text.cleaning import held_out_overlap as overlap
from lm_zoo.text.cleaning import near_duplicates as near
from lm_zoo.text.cleaning.characters import (
    check_fix_encoding,
    control_characters,
    fix_encoding,
    nfc,
    nfkc,
    whitespace,
)
from lm_zoo.text.cleaning.gutenberg import gutenberg
from lm_zoo.text.cleaning.repetition import repetition
from lm_zoo.text.cleaning.step import CorpusStep, DocumentStep, Drop, PairStep

__all__ = ["CLEANING_STEPS", "CorpusStep", "DocumentStep", "Drop", "PairStep"]

_OWN = {
    "nfc": DocumentStep(nfc, streams=True),
    "nfkc": DocumentStep(nfkc, streams=True),
    "fix_encoding": DocumentStep(
        fix_encoding, streams=True, libraries=("ftfy",), check=check_fix_encoding
    ),
    "control_characters": DocumentStep(control_characters, streams=True),
    "whitespace": DocumentStep(whitespace, streams=True),
    "to_simplified": DocumentStep(
        language.to_simplified,
        streams=True,
        libraries=("opencc",),
        check=language.check_to_simplified,
    ),
    "to_traditional": DocumentStep(
        language.to_traditional,
        streams=True,
        libraries=("opencc",),
        check=language.check_to_traditional,
    ),
    "html": DocumentStep(web_page.html, libraries=("selectolax",), check=web_page.check_html),
    "gutenberg": DocumentStep(gutenberg, pairs=False),
    "length": DocumentStep(
        filters.length,
        settings=("min_characters", "max_characters", "min_words", "max_words"),
        check=filters.check_length,
    ),
    "symbol_ratio": DocumentStep(
        filters.symbol_ratio, settings=("max_symbol_ratio", "min_alphabetic_words")
    ),
    "repetition": DocumentStep(repetition, settings=("repetition_tolerance",)),
    "language": DocumentStep(
        language.language,
        settings=("languages", "min_language_probability"),
        libraries=("py3langid",),
        check=language.check_language,
    ),
    "exact_duplicates": CorpusStep(
        exact.exact_duplicates, exact.judge_exact_duplicates, pairs=False
    ),
    "near_duplicates": CorpusStep(
        near.near_duplicates,
        near.judge_near_duplicates,
        settings=("near_duplicate_similarity", "near_duplicate_words"),
    ),
    "held_out_overlap": CorpusStep(
        overlap.held_out_overlap,
        overlap.judge_held_out_overlap,
        splits=("test", "validation"),
        merged=True,
        settings=("overlap_words", "max_overlap"),
    ),
    "pair_lines": PairStep(pairs.pair_lines),
    "pair_empty": PairStep(pairs.pair_empty),
    "pair_identical": PairStep(pairs.pair_identical),
    "pair_length_ratio": PairStep(pairs.pair_length_ratio, settings=("max_length_ratio",)),
    "pair_duplicates": CorpusStep(pairs.pair_duplicates, exact.judge_exact_duplicates, texts=False),
}

CLEANING_STEPS = Registry(
    "cleaning_step",
    _OWN,
    lambda what: isinstance(what, (DocumentStep, PairStep, CorpusStep)),
    "a DocumentStep or another step of lm_zoo.text.cleaning.step",
)
