"""Steps that change characters and lines: what they change, and what they leave alone."""

import itertools
import random

import pytest

from lm_zoo.config import CleaningConfig
from lm_zoo.data.cleaning.cleaning_stages import STABLE_CUT
from lm_zoo.text.cleaning import CLEANING_STEPS
from lm_zoo.text.cleaning.characters import (
    control_characters,
    fix_encoding,
    nfc,
    nfkc,
    whitespace,
)
from tests.text.strings import STRINGS

SETTINGS = CleaningConfig()
ENCODING_REPAIRS = [  # ftfy's own examples (its README and documentation)
    ("âœ” No problems", "✔ No problems"),
    (
        "The Mona Lisa doesnÃƒÂ¢Ã¢â€šÂ¬Ã¢â€žÂ¢t have eyebrows.",
        "The Mona Lisa doesn’t have eyebrows.",
    ),
    ("l’humanitÃ©", "l’humanité"),
    ("Ãºnico", "único"),
    ("This â€” should be an em dash", "This — should be an em dash"),
    ("\ud83d\ude00", "\U0001f600"),
]


@pytest.mark.parametrize("broken, right", ENCODING_REPAIRS)
def test_broken_encodings_are_repaired(broken, right):
    assert fix_encoding(broken, SETTINGS) == right
    assert fix_encoding(f"fine\n{broken}\n\nfine é", SETTINGS) == f"fine\n{right}\n\nfine é"


def test_repair_is_ftfys_with_all_its_other_habits_off():
    import ftfy

    lines = [broken for broken, _ in ENCODING_REPAIRS] + list(STRINGS) + ["œ", "pâté", "Ã la"]
    text = "\n".join(lines)
    expected = ftfy.fix_text(
        text,
        unescape_html=False,
        remove_terminal_escapes=False,
        fix_latin_ligatures=False,
        fix_character_width=False,
        uncurl_quotes=False,
        fix_line_breaks=False,
        remove_control_chars=False,
        normalization=None,
    )
    assert fix_encoding(text, SETTINGS) == expected


@pytest.mark.parametrize(
    "text", ["“Quoted” ﬂat", "ＡＢＣ，。！", "鳳凰臺上鳳凰遊", "A &amp; B", "naïve"]
)
def test_repair_leaves_right_text_alone(text):
    assert fix_encoding(text, SETTINGS) == text


def test_normal_forms():
    assert nfc("e\u0301 ﬁ Ａ", SETTINGS) == "é ﬁ Ａ"
    assert nfkc("e\u0301 ﬁ Ａ ½", SETTINGS) == "é fi A 1⁄2"


def test_control_characters_go_and_what_spells_words_stays():
    assert control_characters("a\x00b\x1b[0m\u200b\ufeffc\ud800\x85", SETTINGS) == "ab[0mc\x85"
    stays = "tab\tline\nreturn\r\fनमस्ते क्\u200dष می\u200cخواهم 👩\u200d💻"
    assert control_characters(stays, SETTINGS) == stays


def test_white_space_is_made_plain():
    text = "a\r\nb\rc \t \n\n\n\n  d  e\u00a0f\u3000\n\tg\u2028h \n"
    assert whitespace(text, SETTINGS) == "a\nb\nc\n\n  d e f\n\tg\nh\n"
    assert whitespace("　　床前明月光", SETTINGS) == "　　床前明月光"


@pytest.mark.parametrize("name", ["control_characters", "whitespace", "gutenberg", "html"])
@pytest.mark.parametrize(
    "piece", [" ", "\t", "\n", "\r", "x", "<", "<p ", "<!--", "<div>", "*** ", ". ", "_x "]
)
def test_time_is_linear(name, piece):
    """A quadratic pattern would take hours on this; times are not asserted."""
    CLEANING_STEPS[name].function("a" + piece * 200_000 + "b", SETTINGS)


@pytest.mark.parametrize("name", [n for n, step in CLEANING_STEPS.items() if step.streams])
def test_a_stream_may_be_cut(name):
    """Steps that streams may have do to the parts what they do to the whole."""
    step = CLEANING_STEPS[name].function
    randomness = random.Random(0)
    pieces = list("ab \n\n\r\t.漢乾發干\u3000\u00a0\u0301é") + [
        "œ",
        "â€™",
        "\ufeff",
        "Ｆ",
        "Â\xa0",
        "Ã©",
    ]
    for _ in range(300):
        text = "".join(randomness.choices(pieces, k=60))
        places = [0, *(match.end() for match in STABLE_CUT.finditer(text)), len(text)]
        parts = [text[a:b] for a, b in itertools.pairwise(places)]
        assert "".join(step(part, SETTINGS) for part in parts) == step(text, SETTINGS)
