"""The entrance to translation: sources in, target texts out, for models that read a source."""

import dataclasses
import itertools
from typing import NamedTuple

import numpy as np

from lm_zoo.errors import UserError
from lm_zoo.generation.multi_device import map_on_devices
from lm_zoo.generation.random_keys import padded
from lm_zoo.generation.rows import require_probability
from lm_zoo.generation.search.translation_search import search_sources
from lm_zoo.generation.translation_options import TranslationOptions
from lm_zoo.text.checks import require_strings, require_unicode, require_vocabulary

BATCHES_AHEAD = 16  # read before they are sorted by length into batches


@dataclasses.dataclass
class Translation:
    """One translation of a source.

    Attributes:
        source: The source text.
        text: The translation, without end token.
        token_ids: Its tokens, an end token included.
        log_prob: Sum of the model's log-probabilities of `token_ids`, in nats.
        score: What a source's translations are ranked by.
        finished_by: `eos`, or `length` where it was cut off.
        truncated: Whether only the beginning of the source was read.
        rank: Which of the source's translations; 0 is the best.
    """

    source: str
    text: str
    token_ids: list[int]
    log_prob: float
    score: float
    finished_by: str
    truncated: bool = False
    rank: int = 0


def translate(
    model, source_tokenizer, tokenizer, sources, options=None, devices=(), on_progress=None
):
    """Translates texts.

    A translation is a function of model, source and options: the sources around it change nothing
    (beyond the last bits of floating-point sums).

    Args:
        model: A built `SequenceToSequenceModel`.
        source_tokenizer: The tokenizer of sources that it was trained with.
        tokenizer: The tokenizer of targets.
        sources: A list of strings. One without anything but spaces has an empty translation.
        options: `TranslationOptions`.
        devices: Names of the devices that batches are spread over; none is the one that TensorFlow
            chooses. The model's parameters have to be on each.
        on_progress: Called as `on_progress(done, of how many)` after each translation, or None.

    Returns:
        For each source a list of at least one and at most `num_return_sequences` `Translation`s,
        best first.

    Raises:
        UserError: For options, a model or sources that cannot be used.
    """
    require_strings("sources", sources)
    translator = _Translator(
        model, source_tokenizer, tokenizer, options, devices, "source {}".format
    )
    sources = [translator.encode(number, source) for number, source in enumerate(sources, 1)]
    found = []
    for translations in translator.translate(sources):
        found.append(translations)
        if on_progress:
            on_progress(len(found), len(sources))
    return found


def translate_stream(
    model, source_tokenizer, tokenizer, lines, options=None, devices=(), name_of="line {}".format
):
    """Translates lines as they come; the arguments are those of `translate`, but:

    Args:
        lines: An iterable of strings, of which some are read ahead. It may give None where no more
            are to be had for the moment: those read so far are then translated at once.
        name_of: Gives what errors call a line, from its number, the first being 1.

    Returns:
        An iterator over what `translate` gives, in the order of the lines, each as soon as it and
        those before it are done.

    Raises:
        UserError: At once for options or a model, later for lines.
    """
    translator = _Translator(model, source_tokenizer, tokenizer, options, devices, name_of)

    def translations():
        read = 0
        for group in _groups(lines, BATCHES_AHEAD * translator.rows_at_once):
            sources = [translator.encode(read + i, line) for i, line in enumerate(group, 1)]
            read += len(group)
            yield from translator.translate(sources)

    return translations()


class _Source(NamedTuple):
    text: str
    token_ids: list
    truncated: bool


class _Translator:
    """What both forms share: sources to tokens, batches, translations in order."""

    def __init__(self, model, source_tokenizer, tokenizer, options, devices, name_of):
        self.options = (options or TranslationOptions()).validate()
        _check(model, source_tokenizer, tokenizer)
        self.model = model
        self.source_tokenizer = source_tokenizer
        self.tokenizer = tokenizer
        self.devices = devices
        self.name_of = name_of
        self.rows_at_once = self.options.batch_size * max(1, len(devices))

    def encode(self, number, text):
        """Returns the `_Source`; it has no tokens where there is nothing to be translated."""
        name = self.name_of(number)
        require_unicode(name, text)
        token_ids = [
            int(token) for token in self.source_tokenizer.encode(text, self.options.special_tokens)
        ]
        if not token_ids or not text.strip():
            return _Source(text, [], False)
        token_ids.append(self.source_tokenizer.end_id)
        limit = self.model.source_length
        if limit is None or len(token_ids) <= limit:
            return _Source(text, token_ids, False)
        if self.options.too_long == "error":
            raise UserError(
                f"{name}: expected at most {limit} tokens (the model's source_length, including "
                f"the end token), received {len(token_ids)}; shorten it, or use too_long=truncate."
            )
        return _Source(text, token_ids[: limit - 1] + token_ids[-1:], True)

    def translate(self, sources):
        """Yields each source's translations, in order."""
        done = {i: [_nothing(s)] for i, s in enumerate(sources) if not s.token_ids}
        batches = _batches(sources, self.options.batch_size)
        found = map_on_devices(
            lambda batch: self._search([sources[i] for i in batch]), batches, self.devices
        )
        next_one = 0
        for batch, translations in itertools.chain([((), ())], zip(batches, found)):
            done.update(zip(batch, translations))
            while next_one in done:
                yield done.pop(next_one)
                next_one += 1

    def _search(self, sources):
        source_ids, lengths = padded([source.token_ids for source in sources])
        found = search_sources(self.model, source_ids, lengths, self.tokenizer.end_id, self.options)
        return [
            self._translations(source, *row)
            for source, *row in zip(sources, *(part.numpy() for part in found))
        ]

    def _translations(self, source, tokens, lengths, scores, log_probs):
        require_probability(log_probs.sum())  # NaN if one of them is
        translations = []
        for rank in range(np.count_nonzero(np.isfinite(scores))):
            length = lengths[rank]
            token_ids = [int(token) for token in tokens[rank] if token >= 0]
            translations.append(
                Translation(
                    source=source.text,
                    text=self.tokenizer.decode(token_ids[:length]),
                    token_ids=token_ids,
                    log_prob=float(log_probs[rank]),
                    score=float(scores[rank]),
                    finished_by="length" if len(token_ids) == length else "eos",
                    truncated=source.truncated,
                    rank=rank,
                )
            )
        return translations


def _check(model, source_tokenizer, tokenizer):
    model.check_reads(sources=True)
    source_vocab_size = model.source_vocab_size or model.vocab_size
    for name, given, vocab_size in (
        ("source_tokenizer", source_tokenizer, source_vocab_size),
        ("tokenizer", tokenizer, model.vocab_size),
    ):
        require_vocabulary(given, vocab_size, name)
        if given.end_id is None:
            raise UserError(
                f"{name}: expected one with an end token, received {given.name!r} without."
            )


def _groups(lines, most):
    """Yields lists of up to `most` lines; a None ends a list early."""
    group = []
    for line in lines:
        if line is not None:
            group.append(line)
        if group and (line is None or len(group) == most):
            yield group
            group = []
    if group:
        yield group


def _batches(sources, batch_size):
    """Indices of sources of like length, in the order in which each batch is first needed."""
    by_length = sorted(
        (i for i, source in enumerate(sources) if source.token_ids),
        key=lambda i: len(sources[i].token_ids),
    )
    return sorted(
        (by_length[begin : begin + batch_size] for begin in range(0, len(by_length), batch_size)),
        key=min,
    )


def _nothing(source):
    return Translation(source.text, "", [], 0.0, 0.0, "eos")
