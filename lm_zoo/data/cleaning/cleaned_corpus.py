"""A corpus after cleaning: its text in the cache, with a record of all that was done to it."""

import dataclasses
import hashlib
import importlib.metadata
import json
import pathlib
import shutil
import unicodedata

from lm_zoo.data.blocks import process_blocks, results_in
from lm_zoo.data.cache import made_once, publish, write_file
from lm_zoo.data.cleaning.cleaning_report import merged_report, unit_of
from lm_zoo.data.cleaning.cleaning_stages import (
    CleanBlock,
    fitted,
    rounds,
    source_blocks,
    stored_blocks,
)
from lm_zoo.data.cleaning.document_files import read_documents
from lm_zoo.data.cleaning.record_documents import RecordDocuments, as_record
from lm_zoo.data.corpora.corpus import SPLITS, Corpus
from lm_zoo.data.fields import Field
from lm_zoo.data.manifests import MANIFEST, manifest_sha256, write_manifest
from lm_zoo.errors import UserError
from lm_zoo.files import raise_if_of_system
from lm_zoo.files.json_files import (
    MAX_LARGE_BYTES,
    NotJson,
    file_name,
    natural,
    read_json,
    sha256,
)
from lm_zoo.text.cleaning import CLEANING_STEPS
from lm_zoo.text.cuts import SAFE_CUT

FORMAT_VERSION = 2
ALWAYS = ("record_lines", "record_empty")  # of records of several fields
ROUND = "round.json"  # in the folder of a round that is done
_MANIFEST = {
    "bytes": natural,
    "fingerprint": sha256,
    "blocks": {split: {file_name: sha256} for split in SPLITS},
    "report": {"has_documents": bool, "steps": [dict]},
    "sha256": sha256,
}


class CleanedCorpus(Corpus):
    """A corpus whose text lies, cleaned, in a folder of the cache.

    Args:
        corpus: What was cleaned.
        directory: The folder.

    Attributes:
        report: What each step did, JSON-ready: documents and characters in, changed and dropped for
            each split, reasons, and samples; see `cleaning_report.report_table`.

    Raises:
        UserError: If the folder's manifest is damaged.
    """

    def __init__(self, corpus, directory):
        self._take_over(corpus, "name", "fields", "has_documents")
        self.directory = pathlib.Path(directory)
        manifest = _read_manifest(self.directory)
        self.report = manifest["report"]
        self.num_bytes = manifest["bytes"]
        self._fingerprint = manifest["fingerprint"]
        self._blocks = manifest["blocks"]

    @property
    def fingerprint(self):
        return self._fingerprint

    def records(self, split):
        if len(self.fields) == 1:
            return super().records(split)
        return map(as_record, self._documents(split))

    def texts(self, split):
        if len(self.fields) > 1:
            return super().texts(split)
        pieces = self._documents(split)
        return pieces if self.has_documents else _safely_cut(pieces)

    def _documents(self, split):
        for name, checksum in self._blocks[split].items():
            for _, text in read_documents(self.directory / name, checksum):
                yield text


def clean(corpus, config, cache_dir, processes=0, on_progress=None, on_wait=None, fields=()):
    """Cleans a corpus, once: the text is kept in the cache and found again there.

    Of records with several fields, besides the steps that are named, line breaks within a text
    always become spaces and records with an empty text always go, both counted. Steps for single
    documents are done to each text, and a record goes with any of them; those that compare
    documents compare whole records. Labels stay as they are.

    Memory: each process holds a block (4 million characters and up to one document more), its
    cleaned text and what a step needs besides; comparing documents needs about 100 MB more in the
    first process, whatever their number, for their signatures are on disk (512 bytes a document,
    and 144 while they are compared). Disk: the cleaned text, twice while it is being made.

    Args:
        corpus: A `Corpus`.
        config: A `CleaningConfig`.
        cache_dir: The cache folder.
        processes: How many work at it; 0 means one a core. They do not change the result.
        on_progress: Called with about how many bytes are done, of `corpus.num_bytes`.
        on_wait: Called with a line of text before waiting for another process that cleans the same.
        fields: The `Field`s of the records, in their order; none means that all are texts.

    Returns:
        The corpus itself if no steps are named and it is not raw, else a `CleanedCorpus`.

    Raises:
        UserError: For a step that there is not, that needs documents where there are none or a
            package that is missing; if nothing is left of a split; or if the cache cannot be
            written. After that, as after a kill, the blocks that are done are kept.
    """
    if not config.steps and not corpus.is_raw:
        return corpus
    fields = tuple(fields) or tuple(map(Field, corpus.fields))
    if len(fields) > 1:
        steps = (*ALWAYS, *(name for name in config.steps if name not in ALWAYS))
        config = dataclasses.replace(config, steps=steps)
    check_steps(config, corpus, fields)
    identity = _identity(corpus, config, fields)
    fingerprint = hashlib.sha256(json.dumps(identity).encode()).hexdigest()
    directory = pathlib.Path(cache_dir).expanduser() / f"cleaned-{fingerprint[:16]}"
    with made_once(directory, on_wait=on_wait) as work:
        if work is not None:
            whole = _clean(corpus, config, fields, work, processes, on_progress, fingerprint)
            publish(whole, directory)
    cleaned = CleanedCorpus(corpus, directory)
    _check_not_empty(cleaned.report)
    return cleaned


def check_steps(config, corpus, fields):
    """Raises a `UserError` for steps that are not there, twice there, or not for such a corpus."""
    for place, name in enumerate(config.steps):
        CLEANING_STEPS.require("cleaning.steps", name)
        if name in config.steps[:place]:
            raise UserError(f"cleaning.steps: expected each step once, received {name!r} twice.")
        step = CLEANING_STEPS[name]
        if len(fields) > 1 and not step.records:
            raise UserError(
                f"cleaning.steps: {name!r} works on documents, but corpus {corpus.name!r} has "
                f"records of {' and '.join(corpus.fields)}; leave it out."
            )
        num_texts = sum(field.kind == "text" for field in fields)
        if len(fields) == 1 and not step.documents:
            raise UserError(
                f"cleaning.steps: {name!r} works on records of several fields, but corpus "
                f"{corpus.name!r} has one text; leave it out."
            )
        if getattr(step, "num_texts", 0) not in (0, num_texts):
            raise UserError(
                f"cleaning.steps: {name!r} works on records of {step.num_texts} texts, but corpus "
                f"{corpus.name!r} has {num_texts}; leave it out."
            )
        if not corpus.has_documents and not step.streams:
            raise UserError(
                f"cleaning.steps: {name!r} works on documents, but this text is one stream; set "
                "corpus.documents to 'file', 'line' or 'paragraph' (for corpus 'text_files'), or "
                "leave the step out."
            )
        step.require(name, config)


def _clean(corpus, config, fields, work, processes, on_progress, fingerprint):
    """Does all rounds in the work folder; returns the folder with the result."""
    all_rounds = rounds(config.steps)
    last = len(all_rounds) - 1
    counts, before = [], []
    for number, round in enumerate(all_rounds):
        folder = work / ("whole" if number == last else f"round-{number}")
        results = None if number == last else _finished_round(folder)
        if results is None:
            filter = None
            if number:
                shutil.rmtree(work / "filter", ignore_errors=True)  # of one that was killed
                filter = fitted(round[0], before, config, work / "filter")
            blocks = stored_blocks(before) if number else source_blocks(RecordDocuments(corpus))
            task = CleanBlock(round, config, corpus.has_documents, filter, fields)
            progress = _progress(on_progress, number, len(all_rounds), corpus, before)
            results = process_blocks(blocks, task, folder, processes, progress)
            if number < last:
                _finish_round(folder, results, before)
        counts += [result.files["counts"] for result in results]
        before = results
    content = {
        "format_version": FORMAT_VERSION,
        "fingerprint": fingerprint,
        "bytes": sum(result.record["bytes"] for result in before),
        "blocks": {split: _files(before, split) for split in SPLITS},
        "report": merged_report(
            {name: _settings(name, config) for name in config.steps},
            (read_json(path, most=MAX_LARGE_BYTES) for path in counts),
            config.sample,
            corpus.has_documents,
            corpus.fields,
        ),
    }
    write_manifest(folder, content)
    return folder


def _identity(corpus, config, fields):
    """Returns all that the cleaned text and its report follow from, JSON-ready."""
    steps = []
    for name in config.steps:
        step = CLEANING_STEPS[name]
        libraries = {library: importlib.metadata.version(library) for library in step.libraries}
        steps.append([name, step.version, _settings(name, config), libraries])
    unicode = unicodedata.unidata_version  # what a letter or a space is, and normal forms
    kind = [corpus.has_documents, [[field.name, field.kind] for field in fields]]
    return [FORMAT_VERSION, corpus.fingerprint, kind, steps, config.sample, unicode]


def _settings(name, config):
    values = {field: getattr(config, field) for field in CLEANING_STEPS[name].settings}
    return {key: list(v) if isinstance(v, tuple) else v for key, v in values.items()}


def _files(results, split):
    """Returns file name -> checksum of a split's blocks, in order."""
    return {
        result.files["text"].name: result.record["sha256"]
        for result in results
        if result.split == split and result.record["documents"]
    }


def _finish_round(folder, results, before):
    """Keeps a round's results, so that it is not done again, and lets go of the one before."""
    values = [
        [r.split, r.number, {s: path.name for s, path in r.files.items()}, r.record]
        for r in results
    ]
    write_file(folder / ROUND, json.dumps(values).encode("ascii"))
    for result in before:
        for suffix, path in result.files.items():
            if suffix != "counts":
                path.unlink(missing_ok=True)


def _finished_round(folder):
    """Returns the results of a round that was done before a kill, or None."""
    try:
        values = read_json(folder / ROUND, [list], MAX_LARGE_BYTES)
    except (OSError, NotJson) as error:  # not done yet, or spoilt: it is made again
        raise_if_of_system(error)
        return None
    return [results_in(folder, *result) for result in values]


def _progress(on_progress, number, count, corpus, before):
    """Returns what turns a round's characters into a share of all rounds, in bytes."""
    if on_progress is None:
        return None
    total = sum(result.record["characters"] for result in before) or corpus.num_bytes

    def update(characters):
        share = min(1.0, characters / max(1, total))
        on_progress(round((number + share) / count * corpus.num_bytes))

    return update


def _check_not_empty(report):
    """Raises a `UserError` for a split that had text and has none any more."""
    steps = report["steps"]
    for split in SPLITS:
        total, last = (steps[place]["splits"][split] for place in (0, -1))
        if not total["characters_in"] or last["characters_in"] > _removed(last):
            continue
        most = max(steps, key=lambda step: _removed(step["splits"][split]))
        if most["name"] == "record_empty":
            raise UserError(
                f"corpus.name: none of the {total['documents_in']:,} {split} records has text in "
                f"each of {' and '.join(report['fields'])}; use other files."
            )
        counts, why = most["splits"][split], ""
        if most["reasons"]:
            why = f" ({max(most['reasons'], key=most['reasons'].get)})"
        raise UserError(
            f"cleaning.steps: no {split} text is left; {most['name']!r} dropped the most, "
            f"{counts['documents_dropped']:,} of {total['documents_in']:,} "
            f"{unit_of(report)}{why}; change its settings or leave it out."
        )


def _removed(counts):
    return counts["characters_changed"] + counts["characters_dropped"]


def _read_manifest(directory):
    path = directory / MANIFEST
    try:
        content = read_json(path, _MANIFEST, MAX_LARGE_BYTES)
        if content["sha256"] != manifest_sha256(content):
            raise NotJson("its checksum differs")
    except (OSError, NotJson) as error:
        raise_if_of_system(error)
        raise UserError(
            f"data.cache_dir: {path} of a cleaned corpus is missing or damaged; delete the folder "
            f"{directory} and rerun."
        ) from None
    return content


def _safely_cut(pieces):
    """Puts parts of a stream together where a step has left a place that cannot be a cut."""
    waiting = ""
    for piece in pieces:
        if waiting and SAFE_CUT.match(waiting[-1:] + piece[:2]):
            yield waiting
            waiting = ""
        waiting += piece
    if waiting:
        yield waiting
