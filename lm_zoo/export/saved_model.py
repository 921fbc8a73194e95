"""A run as a SavedModel that takes strings, proved to do what the run does."""

import pathlib

import tensorflow as tf

from lm_zoo.errors import UserError
from lm_zoo.export import model_card
from lm_zoo.export.card_page import readable
from lm_zoo.export.checks import checked_names
from lm_zoo.export.in_graph.exported_model import ExportedModel
from lm_zoo.export.new_folder import writing
from lm_zoo.export.stored_weights import StoredWeights
from lm_zoo.export.verification import precision_loss
from lm_zoo.export.verification.tensor_json import array
from lm_zoo.export.verification.verify import verify
from lm_zoo.export.warmup import FILE_NAME, predict_request, write_warmup
from lm_zoo.generation.options import TEXT, require_special_tokens
from lm_zoo.progress import stage
from lm_zoo.registration import resolve
from lm_zoo.text.in_graph import module_class

EXTRA = "assets.extra"  # where TensorFlow Serving looks for its warm-up requests


def write(
    run, folder, name="", precision="float32", max_length=0, signatures=None, special_tokens=TEXT
):
    """Writes a `Run` as a SavedModel.

    A process without lm_zoo makes every prediction with what was written, and its results are
    compared with those of the Python model of the same weights.

    Args:
        run: The `Run`.
        folder: An existing, empty folder.
        name: What servers call the model; "" is the workdir's name.
        precision: Of the matrices as they are stored, one of `PRECISIONS`.
        max_length: Most tokens of a text that is read whole (a prompt, a source, a target), and of
            what the model's state holds; 0 is the model's `context_length`, or any number for a
            recurrent model.
        signatures: Which of the task's predictions; None is all.
        special_tokens: What a special token that is written out in a text is to the signatures:
            `text`, or `control`, the token.

    Returns:
        Lines of text that say what was verified.

    Raises:
        UserError: For options that cannot be used, and a SavedModel that does not do what the run
            does.
    """
    prepared = PreparedExport(run, name, precision, max_length, signatures, special_tokens)
    with stage("Tracing"):
        prepared.exported.save(folder)
    with stage("Verifying by a process without lm_zoo"):
        report, examples = verify(folder, prepared.parity)
    return prepared.finish(folder, report, examples)


class PreparedExport:
    """A model as it is to be exported, and what it has to answer; the arguments are `write`'s.

    Attributes:
        exported: The `ExportedModel`.
        model: The Python model with the weights that are exported.
        limits: Field name -> most tokens, or None.
        parity: The task's `Parity`.
    """

    def __init__(
        self, run, name="", precision="float32", max_length=0, signatures=None, special_tokens=TEXT
    ):
        require_special_tokens(special_tokens)
        self.run, self.task = run, run.task
        self.name = name or run.folder.path.resolve().name
        names = checked_names(self.task.name, self.task.predictions, signatures)
        longest = checked_max_length(run.model, max_length)
        self.limits = self.task.length_limits(run.model, max_length)
        for field in self.task.fields:
            if field.kind == "text":
                module_class(self.task.preprocessors[field.name])  # there is one
        weights = StoredWeights(run.model, precision)
        self.model = copy_of(run.model, longest)
        weights.assign_to(self.model)
        self.exported = ExportedModel(
            self.task, self.model, weights, names, max_length, special_tokens
        )
        self.parity = resolve(self.task.parity_class)(
            type(run)(run.folder, run.task, self.model, run.step),
            self.task,
            names,
            self.limits,
            special_tokens,
        )

    def finish(self, folder, report, examples):
        """Writes what stands beside it: tokenizers, model card, warm-up requests.

        Args:
            folder: The SavedModel's.
            report: The `ParityReport`.
            examples: Prediction -> `(inputs, outputs)` of a call, name -> tensor as JSON has it.

        Returns:
            Lines of text that say what was found.
        """
        weights, loss = self.exported.weights, None
        if weights.precision != "float32":
            with stage("Measuring what the precision costs"):
                loss = precision_loss.measure(self.run, self.model)
        folder = pathlib.Path(folder)
        card = model_card.model_card(self.run, self.name, weights, self.limits, loss, report)
        card["special_tokens"] = self.exported.special_tokens
        predictions = {name: self.task.predictions[name] for name in self.parity.names}
        card["predictions"] = model_card.described_predictions(predictions, examples)
        with writing(folder):
            model_card.write_tokenizers(self.task, folder)
            model_card.write(card, readable(card), folder)
            requests = [
                predict_request(self.name, name, {k: array(v) for k, v in inputs.items()})
                for name, (inputs, _) in examples.items()
            ]
            (folder / EXTRA).mkdir(exist_ok=True)
            write_warmup(folder / EXTRA / FILE_NAME, requests)
        return "\n".join([*report.lines(), *([str(loss)] if loss else [])])


def checked_max_length(model, max_length):
    """Returns the most tokens of a prompt, or None for any number.

    Raises:
        UserError: If it is not a number that the model can have.
    """
    limit = model.context_length
    if max_length < 0 or (limit is not None and max_length > limit):
        expected = "at least 1" if limit is None else f"from 1 to {limit} (the context_length)"
        raise UserError(
            f"max_length: expected a whole number {expected}, or 0 for the maximum, received "
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
