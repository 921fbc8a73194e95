"""The page: what it may load, and what a person sees in a real browser."""

import http.client
import json
import math
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
    with browsers.opened(tmp_path_factory.mktemp("profile"), server.address) as opened:
        assert opened.run("$('prediction').value") == "generate"  # what it opens with
        yield opened


def choose(browser, prediction):
    """Chooses what to ask for, in a form as it is at first."""
    browser.run("document.querySelectorAll('textarea').forEach(area => area.value = '')")
    browser.run(f"$('prediction').value = '{prediction}'")
    browser.run("$('prediction').dispatchEvent(new Event('change'))")


def fill(browser, prompt, **settings):
    choose(browser, "generate")
    browser.run("document.querySelector('[name=prompt]').focus()")
    browser.call("Input.insertText", text=prompt)
    for name, value in settings.items():
        kind = "checked" if isinstance(value, bool) else "value"
        browser.run(f"document.querySelector('[name={name}]').{kind} = {json.dumps(value)}")


def bin_of(log_prob):
    """The class of a token of this probability."""
    least = (0.5, 0.2, 0.05, 0.01, 0.001, 0)
    return f"p{next(i for i, p in enumerate(least) if math.exp(log_prob) >= p)}"


def press(browser):
    browser.run("document.getElementById('go').click()")
    browser.wait("document.querySelectorAll('#text .token').length")


def finish(browser):
    browser.wait("!document.getElementById('go').disabled")
    return browser.run("document.getElementById('status').textContent")


def test_tokens_stream_in_with_their_probability_as_colour(browser, server):
    fill(browser, "the cat", max_new_tokens=40, seed=3, temperature=0.8, ignore_eos=True)
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
    for name, log_prob in zip(classes, expected["logprobs"]["token_logprobs"], strict=True):
        assert bin_of(log_prob) in name
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
    fill(browser, "the cat sat", max_new_tokens=3, temperature=0, echo=True)
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


def ask(browser, prediction, **values):
    """Fills in and sends the form of a prediction; returns what the page says at the end."""
    choose(browser, prediction)
    for name, value in values.items():
        browser.run(f"document.querySelector('[name={name}]').value = {json.dumps(value)}")
    browser.run("$('go').click()")
    return finish(browser)


def test_what_is_hidden_is_not_shown(browser):
    assert browser.run("$('key').offsetHeight") == 0 < browser.run("$('choice').offsetHeight")


def test_every_prediction_of_the_card_has_a_form(browser, model):
    names = browser.run("[...$('prediction').options].map(option => option.value)")
    assert names == list(model.signatures)
    for name, signature in model.signatures.items():
        choose(browser, name)
        found = browser.run("[...document.querySelectorAll('#form [name]')].map(c => c.name)")
        assert set(signature.inputs) <= set(found)
        assert browser.run("$('help').textContent") == signature.prediction.help
    bounds = "(c => [c.type, c.min, c.max, c.value])(document.querySelector('[name=k]'))"
    choose(browser, "next_token")
    assert browser.run(bounds) == ["number", "1", "", "5"]


def test_scores_and_vectors_are_shown_text_by_text(browser, server):
    texts = ["the cat sat", "möwe 海"]
    assert ask(browser, "score", text="\n".join(texts)).startswith("2 texts in ")
    figures = browser.run("[...document.querySelectorAll('section')].map(s => s.innerText)")
    for text, shown, row in zip(
        texts, figures, server.predict(instances=texts)["predictions"], strict=True
    ):
        assert shown.startswith(text) and f"log prob {row['log_prob']:.3f}" in shown
        assert f"num tokens {row['num_tokens']}" in shown
    assert ask(browser, "embed", text="the cat").startswith("1 text in ")
    assert "vector: 16 numbers of length" in browser.run("$('results').innerText")


def test_the_likeliest_next_tokens_are_a_table(browser, server):
    ask(browser, "next_token", text="the cat", k="3")
    cells = (
        "[...document.querySelectorAll('#results tr')].map(r => [...r.cells].map(c => c.innerText))"
    )
    body = {"signature_name": "next_token", "inputs": {"text": ["the cat"], "k": 3}}
    best = server.predict(**body)["outputs"]
    rows = browser.run(cells)
    assert [row[0].strip() for row in rows] == [token.strip() for token in best["tokens"][0]]
    shown = [float(row[1].removesuffix(" %")) for row in rows]
    expected = [100 * math.exp(log_prob) for log_prob in best["log_probs"][0]]
    assert shown == pytest.approx(expected, rel=0.05)


def test_the_tokens_of_each_text_are_coloured(browser, server):
    ask(browser, "token_logprobs", text="the cat sat\nmöwe 海")
    texts = browser.run(
        "[...document.querySelectorAll('section .tokens')].map(t => t.textContent.trim())"
    )
    assert texts == ["the cat sat", "möwe 海"]
    found = server.predict(signature_name="token_logprobs", inputs=["the cat sat"])["outputs"]
    classes = browser.run("[...document.querySelectorAll('section .token')].map(t => t.className)")
    assert len(classes) == 5
    for name, log_prob in zip(classes, found["log_probs"]):
        assert name == f"token {bin_of(log_prob)}"


def test_a_mistake_in_a_setting_is_told(browser):
    assert ask(browser, "score") == "There is no text."
    assert ask(browser, "next_token", text="a", k="1000").endswith("received 1000.")
    assert browser.run("$('status').className") == "bad"


def test_stop_ends_it_and_frees_the_server(browser, server):
    fill(browser, "the", max_new_tokens=2048, ignore_eos=True)
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
        f"/v1/models/{NAME}:predict",
        "about:blank",
        "data:,",
    }
