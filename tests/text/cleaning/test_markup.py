"""HTML and Project Gutenberg's files: what is text stays, what is not goes."""

import re

import pytest

from lm_zoo.config import CleaningConfig
from lm_zoo.text.cleaning.gutenberg import gutenberg
from lm_zoo.text.cleaning.repetition import repetition
from lm_zoo.text.cleaning.step import Drop
from lm_zoo.text.cleaning.web_page import html

SETTINGS = CleaningConfig()
PAGE = """<!DOCTYPE html><html><head><title>Not shown</title><style>p { color: red }</style>
<script>if (a < b) document.write("<p>no</p>");</script></head>
<body class="x"><!-- nor this --><h1>Heading &amp; more</h1>
<p>One <b>bold</b>
   paragraph&nbsp;here.<p>Another,<br>in two lines.
<pre>def f():
    return 1</pre><ul><li>first<li>second</ul>
<table><tr><td>a</td><td>b</td></tr></table><textarea>typed</textarea></body></html>"""


def test_html_becomes_what_a_browser_shows():
    assert html(PAGE, SETTINGS) == (
        "Heading & more\n\nOne bold paragraph\u00a0here.\n\nAnother,\nin two lines.\n\n"
        "def f():\n    return 1\n\nfirst\nsecond\n\na\tb\n\ntyped"
    )


def test_the_words_are_beautiful_soups():
    bs4 = pytest.importorskip("bs4")
    soup = bs4.BeautifulSoup(PAGE, "html.parser")
    for hidden in soup(["script", "style", "title"]):
        hidden.decompose()
    words = soup.get_text(" ").split()
    assert html(PAGE, SETTINGS).split() == words


@pytest.mark.parametrize(
    "text", ["if a < b and c > d: pass", "x <y> z", "1 << 3", "List<String>", "a <- b", "I <3 it"]
)
def test_text_that_is_not_html_is_left_alone(text):
    assert html(text, SETTINGS) == text


def test_entities_are_read_without_tags_too():
    assert html("R&amp;B &#8212; &eacute; AT&T", SETTINGS) == "R&B — é AT&T"


def test_unclosed_and_nested_tags_lose_no_text():
    assert html("<head><title>t</title><body>shown", SETTINGS) == "shown"
    assert html("<div>" * 1000 + "deep" + "</div>tail" * 2, SETTINGS) == "deep\ntail\ntail"
    assert html("<p>" + "a<b>b</i>" * 3, SETTINGS) == "ababab"
    assert html("a<br>" * 5000, SETTINGS) == "a\n" * 4999 + "a"
    assert html("a\ud800<br><br>b<p>", SETTINGS) == "a?\n\nb"


def test_html_nested_without_end_is_dropped_and_not_worked_for_minutes():
    assert html("<div>" * 100_000 + "deep", SETTINGS).reason == "HTML nested too deeply"


BOOK = "CHAPTER I\n\nIt was a dark night.\n\nTHE END"
LICENCE = "\n\nUpdated editions will replace the previous one.\nSTART: FULL LICENSE\n"


@pytest.mark.parametrize(
    "start, end",
    [
        (
            "*** START OF THIS PROJECT GUTENBERG EBOOK A BOOK ***\n\n\n"
            "Produced by A. and\nB. C.\n\n",
            "\n\nEnd of the Project Gutenberg EBook of A Book, by X\n\n"
            "*** END OF THIS PROJECT GUTENBERG EBOOK A BOOK ***",
        ),
        (
            "*** START OF THE PROJECT GUTENBERG EBOOK A VERY LONG\nTITLE OF A BOOK ***\n",
            "*** END OF THE PROJECT GUTENBERG EBOOK A VERY LONG\nTITLE OF A BOOK ***",
        ),
        ("***START OF THE PROJECT GUTENBERG EBOOK A BOOK***\n", "***END OF THE PROJECT GUTENBERG"),
        (
            "*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*\n",
            "\nEnd of Project Gutenberg's Etext of A Book",
        ),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_gutenbergs_frame_goes_in_all_its_forms(start, end, line_end):
    header = "The Project Gutenberg EBook of A Book\n\nTitle: A Book\n\n"
    text = (header + start + "\n" + BOOK + "\n\n" + end + LICENCE).replace("\n", line_end)
    assert gutenberg(text, SETTINGS).replace("\r", "") == BOOK


def test_a_text_that_is_not_gutenbergs_is_left_alone():
    text = "He wrote: START OF THIS PROJECT GUTENBERG EBOOK.\n*** \nThe end of the project.\n"
    assert gutenberg(text, SETTINGS) == text


SENTENCES = {  # first and last of each novel; white space is not compared
    "frankenstein_84.txt": (
        "Frankenstein, or the Modern Prometheus by Mary",
        "borne away by the waves and lost in darkness and distance.",
    ),
    "moby_dick_2701.txt": (
        "MOBY DICK; OR THE WHALE By Herman Melville",
        "in her retracing search after her missing children, only found another orphan.",
    ),
    "pride_and_prejudice_1342.txt": (
        "PRIDE AND PREJUDICE By Jane Austen",
        "by bringing her into Derbyshire, had been the means of uniting them.",
    ),
    "sherlock_holmes_1661.txt": (
        "THE ADVENTURES OF SHERLOCK HOLMES by SIR ARTHUR CONAN DOYLE",
        "at Walsall, where I believe that she has met with considerable success.",
    ),
}


@pytest.mark.parametrize("name", SENTENCES)
def test_nothing_of_the_novels_is_lost_and_nothing_of_the_licence_stays(shared_data, name):
    raw = (shared_data("gutenberg") / name).read_bytes().decode("ascii")
    cleaned = gutenberg(raw, SETTINGS)
    words = " ".join(cleaned.split())
    first, last = SENTENCES[name]
    assert words.startswith(first) and words.endswith(last)
    assert not re.search(r"Gutenberg-tm|\*\*\*|eBook|EBook|License|Produced by", cleaned)
    assert raw.count(cleaned) == 1  # an unbroken piece of the file
    assert not isinstance(repetition(cleaned, SETTINGS), Drop)
