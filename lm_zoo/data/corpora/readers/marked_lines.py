"""The sentences of translation campaigns' files, which may stand between SGML or XML tags."""

import html
import re

from lm_zoo.data.corpora.readers.decoding import lines, pieces

# Of the TED talks' training files: lines about the talk go, its title and description stay.
_ABOUT = re.compile(r"\s*</?(url|speaker|talkid|keywords|reviewer|translator|doc)\b")
_KEPT_TAG = re.compile(r"</?(title|description)>")
_SEGMENT = re.compile(r"<seg\b[^>]*>(.*)</seg>", re.IGNORECASE)


def plain_lines(file, encoding):
    """Yields each line of a text file, empty if it is blank.

    Args:
        file: A `SourceFile`.
        encoding: Its encoding.
    """
    for _, line in lines(file, pieces(file, encoding)):
        yield line.removesuffix("\r") if line.strip() else ""


def marked_lines(file, encoding):
    """Yields a file's sentences: those between `<seg>` tags of `.sgm` and `.xml` files, the lines
    that no tag says something else of in `train.tags.*`, and all lines of others.
    """
    if file.path.suffix in (".sgm", ".xml"):
        return _segments(file, encoding)
    if file.path.name.startswith("train.tags."):
        return _tagged_lines(file, encoding)
    return plain_lines(file, encoding)


def _segments(file, encoding):
    for number, line in lines(file, pieces(file, encoding)):
        if found := _SEGMENT.search(line):
            yield " ".join(html.unescape(found[1]).split())
        elif "<seg" in line:
            raise file.error("expected a whole <seg> ... </seg>.", number)


def _tagged_lines(file, encoding):
    for line in plain_lines(file, encoding):
        if not _ABOUT.match(line):
            yield _KEPT_TAG.sub("", line).strip()
