"""What a cleaning step is: a function of one document, with what the zoo must know about it."""

import dataclasses
import importlib
from collections.abc import Callable

from lm_zoo.errors import UserError


@dataclasses.dataclass(frozen=True)
class Drop:
    """What a step returns in place of a text that is to go.

    Attributes:
        reason: Why, in words that are the same for all documents dropped for this reason: they are
            counted by it.
        detail: What was found in this document.
    """

    reason: str
    detail: str = ""


@dataclasses.dataclass(frozen=True)
class DocumentStep:
    """A step that needs to see only one document; it runs in several processes.

    Attributes:
        function: `function(text, settings) -> str or Drop`, with `settings` a `CleaningConfig`. The
            first line of its docstring is what `lm-zoo list cleaning` shows.
        settings: The fields of `CleaningConfig` that it reads.
        streams: Whether it may be used on text that is one stream and not documents: then the
            parts of a stream (`lm_zoo.text.cuts`), each given to `function`, must put together be
            what the whole stream would be. Only a step that changes text can be.
        libraries: Modules that it imports; what they do to a text may change with their versions.
        check: Optional `check(settings)` that raises a `UserError` before any text is read.
        version: Raised when the function is changed so that it does something else.
        pairs: Whether it makes sense for sentence pairs, done to each side by itself.
    """

    function: Callable
    settings: tuple[str, ...] = ()
    streams: bool = False
    libraries: tuple[str, ...] = ()
    check: Callable | None = None
    version: int = 1
    pairs: bool = True

    texts = True


@dataclasses.dataclass(frozen=True)
class PairStep:
    """A step that needs to see both sides of a sentence pair.

    Attributes:
        function: `function(source, target, settings) -> (source, target) or Drop`; otherwise as
            that of a `DocumentStep`, and so are the other attributes.
    """

    function: Callable
    settings: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    check: Callable | None = None
    version: int = 1

    streams = False
    pairs = True
    texts = False


@dataclasses.dataclass(frozen=True)
class CorpusStep:
    """A step that compares documents with others, and so needs two looks at the corpus.

    First `signature` is taken of every document, by several processes, and kept on disk. Then
    `judge` looks at all signatures and returns an object whose `verdict` is asked about every
    document, again by several processes.

    Attributes:
        signature: `signature(text, settings) -> array` of one dimension. Its docstring's first line
            is what `lm-zoo list cleaning` shows.
        judge: `judge(signatures, settings, directory) -> judge` with
            `judge.verdict(block, place, text) -> Drop or None`; it is sent to other processes, and
            may keep files in `directory`. `signatures` is a `Signatures`.
        splits: Of which splits signatures are taken, in the order in which `judge` sees them.
        merged: Whether a block's signatures are kept as one sorted array of their distinct values,
            and not as one row a document.
        pairs: Whether it makes sense for sentence pairs, source and target as two lines of a text.
        texts: Whether it makes sense for documents that are no pairs.
        settings: As for a `DocumentStep`; so are the others.
    """

    signature: Callable
    judge: Callable
    splits: tuple[str, ...] = ("test", "validation", "train")
    merged: bool = False
    settings: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    check: Callable | None = None
    version: int = 1
    pairs: bool = True
    texts: bool = True

    streams = False

    @property
    def function(self):
        return self.signature


def library(name, step, package=None):
    """Imports a module that a step needs.

    Args:
        name: The module.
        step: The step's name, for the error.
        package: What it is called when it is installed, where that differs.

    Raises:
        UserError: If it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise UserError(
            f"cleaning.steps: {step!r} needs the package {package or name}, which is not "
            'installed; run `pip install "lm_zoo[cleaning]"`.'
        ) from None
