"""Pages of HTML: one heading, one style, and no text that is read as a tag."""

import re

import jinja2
import pytest

from lm_zoo.templates import Markup, render


def test_a_title_is_text_wherever_it_stands():
    style, body = Markup("p { color: var(--soft); }"), Markup("<p>below</p>")
    text = render("page.html", title='</title><b>bold & "quoted"', body=body, style=style)
    assert "<b>" not in text and text.count("&lt;/title&gt;&lt;b&gt;bold &amp; &#34;quoted") == 2
    assert text.startswith("<!DOCTYPE html>\n") and "</h1>\n<p>below</p>\n</main>" in text
    (found,) = re.findall(r"<style>\n(.*?)</style>", text, re.DOTALL)
    assert "--soft: " in found and found.rstrip().endswith("p { color: var(--soft); }")


def test_what_is_put_in_is_text_and_is_not_left_out():
    assert "&lt;i&gt;" in render("page.html", title="a", body="<i>", style="")
    with pytest.raises(jinja2.UndefinedError, match="body"):
        render("page.html", title="a", style="")
