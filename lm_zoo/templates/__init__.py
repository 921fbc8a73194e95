"""Pages and cards for people: jinja2 templates, which stand beside this file.

What is put into an HTML template is escaped.
"""

import functools
import pathlib

import jinja2
from markupsafe import Markup, escape

__all__ = ["Markup", "escape", "render"]

FOLDER = pathlib.Path(__file__).parent


def render(template, **values):
    """Fills in a template.

    Args:
        template: Its file in this folder: `page.html`. A page that needs nothing besides itself
            extends that one, which needs `title`, and whose `body` and `style` are HTML and CSS.
        **values: What it uses, by name; `Markup` is not escaped.

    Returns:
        A string.
    """
    return _environment().get_template(template).render(values)


@functools.cache
def _environment():
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
