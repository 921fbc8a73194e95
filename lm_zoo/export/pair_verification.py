"""Proof that a SavedModel of a model that reads sources does what the Python model does."""

import dataclasses

import numpy as np
import tensorflow as tf

from lm_zoo.evaluation.source_embedding import embed_sources
from lm_zoo.export.verification import (
    TOLERANCE,
    array,
    check_vectors,
    compare,
    different,
    tensor,
)
from lm_zoo.generation.options import TEXT
from lm_zoo.generation.translation import translate
from lm_zoo.generation.translation_options import TranslationOptions

NUM_BEAMS = (1, 4)


@dataclasses.dataclass
class PairParity:
    """How far a SavedModel's results were from the Python model's.

    Attributes:
        texts: Target texts scored, each after its source.
        translations: Translations made: of each source, with each of `NUM_BEAMS`.
        largest_difference: For each signature that was compared, the largest difference; of a
            log-probability or score relative to the larger of it and 1 nat, of a vector relative to
            its length.
        equal_translations: How many were equal, token for token; of a beam, all its texts.
        tied_translations: How many differed in texts of the same score, within `TOLERANCE`:
            rounding alone decides there.
    """

    texts: int
    translations: int
    largest_difference: dict[str, float]
    equal_translations: int = 0
    tied_translations: int = 0

    def written(self):
        """Returns lines about the translations that were made."""
        if not self.translations:
            return []
        tied = f" ({self.tied_translations} up to a tie)" if self.tied_translations else ""
        sizes = " and ".join(map(str, NUM_BEAMS))
        return [
            f"{self.equal_translations} of {self.translations} translations by {sizes} beams "
            f"equal, token for token{tied}; score {self.largest_difference['translate']:.1e}"
        ]


class PairVerification:
    """What to ask a SavedModel, and what it has to answer; as `Verification`.

    Args:
        model: The Python model, with the weights that were exported.
        source_tokenizer: The tokenizer of sources.
        tokenizer: That of targets; may be the same.
        signatures: The names of those exported.
        sources: Strings to translate.
        targets: Strings to score, each after its source.
        max_length: Most tokens of a text, or None.
        examples: As for `Verification`; so is `special_tokens`.
    """

    def __init__(
        self,
        model,
        source_tokenizer,
        tokenizer,
        signatures,
        sources,
        targets,
        max_length=None,
        examples=None,
        special_tokens=TEXT,
    ):
        self.model = model
        self.source_tokenizer = source_tokenizer
        self.tokenizer = tokenizer
        self.signatures = signatures
        self.sources = sources
        self.targets = targets
        # Where the state has a size, that bounds a translation; else what is asked for has to.
        self.max_length = 0 if model.context_length is not None else max_length or 0
        self.examples = examples or {}
        self.special_tokens = special_tokens

    @property
    def needs(self):
        """The package that has to be imported before the SavedModel is loaded, or ""."""
        return self.tokenizer.saved_model_needs or self.source_tokenizer.saved_model_needs

    def calls(self):
        """Returns `(name, inputs)` for each call, in the form that the process reads."""
        sources = tensor(self.sources)
        pair = {"text": tensor(self.targets), "source": sources}
        inputs = {"score": pair, "token_logprobs": pair, "embed": {"text": sources}}
        calls = [(name, inputs[name]) for name in self.signatures if name in inputs]
        if "translate" in self.signatures:
            for num_beams in NUM_BEAMS:
                inputs = {
                    "text": sources,
                    "num_beams": tensor(num_beams),
                    "max_new_tokens": tensor(self.max_length),
                    "length_penalty": tensor(1.0),
                    "num_return_sequences": tensor(num_beams),
                }
                calls += [("translate", inputs), ("beams", inputs)]
        return calls

    def check(self, answers):
        """Compares the answers with what the Python model gives, on the CPU as the process did.

        Args:
            answers: The outputs of each of `calls`.

        Returns:
            A `PairParity`.

        Raises:
            UserError: If one differs by more than `TOLERANCE`, or a text differs.
        """
        found = [{key: array(value) for key, value in outputs.items()} for outputs in answers]
        parity = PairParity(len(self.targets), 0, {})
        with tf.device("CPU"):
            others = [name for name in self.signatures if name != "translate"]
            self._check_others(dict(zip(others, found)), parity.largest_difference)
            found = found[len(others) :]
            for num_beams, translated, beams in zip(NUM_BEAMS, found[::2], found[1::2]):
                self._check_translations(num_beams, translated, beams, parity)
        return parity

    def log_probs(self, source, token_ids):
        """Returns the log-probability of each target token, the last being the end token or not.

        Reads source and target in one go, without state.
        """
        source_ids = [
            *self.source_tokenizer.encode(source, self.special_tokens),
            self.source_tokenizer.end_id,
        ]
        inputs = [self.tokenizer.end_id, *token_ids[:-1]]
        logits = self.model(
            tf.constant([inputs], tf.int32), source_ids=tf.constant([source_ids], tf.int32)
        )
        log_probs = tf.nn.log_softmax(logits[0]).numpy().astype(np.float64)
        return log_probs[np.arange(len(token_ids)), token_ids]

    def _check_others(self, found, largest):
        """Notes the largest difference of each signature but `translate`."""
        if {"score", "token_logprobs"} & set(found):
            self._check_scores(found, largest)
        if "embed" in found:
            expected = embed_sources(
                self.model,
                self.source_tokenizer,
                self.sources,
                special_tokens=self.special_tokens,
            )
            largest["embed"] = check_vectors(expected, found["embed"]["vector"])

    def _check_scores(self, found, largest):
        rows, pieces = [], []
        for source, target in zip(self.sources, self.targets, strict=True):
            token_ids = self.tokenizer.encode(target, self.special_tokens)
            token_ids = [*map(int, token_ids), self.tokenizer.end_id]
            rows.append(self.log_probs(source, token_ids))
            pieces += map(self.tokenizer.token_bytes, token_ids)
        lengths = [len(row) for row in rows]
        if "score" in found:
            outputs, sums = found["score"], np.array([row.sum() for row in rows])
            _check_equal("score", self.targets, outputs["num_tokens"].tolist(), lengths)
            log_prob = compare("score", outputs["log_prob"], sums, self.targets)
            per_token = np.log(outputs["perplexity"])
            perplexity = compare("score", per_token, -sums / lengths, self.targets)
            largest["score"] = max(log_prob, perplexity)
        if "token_logprobs" in found:
            outputs, name = found["token_logprobs"], "token_logprobs"
            _check_equal(name, self.targets, outputs["row_lengths"].tolist(), lengths)
            _check_equal(name, self.targets, outputs["tokens"].tolist(), pieces)
            values = np.concatenate(rows)
            largest[name] = compare(name, outputs["log_probs"], values, self.targets)

    def _check_translations(self, num_beams, translated, beams, parity):
        options = TranslationOptions(
            special_tokens=self.special_tokens,
            num_beams=num_beams,
            num_return_sequences=num_beams,
            max_new_tokens=self.max_length,
        )
        expected = translate(
            self.model, self.source_tokenizer, self.tokenizer, self.sources, options
        )
        for row, (source, texts) in enumerate(zip(self.sources, expected, strict=True)):
            parity.translations += 1
            is_equal = True
            for rank, own in enumerate(texts):
                given = [int(token) for token in beams["tokens"][row, rank] if token >= 0]
                score = beams["scores"][row, rank]
                difference = compare("translate", score, own.score, source)
                if given == own.token_ids:
                    text = translated["texts"][row, rank].decode("utf-8")
                    _check_equal("translate", source, text, own.text)
                    log_prob = beams["log_probs"][row, rank]
                    compare("translate", log_prob, own.log_prob, source)
                elif self._is_tie(source, given, own):
                    is_equal = False
                else:
                    raise different("translate", source, given, own.token_ids)
                parity.largest_difference["translate"] = max(
                    difference, parity.largest_difference.get("translate", 0)
                )
            parity.equal_translations += is_equal
            parity.tied_translations += not is_equal
            best = (translated["text"][row], translated["score"][row])
            first = (translated["texts"][row, 0], translated["scores"][row, 0])
            _check_equal("translate", source, best, first)

    def _is_tie(self, source, given, own):
        """Whether the Python model gives another text the same score."""
        score = self.log_probs(source, given).sum() / len(given)
        return abs(score - own.score) <= TOLERANCE * max(1, abs(own.score))


def _check_equal(name, text, found, expected):
    if found != expected:
        raise different(name, text, found, expected)
