"""Pages of HTML: one heading, one style, and no text that is read as a tag."""

import re

from lm_zoo.html_page import STYLE, escaped, page


def test_a_title_is_text_wherever_it_stands():
    text = page('</title><b>bold & "quoted"', "<p>below</p>", "p { color: var(--soft); }\n")
    assert "<b>" not in text and text.count("&lt;/title&gt;&lt;b&gt;bold &amp; &quot;quoted") == 2
    assert text.startswith("<!DOCTYPE html>\n") and "</h1>\n<p>below</p>\n</main>" in text
    assert re.findall(r"<style>\n(.*?)</style>", text, re.DOTALL) == [
        STYLE + "p { color: var(--soft); }\n"
    ]


def test_anything_is_escaped():
    assert escaped(3) == "3" and escaped("a<b") == "a&lt;b"
