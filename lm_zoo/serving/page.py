"""`/`: the page on which a person types a prompt, or what is to be translated."""

import base64
import functools
import hashlib
import importlib.resources
import re

from starlette.responses import HTMLResponse

from lm_zoo import html_page


def page_response(model):
    """Returns the page for a `ServedModel`.

    It is one file that loads nothing from elsewhere, which its Content-Security-Policy holds: only
    the style and script in it are used, and only this server is asked.
    """
    kind, size = model.card.get("model"), model.tokenizer.vocab_size
    about = f"Version {model.version}{', ' + kind if kind else ''}, vocabulary of {size:,} tokens"
    file_name = "translation_page.html" if "translate" in model.signatures else "page.html"
    page, policy = _page(file_name, model.name, about)
    return HTMLResponse(
        page,
        headers={
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-cache",
        },
    )


@functools.lru_cache(maxsize=1)
def _page(file_name, name, about):
    text = importlib.resources.files("lm_zoo.serving").joinpath(file_name).read_text("utf-8")
    style, body = re.fullmatch(r"<style>\n(.*?)</style>\n(.*)\n", text, re.DOTALL).groups()
    body = body.replace("{{ABOUT}}", html_page.escaped(about))
    page = html_page.page(name, body, style)
    return page, _policy(page)


def _policy(page):
    """A policy that allows the page's own style and script, by their hashes."""
    hashes = {}
    for tag in ("style", "script"):
        content = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)[1]
        digest = hashlib.sha256(content.encode("utf-8")).digest()
        hashes[tag] = base64.b64encode(digest).decode("ascii")
    return (
        f"default-src 'none'; style-src 'sha256-{hashes['style']}'; "
        f"script-src 'sha256-{hashes['script']}'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
