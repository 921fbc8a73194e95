"""How the export of a translation model is verified: by the tokens of its beams, too."""

import numpy as np
import tensorflow as tf

from lm_zoo.export.verification.comparison import (
    TOLERANCE,
    check_equal,
    compare,
    different,
)
from lm_zoo.export.verification.parity import Choices, Parity
from lm_zoo.generation.translation import translate
from lm_zoo.generation.translation_options import TranslationOptions

NUM_BEAMS = (1, 4)


class TranslationParity(Parity):
    """`Parity` of translation: sources are translated with each of `NUM_BEAMS`; all beams are
    compared."""

    @property
    def max_new_tokens(self):
        """Where the state has a size, that bounds a translation; else what is asked for has to."""
        return 0 if self.run.model.context_length is not None else self.limits["target"] or 0

    def calls(self, name):
        if name != "translate":
            return super().calls(name)
        calls = []
        for num_beams in NUM_BEAMS:
            inputs = self.inputs(
                name,
                self.records,
                num_beams=num_beams,
                num_return_sequences=num_beams,
                max_new_tokens=self.max_new_tokens,
            )
            calls += [(name, inputs), ("beams", inputs)]
        return calls

    def as_tensors(self, name, inputs):
        return super().as_tensors("translate" if name == "beams" else name, inputs)

    def check(self, name, calls, found, report):
        if name != "translate":
            super().check(name, calls, found, report)
            return
        listed = " and ".join(map(str, NUM_BEAMS))
        report.choices[name] = Choices(f"translations by {listed} beams")
        report.largest_difference[name] = max(
            self._check_translations(num_beams, *pair, report.choices[name])
            for num_beams, pair in zip(NUM_BEAMS, zip(found[::2], found[1::2]))
        )

    def log_probs(self, source, token_ids):
        """Returns the log-probability of each target token, the last being the end token or not.

        Reads source and target in one go, without state.
        """
        tokenizer, end_id = self.run.source_tokenizer, self.run.tokenizer.end_id
        source_ids = [*tokenizer.encode(source, self.special_tokens), tokenizer.end_id]
        inputs = [end_id, *token_ids[:-1]]
        logits = self.run.model(
            tf.constant([inputs], tf.int32), source_ids=tf.constant([source_ids], tf.int32)
        )
        log_probs = tf.nn.log_softmax(logits[0]).numpy().astype(np.float64)
        return log_probs[np.arange(len(token_ids)), token_ids]

    def _check_translations(self, num_beams, translated, beams, choices):
        options = TranslationOptions(
            special_tokens=self.special_tokens,
            num_beams=num_beams,
            num_return_sequences=num_beams,
            max_new_tokens=self.max_new_tokens,
        )
        run, sources, largest = self.run, self.records["source"], 0.0
        expected = translate(run.model, run.source_tokenizer, run.tokenizer, sources, options)
        for row, (source, texts) in enumerate(zip(sources, expected, strict=True)):
            choices.total += 1
            is_equal = True
            for rank, own in enumerate(texts):
                given = [int(token) for token in beams["tokens"][row, rank] if token >= 0]
                difference = compare("translate", source, beams["scores"][row, rank], own.score)
                largest = max(largest, difference)
                if given == own.token_ids:
                    text = translated["texts"][row, rank].decode("utf-8")
                    check_equal("translate", source, text, own.text)
                    compare("translate", source, beams["log_probs"][row, rank], own.log_prob)
                elif self.is_tie(source, given, own):
                    is_equal = False
                else:
                    raise different("translate", source, given, own.token_ids)
            choices.equal += is_equal
            choices.tied += not is_equal
            best = (translated["text"][row], translated["score"][row])
            first = (translated["texts"][row, 0], translated["scores"][row, 0])
            check_equal("translate", source, best, first)
        return largest

    def is_tie(self, source, given, own):
        """Whether the Python model gives another text the same score."""
        score = self.log_probs(source, given).sum() / len(given)
        return abs(score - own.score) <= TOLERANCE * max(1, abs(own.score))
