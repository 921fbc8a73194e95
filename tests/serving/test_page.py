"""The page: what it may load, and what a person sees in a real browser."""

import http.client
import json
import re

import pytest

from tests.serving import browser as browsers
from tests.serving.conftest import NAME


@pytest.fixture(scope="module")
def page(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", "/")
    response = connection.getresponse()
    yield response.headers, response.read().decode("utf-8")
    connection.close()


def test_the_page_loads_nothing_from_elsewhere(page):
    headers, text = page
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "connect-src 'self'" in policy
    assert "unsafe" not in policy and "*" not in policy and "http" not in policy
    assert headers["Content-Type"].startswith("text/html")
    assert not re.search(r"https?://|//[\w.]+/|@import|url\(", text)
    assert NAME in text and "{{" not in text


@pytest.fixture(scope="module")
def browser(tmp_path_factory, server):
    if not browsers.find():
        pytest.skip("no Chromium is installed")
    opened = browsers.Browser(tmp_path_factory.mktemp("profile"))
    opened.open(server.address)
    yield opened
    opened.close()


def fill(browser, prompt, **settings):
    browser.run("document.getElementById('prompt').value = ''")
    browser.run("document.getElementById('prompt').focus()")
    browser.call("Input.insertText", text=prompt)
    for name, value in settings.items():
        kind = "checked" if isinstance(value, bool) else "value"
        browser.run(f"document.querySelector('[name={name}]').{kind} = {json.dumps(value)}")


def press(browser):
    browser.run("document.getElementById('go').click()")
    browser.wait("document.querySelectorAll('#text .token').length")


def finish(browser):
    browser.wait("!document.getElementById('go').disabled")
    return browser.run("document.getElementById('status').textContent")


def test_tokens_stream_in_with_their_probability_as_colour(browser, server):
    fill(browser, "the cat", max_tokens=40, seed=3, temperature=0.8, ignore_eos=True, echo=False)
    press(browser)
    status = finish(browser)
    assert status.startswith("40 tokens, ended at the most new tokens") and "perplexity" in status
    expected = server.complete(
        prompt="the cat", max_tokens=40, seed=3, temperature=0.8, ignore_eos=True, logprobs=5
    )["choices"][0]
    assert (
        browser.run("document.getElementById('text').textContent") == "the cat" + expected["text"]
    )
    classes = browser.run("[...document.querySelectorAll('.token')].map(t => t.className)")
    least = (0.5, 0.2, 0.05, 0.01, 0.001, 0)
    for name, log_prob in zip(classes, expected["logprobs"]["token_logprobs"], strict=True):
        assert f"p{next(i for i, p in enumerate(least) if 2.718281828**log_prob >= p)}" in name
    colours = browser.run(
        "new Set([...document.querySelectorAll('.token')].map("
        "t => getComputedStyle(t).backgroundColor)).size"
    )
    assert colours == len({name.split()[1] for name in classes}) > 1


def test_a_token_tells_its_probability_when_it_is_pointed_at_or_reached_by_key(browser):
    place = "document.querySelectorAll('.token')[4].getBoundingClientRect()"
    x, y = browser.run(f"(r => [r.x + r.width / 2, r.y + r.height / 2])({place})")
    browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    about = browser.wait("document.getElementById('about-token').innerText")
    assert 5 <= len(re.findall(r"[\d.]+ %", about)) <= 6
    browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=1, y=1)
    browser.wait("document.getElementById('about-token').hidden")
    browser.run("document.querySelector('.token').focus()")
    browser.call("Input.dispatchKeyEvent", type="keyDown", key="ArrowRight")
    assert browser.run("document.activeElement === document.querySelectorAll('.token')[1]")
    assert not browser.run("document.getElementById('about-token').hidden")
    assert browser.run("document.activeElement.getAttribute('aria-label')").endswith("%")


def test_the_prompt_may_be_coloured_and_a_mistake_is_told(browser):
    fill(browser, "the cat sat", max_tokens=3, echo=True)
    press(browser)
    assert finish(browser).startswith("3 tokens")
    assert browser.run("document.querySelectorAll('.token').length") == 6
    assert browser.run("document.querySelector('.token').className") == "token"  # nothing before it
    fill(browser, "the " * 40)
    browser.run("document.getElementById('go').click()")
    assert finish(browser).startswith("prompt: expected at most 32 tokens")
    assert browser.run("document.getElementById('status').className") == "bad"


def test_a_start_token_does_not_hide_that_the_first_word_is_scored(browser):
    logprobs = {"text_offset": [0, 0, 3], "tokens": ["", "the", " cat"]}
    logprobs |= {"token_logprobs": [None, -1, -2], "top_logprobs": [None, {"the": -1}, {"a": -1}]}
    parts = browser.run(f"JSON.stringify(partsOf('the cat', {json.dumps(logprobs)}))")
    assert [
        (part["text"], [token["logProb"] for token in part["tokens"]]) for part in json.loads(parts)
    ] == [("the", [-1]), (" cat", [-2])]


def test_stop_ends_it_and_frees_the_server(browser, server):
    fill(browser, "the", max_tokens=2048)
    press(browser)
    browser.run("document.getElementById('stop').click()")
    assert finish(browser) == "Stopped."
    assert server.complete(prompt="the", max_tokens=1)


def test_the_browser_had_nothing_to_complain_of(browser, server):
    refused = [error for error in browser.errors() if "400" not in str(error)]
    assert not refused
    assert {address.removeprefix(server.address) for address in browser.addresses()} <= {
        "/",
        "/v1/completions",
        "about:blank",
        "data:,",
    }
