"""Filters beside figures that were computed by hand, and languages on real text."""

import dataclasses
import json

import pytest

from lm_zoo.config import CleaningConfig
from lm_zoo.errors import UserError
from lm_zoo.text.cleaning.filters import check_length, length, symbol_ratio
from lm_zoo.text.cleaning.language import (
    check_language,
    language,
    to_simplified,
    to_traditional,
)
from lm_zoo.text.cleaning.repetition import repeated_shares, repetition
from lm_zoo.text.cleaning.step import Drop
from lm_zoo.text.cleaning.units import has_spaces, terms, words

SETTINGS = CleaningConfig()
PROSE = "The cat sat on the mat while other animals went about their daily business in town."


def with_settings(**fields):
    return dataclasses.replace(SETTINGS, **fields)


def test_words_are_between_spaces_and_characters_where_there_are_none():
    assert words("It's 3 o'clock, naïve\u3000one.") == ["It's", "3", "o'clock,", "naïve", "one."]
    assert words("春眠不覺曉，處處 ok。") == ["春", "眠", "不", "覺", "曉，", "處", "處", "ok。"]
    assert terms("It's ÉTÉ_2, (x)") == ["it", "s", "été", "2", "x"]
    assert terms("It's EASY_2, (x)") == ["it", "s", "easy", "2", "x"]
    assert terms("曉，處A1") == ["曉", "處", "a1"]
    assert has_spaces("English with 漢字") and not has_spaces("漢字漢字 ok")


@pytest.mark.parametrize(
    "fields, text, reason",
    [
        (dict(min_characters=5), "four", "fewer than 5 characters"),
        (dict(min_characters=4), "four", None),
        (dict(min_characters=0, max_characters=3), "four", "more than 3 characters"),
        (dict(min_characters=0, min_words=3), "two words", "fewer than 3 words"),
        (dict(min_characters=0, max_words=3), "春眠不覺曉", "more than 3 words"),
        (dict(min_characters=0, min_words=2, max_words=2), "two words", None),
    ],
)
def test_length(fields, text, reason):
    result = length(text, with_settings(**fields))
    assert result == text if reason is None else result.reason == reason


def test_length_limits_that_nothing_could_pass_are_refused():
    with pytest.raises(UserError, match=r"cleaning.max_words.*\(9\).*received 5"):
        check_length(with_settings(min_words=9, max_words=5))


@pytest.mark.parametrize(
    "text, reason, detail",
    [
        (PROSE, None, None),
        ("words # and # more words here", "too many # or ellipses", "0.29 a word"),  # 2 of 7
        ("well... so… it goes on like this", "too many # or ellipses", "0.29 a word"),  # 2 of 7
        ("one 2 3 4 three", "too few words with a letter", "40% of the words"),
        ("a b c d e f", "words too short or too long on average", "1.0 characters"),
        (
            "- some good words\n* others here too\n-third line of them",
            "nearly all lines are bullet points",
            "100%",
        ),
        (
            "ten words that stand here in one single long line\n" * 2 + "others go on and on, "
            "quite far, then break off...\n" * 1,
            "too many lines end in an ellipsis",
            "33%",
        ),
        ("鳳凰臺上鳳凰遊，鳳去臺空江自流。\n吳宮花草埋幽徑，晉代衣冠成古丘。", None, None),
    ],
)
def test_symbol_ratio(text, reason, detail):
    result = symbol_ratio(text, SETTINGS)
    if reason is None:
        assert result == text
    else:
        assert result.reason == reason and result.detail.startswith(detail)


def shares(text):
    return {what: share for share, _, what in repeated_shares(text)}


def test_repeated_lines_and_paragraphs():
    """Of 4 lines 2 are repeats; of 4 + 4 + 2 + 4 characters 8 are. Blank lines are none."""
    found = shares("abcd\nabcd\n\n\n xy\nabcd \n")
    assert found["lines"] == 2 / 4 and found["lines, by characters"] == 8 / 14
    found = shares("a\nb\n\na\nb\n\nlonger")
    assert found["paragraphs"] == pytest.approx(1 / 3)
    assert found["paragraphs, by characters"] == 3 / 12


def test_the_commonest_words_in_a_row():
    """ "aa bb" stands 3 times: 12 of the 12 + 6 + 1 = 19 characters of words."""
    found = shares("aa bb x aa bb ccc aa bb ddd")
    assert found["commonest 2 words in a row"] == 12 / 19
    assert "commonest 3 words in a row" not in found  # none recurs, nor can a longer one


def test_long_runs_are_counted_once_where_they_overlap():
    """Words 8 to 14 repeat words 1 to 7: 3 runs of 5 that overlap, 7 of 17 words, once each."""
    run = "a b c d e f g".split()
    found = shares(" ".join([*run, "x", *run, "y", "z"]))
    for size in (5, 6, 7):
        assert found[f"runs of {size} words"] == 7 / 17
    assert "runs of 8 words" not in found


def test_repetition_agrees_with_counting_by_brute_force():
    import random

    randomness = random.Random(1)
    for _ in range(30):
        found = randomness.choices(["a", "bb", "ccc", "dddd"], k=randomness.randint(2, 60))
        total = sum(map(len, found))
        computed = shares(" ".join(found))
        for size in range(2, 11):
            runs = [tuple(found[i : i + size]) for i in range(len(found) - size + 1)]
            if size < 5:
                counted = {run: runs.count(run) for run in runs if runs.count(run) > 1}
                top = max((n * sum(map(len, run)) for run, n in counted.items()), default=0)
                key, expected = f"commonest {size} words in a row", min(1, top / total)
            else:
                again = [i for i, run in enumerate(runs) if run in runs[:i]]
                covered = {i + k for i in again for k in range(size)}
                expected = sum(len(found[i]) for i in covered) / total
                key = f"runs of {size} words"
            assert computed.get(key, 0) == pytest.approx(expected)


def test_what_repeats_itself_goes_unless_it_is_tolerated():
    text = PROSE + "\n" + "Click here to subscribe.\n" * 3
    result = repetition(text, SETTINGS)
    assert isinstance(result, Drop) and result.reason == "repeats its lines"
    assert result.detail == "50%, at most 30%"
    assert repetition(text, with_settings(repetition_tolerance=5.0)) == text
    assert repetition(PROSE, SETTINGS) == PROSE
    assert repetition("", SETTINGS) == ""


def test_languages_of_real_text(shared_data):
    rows = (shared_data("stsb") / "stsb-zh-dev.csv").read_text(encoding="utf-8").splitlines()
    texts = {"zh": ["".join(rows[i : i + 3]) for i in range(0, 600, 3)]}
    for code in ("en", "de"):
        path = shared_data("multi30k_en_de") / "raw" / f"val.{code}"
        lines = path.read_text(encoding="utf-8").splitlines()
        texts[code] = [" ".join(lines[i : i + 5]) for i in range(0, 1000, 5)]
    for code, found in texts.items():
        kept = [t for t in found if language(t, with_settings(languages=(code,))) == t]
        assert len(kept) >= 0.97 * len(found)
        others = tuple({"en", "de", "zh"} - {code})
        wrong = [t for t in found if language(t, with_settings(languages=others)) == t]
        assert not wrong


def test_tang_poems_are_chinese_of_some_kind(shared_data):
    """The model takes some of them for Cantonese or Wu, and is never sure."""
    path = shared_data("zh_poetry") / "poet.tang.0.json"
    poems = ["".join(p["paragraphs"]) for p in json.loads(path.read_text(encoding="utf-8"))]
    settings = with_settings(languages=("zh", "yue", "wuu"), min_language_probability=0.0)
    assert all(language(poem, settings) == poem for poem in poems[:300] if poem)


def test_languages_that_are_not_known_are_refused():
    with pytest.raises(UserError, match="cleaning.languages: expected.*none.*en"):
        check_language(SETTINGS)
    with pytest.raises(UserError, match="unknown language 'english'"):
        check_language(with_settings(languages=("en", "english")))
    result = language("Ein kleiner Satz auf Deutsch.", with_settings(languages=("en",)))
    assert result.reason == "in another language: de"


def test_chinese_characters_are_converted_when_asked():
    assert to_simplified("漢字頭髮發展", SETTINGS) == "汉字头发发展"
    assert to_traditional("汉字头发发展", SETTINGS) == "漢字頭髮發展"


@pytest.mark.parametrize("module, step", [("opencc", "to_simplified"), ("ftfy", "fix_encoding")])
def test_a_missing_package_is_named(monkeypatch, module, step):
    import sys

    from lm_zoo.text.cleaning import CLEANING_STEPS
    from lm_zoo.text.cleaning import language as module_of_language

    monkeypatch.setitem(sys.modules, module, None)
    module_of_language._converter.cache_clear()
    with pytest.raises(UserError, match=rf'{module}.*pip install "lm_zoo\[cleaning\]"'):
        CLEANING_STEPS[step].require(step, SETTINGS)
