"""Sphinx: the guides where they stand, and a reference of the public Python; `bash tools/docs.sh`."""

import inspect
import pathlib
import re

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

import lm_zoo
from lm_zoo.quiet_imports import import_quietly

import_quietly("tensorflow")  # autodoc imports what it documents
ROOT = pathlib.Path(__file__).resolve().parents[2]

project = "lm_zoo"
version = release = lm_zoo.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
root_doc = "README"
include_patterns = [
    "*.md",
    *(f"{folder}/README.md" for folder in ("configs", "docker", "lm_zoo/**", "tools")),
    "tools/docs/**",
]
exclude_patterns = ["tools/docs/contents.md"]

html_theme = "furo"
html_title = "lm_zoo"
html_css_files = ["wide.css"]
html_static_path = ["static"]
html_show_sphinx = html_show_copyright = html_copy_source = False
html_math_renderer = "mathml"  # nothing is loaded from elsewhere
smartquotes_action = "D"  # dashes; quotation marks stay as they are written

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

default_role = "py:obj"  # names in single backticks are linked
autodoc_default_options = {"members": True}
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False
python_maximum_signature_line_length = 80
napoleon_numpy_docstring = False
napoleon_custom_sections = [("Call arguments", "params_style")]
napoleon_use_ivar = True
napoleon_use_rtype = False


def setup(app):
    app.connect("source-read", _read_guide)
    app.connect("autodoc-process-docstring", _as_markdown, priority=400)  # before napoleon
    app.connect("autodoc-process-signature", _signature)
    app.connect("autodoc-skip-member", _skip)
    app.connect("missing-reference", _find_class)
    app.add_html_math_renderer("mathml", (_visit_math, None), (_visit_math, None))


def _read_guide(app, docname, source):
    """Puts the list of all pages behind the front page; a folder that is linked to is its guide."""
    if docname == root_doc:
        source[0] += (ROOT / "tools/docs/contents.md").read_text(encoding="utf-8")
    folder = pathlib.Path(app.env.doc2path(docname)).parent

    def guide_of(link):
        text, path = link.groups()
        if not (folder / path).is_dir():
            return link[0]
        guide = f"{path.rstrip('/')}/README.md"
        return f"[{text}]({guide})" if (folder / guide).exists() else text

    source[0] = re.sub(r"\[([^]\n]+)\]\(([^):#\s]+)\)", guide_of, source[0])


def _as_markdown(app, what, name, obj, options, lines):
    """Reads what docstrings have of Markdown: code in single backticks, and indented paragraphs."""

    def code(match):
        inside, letter = match.groups()
        quoted = f"`{inside}`" if re.fullmatch(r"[A-Za-z_][\w.]*", inside) else f"``{inside}``"
        return quoted + ("\\ " + letter if letter else "")  # the plural `Field`s

    if what == "property":
        lines[0] = lines[0].replace(": ", " -- ")  # napoleon would take it for the end of a type
    text = re.sub(r"`([^`]+)`(\w?)", code, "\n".join(lines))
    lines[:] = re.sub(r"^(\S.*\n\n)(?= )", r"\1::\n\n", text, flags=re.MULTILINE).split("\n")


def _signature(app, what, name, obj, options, signature, returned):
    """Gives a Keras layer its constructor's arguments, and a dataclass legible defaults."""
    if signature == "(*args, **kwargs)":
        own = list(inspect.signature(obj.__init__).parameters.values())[1:]
        signature = str(inspect.Signature(own))
    return signature and signature.replace("<factory>", "..."), returned


def _skip(app, what, name, obj, skip, options):
    """Leaves out what `typing.NamedTuple` says of its fields."""
    return skip or (getattr(obj, "__doc__", None) or "").startswith("Alias for field")


def _find_class(app, env, node, contnode):
    """Links a class that stands in backticks without its module."""
    objects, name = env.domains["py"].objects, node.get("reftarget", "")
    found = [full for full in objects if full.endswith(f".{name}") and not objects[full].aliased]
    if node.get("refdomain") == "py" and name[:1].isupper() and len(found) == 1:
        place = env, node["refdoc"], app.builder, "obj", found[0], node, contnode
        return env.domains["py"].resolve_xref(*place)


def _visit_math(translator, node):
    is_block = isinstance(node, nodes.math_block)
    translator.body.append(tex2mathml(node.astext(), as_block=is_block))
    raise nodes.SkipNode
