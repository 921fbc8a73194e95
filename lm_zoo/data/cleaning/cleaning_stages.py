"""Cleaning done block by block: what the worker processes do, and between two rounds of it.

Steps that see one document at a time are done in one round over the corpus. A step that compares
documents ends a round, in which signatures are taken, and begins the next, in which its filter
is carried out. Each round reads the files of the one before it.
"""

import dataclasses
import json
import pathlib
import re

import numpy as np

from lm_zoo.data.blocks import BLOCK_CHARACTERS, Block, cut_blocks
from lm_zoo.data.cleaning.cleaning_report import StepCounts
from lm_zoo.data.cleaning.document_files import documents_to_bytes, read_documents
from lm_zoo.data.corpora.corpus import SPLITS
from lm_zoo.text.cleaning import CLEANING_STEPS, CorpusStep, Drop, RecordStep
from lm_zoo.text.cleaning.records import in_one_line
from lm_zoo.text.cleaning.signatures import SignatureBlock, Signatures

# A stream is cut only after a character that no step that streams may have takes away or turns into
# white space, and before a newline: ASCII, or a letter or mark of a script that broken encodings
# are not made of. So no step sees or makes anything that reaches across a cut.
STABLE_CUT = re.compile(
    r"[!-~\u05d0-\u061b\u061d-\u115e\u1200-\u167f\u1681-\u17b3\u2e80-\u2fff\u3001-\u3163"
    r"\u3165-\ud7a3\uf900-\ufaff\uff01-\uff9f](?=\n)"
)


@dataclasses.dataclass(frozen=True)
class NumberedBlock(Block):
    """A block as it comes from the corpus; `first` is the number of its first document."""

    first: int = 0

    def documents(self):
        return list(enumerate(self.texts, self.first))


@dataclasses.dataclass(frozen=True)
class StoredBlock(Block):
    """A block that the round before has written: `texts` is the path of its file alone."""

    size: int = 0

    @property
    def num_characters(self):
        return self.size

    def documents(self):
        return read_documents(pathlib.Path(self.texts[0]))


def source_blocks(corpus, size=BLOCK_CHARACTERS):
    """Yields the corpus as `NumberedBlock`s."""
    if not corpus.has_documents:
        for split in SPLITS:
            for number, text in enumerate(_stable_parts(corpus.texts(split), size)):
                yield NumberedBlock(split, number, [text])
        return
    split, first = None, 0
    for block in cut_blocks(corpus, size):
        first = first if block.split == split else 0
        split = block.split
        yield NumberedBlock(block.split, block.number, block.texts, first)
        first += len(block.texts)


def stored_blocks(results):
    """Yields the blocks that a round has written, those of which nothing is left excepted."""
    for result in results:
        if result.record["characters"]:
            yield StoredBlock(
                result.split,
                result.number,
                [str(result.files["text"])],
                result.record["characters"],
            )


def rounds(steps):
    """Cuts a list of step names into rounds.

    Returns:
        A list of `(filtering step or None, document steps, comparing step or None)`: what is fitted
        by the signatures of the round before, what is done, what signatures are taken for.
    """
    result, filtering, here = [], None, []
    for name in steps:
        if isinstance(CLEANING_STEPS[name], CorpusStep):
            result.append((filtering, tuple(here), name))
            filtering, here = name, []
        else:
            here.append(name)
    return [*result, (filtering, tuple(here), None)]


class CleanBlock:
    """Does a round's steps to one block; sent to each worker process once.

    Args:
        round: One of `rounds`.
        settings: The `CleaningConfig`.
        has_documents: Whether texts are documents, or parts of a stream.
        filter: What the filtering step made of the signatures; None without one.
        fields: The `Field`s of the records of which documents are made, if they have several.
    """

    def __init__(self, round, settings, has_documents, filter=None, fields=()):
        self.filtering, self.steps, self.comparing = round
        self.settings = settings
        self.has_documents = has_documents
        self.filter = filter
        self.names = tuple(field.name for field in fields)
        self.text_names = tuple(field.name for field in fields if field.kind == "text")

    def __call__(self, block):
        """Returns the block's files and sizes.

        `text` holds what is left; `counts` what each step did, as JSON; `signatures` and `numbers`,
        where they are taken, one row a document.
        """
        names = [name for name in (self.filtering, *self.steps) if name]
        counts = {name: StepCounts(block.split, self.settings.sample) for name in names}
        kept = []
        for place, (number, text) in enumerate(block.documents()):
            text = self._cleaned(block, place, number, text, counts)
            if text is not None:
                kept.append((number, text))
        outputs = {
            "text": documents_to_bytes(kept),
            "counts": json.dumps({name: c.to_dict() for name, c in counts.items()}).encode("ascii"),
        }
        record = {
            "characters": sum(len(text) for _, text in kept),
            "bytes": len(outputs["text"]) - 40 - 16 * len(kept),
            "documents": len(kept),
            "sha256": outputs["text"][:32].hex(),
        }
        if self.comparing and block.split in CLEANING_STEPS[self.comparing].splits:
            self._sign(kept, outputs, record)
        return outputs, record

    def _cleaned(self, block, place, number, text, counts):
        """Returns a text as the steps leave it, or None where one drops it."""
        if self.filtering:
            verdict = self.filter.check(block, place, text)
            counts[self.filtering].add(number, text, verdict or text)
            if verdict is not None:
                return None
        for name in self.steps:
            result = self._result(CLEANING_STEPS[name], text)
            counts[name].add(number, text, result)
            if isinstance(result, Drop):
                return None
            text = result
        return text

    def _result(self, step, text):
        """Returns what a step makes of a text, or a `Drop`."""
        if len(self.names) > 1:
            return _record_result(step, text, self.settings, self.names, self.text_names)
        result = step.function(text, self.settings)
        if self.has_documents and isinstance(result, str) and result != text:
            result = result.strip("\n") or Drop("nothing is left of it")
        return result

    def _sign(self, kept, outputs, record):
        step = CLEANING_STEPS[self.comparing]
        values = [step.signature(text, self.settings) for _, text in kept]
        if step.merged:
            values = np.unique(np.concatenate([np.zeros(0, np.uint64), *values]))
        else:
            values = np.array(values)
            outputs["numbers"] = np.array([number for number, _ in kept], "<i8").tobytes()
        values = values.astype(values.dtype.newbyteorder("<"))
        outputs["signatures"] = values.tobytes()
        record["signatures"] = {"count": len(values), "dtype": values.dtype.str}


def _record_result(step, document, settings, names, text_names):
    """Returns what a step makes of a record, as the lines of a text, or a `Drop`.

    Args:
        step: The step.
        document: The record as one text.
        settings: The `CleaningConfig`.
        names: Names of its fields.
        text_names: Names of those that are texts, and not labels.
    """
    before = record = dict(zip(names, document.split("\n")))
    is_of_record = isinstance(step, RecordStep)
    if names != text_names and not (is_of_record and not step.num_texts):
        before = {name: record[name] for name in text_names}
    if is_of_record:
        after = step.function(before, settings)
    else:
        function = step.function
        after = {name: function(text, settings) for name, text in before.items()}
    if after is before or after == before:
        return document
    if isinstance(after, Drop):
        return after
    for name, new in after.items():
        if isinstance(new, Drop):
            return Drop(f"{name}: {new.reason}", new.detail)
        if new != record[name]:
            new = in_one_line(new)
            if not new.strip():
                return Drop(f"nothing is left of the {name}")
            record = record | {name: new}
    return "\n".join(record.values())


def fitted(name, results, settings, directory):
    """Lets a comparing step look at the signatures of a round.

    Args:
        name: Of the step.
        results: The round's `BlockResult`s.
        settings: The `CleaningConfig`.
        directory: For the step's own files; made here.

    Returns:
        What `CleanBlock` takes for a filter.
    """
    step = CLEANING_STEPS[name]
    directory.mkdir(parents=True)
    blocks = [
        SignatureBlock(
            result.split,
            result.number,
            result.files["signatures"],
            result.files.get("numbers"),
            **result.record["signatures"],
        )
        for split in step.splits
        for result in results
        if result.split == split and result.record["documents"]
    ]
    return step.fit(Signatures(blocks), settings, directory)


def _stable_parts(texts, size):
    """Yields a stream in parts of `size` characters or more, cut by `STABLE_CUT`."""
    waiting, searched = "", 0
    for text in texts:
        waiting += text
        while place := STABLE_CUT.search(waiting, max(size - 1, searched)):
            yield waiting[: place.end()]
            waiting, searched = waiting[place.end() :], 0
        searched = len(waiting) - 1  # what is searched once is not searched again
    if waiting:
        yield waiting
