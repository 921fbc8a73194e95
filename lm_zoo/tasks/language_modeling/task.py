"""Language modeling: each token of a text is predicted from those before it."""

from lm_zoo.data.batching.batches import ContiguousBatches, WindowBatches
from lm_zoo.data.batching.packed_batches import PackedBatches
from lm_zoo.errors import UserError
from lm_zoo.evaluation.perplexity import Evaluator
from lm_zoo.evaluation.text_curves import text_curves
from lm_zoo.generation import GenerationOptions, generate
from lm_zoo.layers.token_losses import row_losses
from lm_zoo.models.sequence_to_sequence import SequenceToSequenceModel
from lm_zoo.tasks.language_modeling.arguments import FIELDS, MONITORS, Arguments
from lm_zoo.tasks.language_modeling.evaluation_options import EvaluationOptions
from lm_zoo.tasks.language_modeling.predictions import PREDICTIONS
from lm_zoo.tasks.task import Sums, Task, ValidationSummaries


class LanguageModeling(Task):
    """Predicts the next token of a text; its batches are rows, windows or packed documents."""

    name = "language_modeling"
    fields = FIELDS
    monitors = MONITORS
    Arguments = Arguments
    EvaluationOptions = EvaluationOptions
    figures = ("nll", "tokens")
    shown = ("loss", "perplexity")
    predictions = PREDICTIONS
    functions_class = "lm_zoo.tasks.language_modeling.exported:LanguageModelFunctions"
    parity_class = "lm_zoo.tasks.language_modeling.parity:LanguageModelParity"
    run_class = "lm_zoo.tasks.language_modeling.run:LanguageModelRun"

    @property
    def tokenizer(self):
        return self.preprocessors["text"]

    @classmethod
    def check_model_class(cls, name, model_class):
        if issubclass(model_class, SequenceToSequenceModel):
            raise UserError(
                f"config.model.name: {name} reads a source text and writes a target, but the task "
                f"{cls.name} has only one text; expected a language model (`lm-zoo list models`), "
                "or the task translation with a parallel corpus (`lm-zoo list corpora`)."
            )

    def model_arguments(self):
        return {"vocab_size": self.tokenizer.vocab_size}

    def check(self, model):
        limit, arguments = model.context_length, self.arguments
        if limit is None:
            return
        if arguments.layout == "contiguous":
            raise UserError(
                "config.task.layout: expected 'windows' or 'packed', because "
                f"{self.config.model.name} has a context of {limit} tokens and cannot carry "
                "state; received 'contiguous'."
            )
        if arguments.sequence_length > limit:
            raise UserError(
                f"config.task.sequence_length: expected at most the model's context_length "
                f"({limit}), received {arguments.sequence_length}."
            )
        length = len(self.tokenizer.encode_prompt(arguments.sample_prompt))
        if length > limit:
            raise UserError(
                "config.task.sample_prompt: expected at most the model's context_length "
                f"({limit} tokens), received {length} tokens."
            )

    def batches(self, split, model=None, training=True, batch_size=None):
        arguments, text = self.arguments, split.fields["text"]
        rows, length = batch_size or self.config.data.batch_size, arguments.sequence_length
        if arguments.layout == "contiguous":
            return ContiguousBatches(text, rows, length)
        if arguments.layout == "packed":
            return PackedBatches(text, rows, length, arguments.across_documents, self.config.seed)
        return WindowBatches(text, rows, length, arguments.window_stride, self.config.seed)

    def sums(self, model, features, state, training):
        token_ids = features["token_ids"]  # (B, T)
        if state:
            logits, state = model.forward(token_ids, state, training=training)
        else:
            starts = {name: features[name] for name in features.keys() & {"document_starts"}}
            logits = model(token_ids, training=training, **starts)
        smoothing = self.arguments.label_smoothing
        objective, nll, tokens = row_losses(
            logits, features["targets"], features["weights"], smoothing
        )
        return Sums(objective, tokens, {"nll": nll, "tokens": tokens}), state

    def curves(self, totals, batches):
        return text_curves(totals, batches.split, bool(self.arguments.label_smoothing))

    def num_measured(self, split):
        return split.fields["text"].num_tokens - 1

    def evaluate(
        self,
        model,
        split,
        distribution=None,
        on_progress=None,
        batch_size=None,
        sequence_length=None,
        stride=None,
        context="auto",
    ):
        """Measures perplexity, a `Ledger`; the last four are those of `EvaluationOptions`."""
        arguments = self.arguments
        evaluator = Evaluator(
            model,
            self.tokenizer,
            batch_size=batch_size or self.config.evaluation.batch_size,
            sequence_length=sequence_length or arguments.evaluation_length,
            stride=stride or arguments.evaluation_stride,
            context_rule=context,
            within_documents=arguments.within_documents,
            distribution=distribution,
        )
        return evaluator.evaluate(split.fields["text"], on_progress)

    def listener(self, model, examples, corpus, distribution):
        arguments = self.arguments
        if not arguments.sample_length:
            return None
        options = GenerationOptions(
            max_new_tokens=arguments.sample_length,
            temperature=0.8,
            seed=self.config.seed,
            ignore_eos=True,  # for the word tokenizer's ends a line, not the text
        )
        prompt = arguments.sample_prompt
        if not prompt and not len(self.tokenizer.start_ids):
            first = examples.split("train").fields["text"].read(0, 1)
            prompt = self.tokenizer.decode(first)

        def observe():
            text = prompt + generate(model, self.tokenizer, [prompt], options)[0].text
            return ValidationSummaries(texts={"text": text})

        return observe
