"""How byte-level BPE cuts text into pieces before it merges: the patterns in use."""

import re
import typing

from lm_zoo.text.cuts import SAFE_CUT

# Before a newline after a letter or a number, or before the one space between it and a visible
# character: other patterns than GPT-2's take punctuation and the newlines after it together.
_CUT_BEFORE_NEWLINE = re.compile(r"[^\W_](?=\n)|\S(?= \n)")


class Split(typing.NamedTuple):
    """A pattern, and what tells it from others, for the graph.

    All of them take, in this order: contractions; letters; numbers; other visible characters, with
    a space before them; and white space, the last of which is left to what follows it.

    Attributes:
        pattern: As the `tokenizers` library reads it.
        ignores_case: Whether contractions may be in upper case.
        any_prefix: Whether letters take any one character before them that is no letter, number or
            line end; otherwise letters and numbers take a space.
        most_digits: The most numbers that stand together; 0 is any.
        takes_newlines: Whether other characters take the line ends after them, and white space is
            cut after its last line end.
        safe_cut: Where a text can be cut in two (`lm_zoo.text.cuts`).
        in_streams: Whether that is wherever `lm_zoo.text.cuts` cuts streams.
    """

    pattern: str
    ignores_case: bool = True
    any_prefix: bool = True
    most_digits: int = 3
    takes_newlines: bool = True
    safe_cut: re.Pattern = _CUT_BEFORE_NEWLINE
    in_streams: bool = False


_CONTRACTIONS = "'s|'t|'re|'ve|'m|'ll|'d"
_LATER = (
    rf"(?i:{_CONTRACTIONS})|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}%s"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPLITS = {
    "gpt2": Split(
        _CONTRACTIONS + r"| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        ignores_case=False,
        any_prefix=False,
        most_digits=0,
        takes_newlines=False,
        safe_cut=SAFE_CUT,
        in_streams=True,
    ),
    "llama3": Split(_LATER % "{1,3}"),
    "qwen2": Split(_LATER % "", most_digits=1),
}
