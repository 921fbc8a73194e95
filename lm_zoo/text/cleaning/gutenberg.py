"""A step that takes a book out of Project Gutenberg's file."""

import re

_START = re.compile(
    r"^[^\S\n]*\*\*\* ?START OF (?:THIS|THE) PROJECT GUTENBERG"
    r"[^\n]*(?:\n(?!\s)[^\n]*)??\*\*\*[^\n]*$|"  # a long title goes on in the next line
    r"^[^\S\n]*\*END\*[^\n]*(?:SMALL PRINT|ETEXTS)[^\n]*$",
    re.IGNORECASE | re.MULTILINE,
)
_END = re.compile(
    r"^[^\S\n]*(?:\*\*\* ?END OF (?:THIS|THE) PROJECT GUTENBERG|"
    r"End of (?:(?:this|the) )?Project Gutenberg)",
    re.IGNORECASE | re.MULTILINE,
)
_CREDIT = re.compile(
    r"\s*^[^\S\n]*(?:Produced by|E-?text prepared by|This e-?text was (?:produced|prepared) by)\b"
    r"(?:[^\S\n]*\S[^\n]*\n)*",
    re.IGNORECASE | re.MULTILINE,
)


def gutenberg(text, settings):
    """Project Gutenberg's header, credits, footer and licence taken off a book.

    What stands outside the marks "*** START OF ..." and "*** END OF ..." goes, in all the forms
    that they have had since the nineties. A text without marks is left alone.
    """
    start = _START.search(text)
    begin = start.end() if start else 0
    if start and (credit := _CREDIT.match(text, begin)):
        begin = credit.end()
    end = _END.search(text, begin)
    if not start and not end:
        return text
    return text[begin : end.start() if end else len(text)].strip()
