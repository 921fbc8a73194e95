"""A run as a SavedModel that takes strings, proved to do what the run does."""

import pathlib

import tensorflow as tf

from lm_zoo.errors import UserError
from lm_zoo.export import model_card, precision_loss
from lm_zoo.export.examples import example_calls, example_pair_calls
from lm_zoo.export.exported_model import ExportedModel, checked_signatures
from lm_zoo.export.new_folder import writing
from lm_zoo.export.pair_samples import example_pair, sample_pairs
from lm_zoo.export.pair_verification import PairVerification
from lm_zoo.export.samples import (
    example_text,
    held_out_text,
    sample_prompts,
    sample_texts,
)
from lm_zoo.export.task_of import task_of
from lm_zoo.export.verification import Verification, array, verify
from lm_zoo.export.warmup import FILE_NAME, predict_request, write_warmup
from lm_zoo.export.weights import StoredWeights
from lm_zoo.generation.options import TEXT, require_special_tokens
from lm_zoo.text.in_graph import module_class

EXTRA = "assets.extra"  # SavedModel's folder for what TensorFlow does not read


def write(
    run,
    folder,
    name="",
    precision="float32",
    max_length=0,
    signatures=None,
    special_tokens=TEXT,
):
    """Writes a `Run` as a SavedModel.

    A process without lm_zoo scores, generates and embeds with what was written, and its results are
    compared with those of the Python model of the same weights.

    Args:
        run: The `Run`.
        folder: An existing, empty folder.
        name: What servers call the model; "" is the workdir's name.
        precision: Of the matrices as they are stored, one of `PRECISIONS`.
        max_length: Most tokens of a prompt, and of what the model's state holds; 0 is the model's
            `context_length`, or any number for a recurrent model. For a model that reads a source:
            of a source, and of a target.
        signatures: Which of the model's signatures; None is all.
        special_tokens: What a special token that is written out in a text is to the signatures:
            `text`, or `control`, the token.

    Returns:
        Lines of text that say what was verified.

    Raises:
        UserError: For options that cannot be used, and a SavedModel that does not do what the run
            does.
    """
    prepared = PreparedExport(run, name, precision, max_length, signatures, special_tokens)
    prepared.exported.save(folder)
    ((parity, examples),) = verify([(folder, prepared.verification)])
    return prepared.finish(folder, parity, examples)


class PreparedExport:
    """A model as it is to be exported, and what it has to answer.

    Args:
        run: The `Run`.
        name: As in `write`; so are the others.
        precision: Likewise.
        max_length: Likewise.
        signatures: Likewise.
        special_tokens: Likewise.

    Attributes:
        exported: The `ExportedModel`.
        verification: The `Verification`, or `PairVerification`.
    """

    def __init__(
        self,
        run,
        name="",
        precision="float32",
        max_length=0,
        signatures=None,
        special_tokens=TEXT,
    ):
        require_special_tokens(special_tokens)
        for tokenizer in (run.tokenizer, run.source_tokenizer):
            module_class(tokenizer)  # there is one
        self.run = run
        self.name = name or run.folder.path.resolve().name
        self.signatures = checked_signatures(run.model, signatures)
        self.max_length = checked_max_length(run.model, max_length)
        self.limits = task_of(run).length_limits(run.model, max_length)
        weights = StoredWeights(run.model, precision)
        self.model = copy_of(run.model, self.max_length)
        if run.model.reads_source and max_length:
            self.model.source_length = min(self.model.source_length or max_length, max_length)
        weights.assign_to(self.model)
        self.exported = ExportedModel(
            self.model,
            run.tokenizer,
            weights,
            self.max_length,
            self.signatures,
            run.source_tokenizer,
            special_tokens,
        )
        reads_source = run.model.reads_source
        self.verification = self._pair_verification() if reads_source else self._verification()

    def _verification(self):
        tokenizer, limit = self.run.tokenizer, self.model.context_length
        text = held_out_text(self.run, 2 * (limit or 1000))
        prompts = sample_prompts(tokenizer, text, self.max_length)
        return Verification(
            self.model,
            tokenizer,
            self.signatures,
            sample_texts(tokenizer, text, limit),
            prompts,
            self.max_length,
            example_calls(self.signatures, example_text(prompts), tokenizer.vocab_size),
            special_tokens=self.exported.special_tokens,
        )

    def _pair_verification(self):
        source_length = self.model.source_length
        sources, targets = sample_pairs(self.run, source_length, self.max_length)
        return PairVerification(
            self.model,
            self.run.source_tokenizer,
            self.run.tokenizer,
            self.signatures,
            sources,
            targets,
            self.max_length,
            example_pair_calls(self.signatures, *example_pair(sources, targets)),
            self.exported.special_tokens,
        )

    def finish(self, folder, parity, examples):
        """Writes what stands beside it: tokenizer, model card, warm-up requests.

        Args:
            folder: The SavedModel's.
            parity: The `Parity` that was found.
            examples: Signature -> `(inputs, outputs)` of a call, name -> tensor as JSON has it.

        Returns:
            Lines of text that say what was found.
        """
        loss = None
        if self.exported.weights.precision != "float32":
            loss = precision_loss.measure(self.run, self.model)
        extra = pathlib.Path(folder, EXTRA)
        own = extra / "lm_zoo"
        task = task_of(self.run)
        card = model_card.model_card(
            self.run, self.name, self.exported.weights, self.limits, loss, parity
        )
        card["special_tokens"] = self.exported.special_tokens
        predictions = {name: task.predictions[name] for name in self.signatures}
        card["predictions"] = model_card.described_predictions(predictions, examples)
        with writing(folder):
            model_card.write_tokenizers(task, own)
            model_card.write(card, own)
            requests = [
                predict_request(self.name, name, {k: array(v) for k, v in inputs.items()})
                for name, (inputs, _) in examples.items()
            ]
            write_warmup(extra / FILE_NAME, requests)
        return "\n".join(_report(parity, loss))


def checked_max_length(model, max_length):
    """Returns the most tokens of a prompt, or None for any number.

    Raises:
        UserError: If it is not a number that the model can have.
    """
    limit = model.context_length
    if max_length < 0 or (limit is not None and max_length > limit):
        expected = "at least 1" if limit is None else f"from 1 to {limit} (the context_length)"
        raise UserError(
            f"max_length: expected a whole number {expected}, or 0 for the longest, received "
            f"{max_length}."
        )
    return max_length or limit


def copy_of(model, max_length):
    """Returns a model built alike, with weights of its own, whose context is `max_length`.

    It computes in float32: in mixed precision, another order of a sum gives another result, and
    nothing could be proved.
    """
    with tf.device("CPU"):  # where it is compared with what another process finds
        copy = type(model).from_config(model.get_config() | {"dtype": "float32"})
        if not copy.built:
            copy.build((None, None))
    if model.context_length is not None:
        copy.context_length = max_length
    return copy


def _report(parity, loss):
    scored = [name for name in parity.largest_difference if name not in ("generate", "translate")]
    if scored:
        listed = ", ".join(f"{name} {parity.largest_difference[name]:.1e}" for name in scored)
        yield f"Verified by a process without lm_zoo, on {parity.texts} texts: {listed}"
    for what in parity.written():
        yield f"Verified likewise: {what}"
    if loss:
        yield str(loss)
