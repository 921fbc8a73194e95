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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """What every kind of step says of itself.

    Attributes:
        settings: The fields of `CleaningConfig` that it reads.
        libraries: Modules that it imports; what they do to a text may change with their versions.
        check: Optional `check(settings)` that raises a `UserError` before any text is read.
        version: Raised when the function is changed so that it does something else.
    """

    settings: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    check: Callable | None = None
    version: int = 1

    def require(self, name, settings):
        """Raises a `UserError` if it cannot work: by what `check` finds, or without a library.

        Args:
            name: What the step is called.
            settings: The `CleaningConfig`.
        """
        for module in self.libraries:
            library(module, name)
        if self.check:
            self.check(settings)


@dataclasses.dataclass(frozen=True)
class DocumentStep(Step):
    """A step that needs to see only one document; it runs in several processes.

    Attributes:
        function: `function(text, settings) -> str or Drop`, with `settings` a `CleaningConfig`. The
            first line of its docstring is what `lm-zoo list cleaning` shows.
        streams: Whether it may be used on text that is one stream and not documents: then the
            parts of a stream (`lm_zoo.text.cuts`), each given to `function`, must put together be
            what the whole stream would be. Only a step that changes text can be.
        records: Whether it makes sense for records of several fields, done to each text by itself.
    """

    function: Callable
    streams: bool = False
    records: bool = True

    documents = True


@dataclasses.dataclass(frozen=True)
class RecordStep(Step):
    """A step that needs to see all texts of a record; for corpora of several fields.

    Attributes:
        function: `function(texts, settings) -> texts or Drop`, with `texts` a dict from the names
            of fields to their texts; otherwise as that of a `DocumentStep`.
        num_texts: How many text fields a record must have; 0 means any number. It sees only these
            then, and labels too otherwise.
    """

    function: Callable
    num_texts: int = 0

    streams = False
    records = True
    documents = False


@dataclasses.dataclass(frozen=True)
class CorpusStep(Step):
    """A step that compares documents with others, and so needs two looks at the corpus.

    Records of several fields are compared whole: their texts are the lines of a document.

    First `signature` is taken of every document, by several processes, and kept on disk. Then
    `fit` looks at all signatures and returns a filter whose `check` is called for every
    document, again by several processes.

    Attributes:
        signature: `signature(text, settings) -> array` of one dimension. Its docstring's first line
            is what `lm-zoo list cleaning` shows.
        fit: `fit(signatures, settings, directory) -> filter` with
            `filter.check(block, place, text) -> Drop or None`; it is sent to other processes, and
            may keep files in `directory`. `signatures` is a `Signatures`.
        splits: Of which splits signatures are taken, in the order in which `fit` sees them.
        merged: Whether a block's signatures are kept as one sorted array of their distinct values,
            and not as one row a document.
    """

    signature: Callable
    fit: Callable
    splits: tuple[str, ...] = ("test", "validation", "train")
    merged: bool = False

    streams = False
    records = True
    documents = True

    @property
    def function(self):
        return self.signature


def library(name, step):
    """Imports a module that a step needs.

    Args:
        name: The module, in the package of its first part.
        step: The step's name, for the error.

    Raises:
        UserError: If it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise UserError(
            f"cleaning.steps: {step!r} needs the package {name.partition('.')[0]}, which is not "
            'installed; run `pip install "lm_zoo[cleaning]"`.'
        ) from None
