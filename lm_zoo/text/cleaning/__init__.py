"""Cleaning steps: what can be done to text before it becomes tokens.

A new step is one function and one line in `CLEANING_STEPS`.
"""

from lm_zoo.registration import Registry
from lm_zoo.text.cleaning import exact_duplicates as exact
from lm_zoo.text.cleaning import filters, language, records, web_page
from lm_zoo.text.cleaning import held_out_overlap as overlap
from lm_zoo.text.cleaning import near_duplicates as near
from lm_zoo.text.cleaning.characters import (
    control_characters,
    fix_encoding,
    nfc,
    nfkc,
    whitespace,
)
from lm_zoo.text.cleaning.gutenberg import gutenberg
from lm_zoo.text.cleaning.repetition import repetition
from lm_zoo.text.cleaning.step import CorpusStep, DocumentStep, Drop, RecordStep

__all__ = ["CLEANING_STEPS", "CorpusStep", "DocumentStep", "Drop", "RecordStep"]

_OWN = {
    "nfc": DocumentStep(nfc, streams=True),
    "nfkc": DocumentStep(nfkc, streams=True),
    "fix_encoding": DocumentStep(fix_encoding, streams=True, libraries=("ftfy",)),
    "control_characters": DocumentStep(control_characters, streams=True),
    "whitespace": DocumentStep(whitespace, streams=True),
    "to_simplified": DocumentStep(language.to_simplified, streams=True, libraries=("opencc",)),
    "to_traditional": DocumentStep(language.to_traditional, streams=True, libraries=("opencc",)),
    "html": DocumentStep(web_page.html, libraries=("selectolax",)),
    "gutenberg": DocumentStep(gutenberg, records=False),
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
    "exact_duplicates": CorpusStep(exact.exact_duplicates, exact.fit_exact_duplicates),
    "near_duplicates": CorpusStep(
        near.near_duplicates,
        near.fit_near_duplicates,
        settings=("near_duplicate_similarity", "near_duplicate_words"),
    ),
    "held_out_overlap": CorpusStep(
        overlap.held_out_overlap,
        overlap.fit_held_out_overlap,
        splits=("test", "validation"),
        merged=True,
        settings=("overlap_words", "max_overlap"),
    ),
    "record_lines": RecordStep(records.record_lines),
    "record_empty": RecordStep(records.record_empty),
    "pair_identical": RecordStep(records.pair_identical, num_texts=2),
    "pair_length_ratio": RecordStep(
        records.pair_length_ratio, settings=("max_length_ratio",), num_texts=2
    ),
}

CLEANING_STEPS = Registry(
    "cleaning_step",
    _OWN,
    lambda what: isinstance(what, (DocumentStep, RecordStep, CorpusStep)),
    "a DocumentStep or another step of lm_zoo.text.cleaning.step",
)
