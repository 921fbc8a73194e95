"""A step that takes the text out of a web page."""

import html as entities
import re

from lm_zoo.text.cleaning.step import Drop, library

# Elements that are not shown as text, and elements that end a paragraph, a line or a table's cell.
_HIDDEN = frozenset(
    "head iframe math noscript object script select style svg template title".split()
)
_PARAGRAPHS = frozenset(
    "address article aside blockquote dl fieldset figure footer form h1 h2 h3 h4 h5 h6 header hr "
    "main nav ol p pre section table ul".split()
)
_LINES = frozenset("caption center dd div dt figcaption legend li tr".split())
_CELLS = frozenset("td th".split())
_NESTED = (  # these hold others of their kind
    "address article aside blockquote center div dl fieldset figure footer form header main nav ol "
    "section table ul"
).split()
_INLINE = (
    "a abbr b bdi bdo big body br button cite code data del dfn em font html i img input ins kbd "
    "label link mark meta q s samp small span strike strong sub sup tbody textarea tfoot thead "
    "time tt u var wbr"
).split()
_NAMES = "|".join(sorted({*_HIDDEN, *_PARAGRAPHS, *_LINES, *_CELLS, *_INLINE}))
_TAG = re.compile(rf"<!--|<!doctype|</?(?:{_NAMES})(?=[\s/>])", re.IGNORECASE)
_NESTED_TAG = re.compile(rf"<(/?)(?:{'|'.join(_NESTED)})\b", re.IGNORECASE)
_DEEPEST = (
    2000  # nested blocks; parsers take a time that grows with its square, browsers stop at 512
)
_WHITE = re.compile(r"[ \t\n\r\f]+")


def html(text, settings):
    """HTML taken apart: the text that a browser would show, a blank line between paragraphs.

    Text without any HTML tag is left alone, but for entities ("&amp;"): a "<" in it is one.
    """
    if not _TAG.search(text):
        return entities.unescape(text) if "&" in text else text
    if _depth(text) > _DEEPEST:
        return Drop("HTML nested too deeply", f"more than {_DEEPEST:,} elements")
    parser = library("selectolax.lexbor", "html").LexborHTMLParser
    return _shown(parser(text.encode("utf-8", "replace")).root)


def _shown(root):
    """Returns what is shown of a page: walks the tree without recursion, however deep it is."""
    lines, node, depth, preformatted = _Lines(), root, 0, 0
    while True:
        tag = node.tag
        if tag == "-text":
            lines.add(node.text_content, preformatted)
        elif tag == "br":
            lines.end(lines.ended + 1)
        elif tag in _CELLS:
            lines.next_cell()
        else:
            lines.end_at(tag)
        child = None if tag in _HIDDEN else node.child
        if child is not None:
            preformatted += tag == "pre"
            node, depth = child, depth + 1
            continue
        lines.end_at(tag)
        while node.next is None and depth:
            node, depth = node.parent, depth - 1
            preformatted -= node.tag == "pre"
            lines.end_at(node.tag)
        if not depth:
            return lines.text()
        node = node.next


class _Lines:
    """Puts text together, with as many line ends between two pieces as stand there on a page."""

    def __init__(self):
        self.pieces = []
        self.ended = 2  # line ends that are due before the next text, two at most

    def add(self, text, preformatted):
        """Adds text; its white space counts as one space, unless it is preformatted."""
        if not preformatted:
            text = _WHITE.sub(" ", text)
            if self.ended or self.pieces[-1].endswith((" ", "\t")):
                text = text.lstrip(" ")
        if not text:
            return
        if self.ended and self.pieces:
            self.pieces[-1] = self.pieces[-1].rstrip(" \t\n")
            self.pieces.append("\n" * self.ended)
        self.pieces.append(text)
        self.ended = 0

    def end(self, count):
        """Has so many line ends follow, unless more are due anyway."""
        self.ended = min(2, max(self.ended, count))

    def end_at(self, tag):
        """Has the line ends follow that stand around an element."""
        self.end(2 if tag in _PARAGRAPHS else 1 if tag in _LINES else 0)

    def next_cell(self):
        if not self.ended:
            self.pieces.append("\t")

    def text(self):
        return "".join(self.pieces).rstrip()


def _depth(text):
    """Returns how deep blocks may be nested at most: those that are never closed are counted in."""
    deepest = depth = 0
    for match in _NESTED_TAG.finditer(text):
        depth = max(0, depth - 1) if match[1] else depth + 1
        deepest = max(deepest, depth)
    return deepest
