"""`/`: the page on which a person tries what the model can be asked for."""

import base64
import functools
import hashlib
import importlib.resources
import json
import re

from starlette.responses import HTMLResponse

from lm_zoo.templates import Markup, escape, render

# In this order they are one script.
SCRIPTS = ("page.js", "tokens.js", "form.js", "results.js", "completions.js", "start.js")


def page_response(model):
    """Returns the page for a `ServedModel`: forms made of the predictions on its card.

    It is one file that loads nothing from elsewhere, which its Content-Security-Policy holds: only
    the style and script in it are used, and only this server is asked.
    """
    predictions = {
        name: signature.prediction.to_dict() for name, signature in model.signatures.items()
    }
    page, policy = _page(model.name, _about(model), json.dumps(predictions))
    return HTMLResponse(
        page,
        headers={
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-cache",
        },
    )


def _about(model):
    sizes = {name: field.tokenizer.vocab_size for name, field in model.fields.items()}
    listed = " and ".join(f"{size:,} tokens of {name}" for name, size in sizes.items())
    return f"Version {model.version}: {model.card['model']} for {model.task}, knows {listed}"


@functools.lru_cache(maxsize=1)
def _page(name, about, predictions):
    described = f'{{"name":{json.dumps(name)},"predictions":{predictions}}}'
    described = described.replace("<", "\\u003c")  # so that nothing in it ends its element
    body = _part("page.html").replace("{{ABOUT}}", escape(about))
    script = "".join(map(_part, SCRIPTS))
    body = f"{body.replace('{{MODEL}}', described)}<script>\n{script}</script>"
    style = Markup(_part("style.css"))
    page = render("page.html", title=name, body=Markup(body), style=style)
    return page, _policy(page)


def _part(name):
    folder = importlib.resources.files("lm_zoo.serving").joinpath("web")
    return folder.joinpath(name).read_text("utf-8")


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
