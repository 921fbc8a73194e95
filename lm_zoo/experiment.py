"""Wires a config into data, tokenizer, model and trainer; the `train` binary only calls it."""

from lm_zoo import config as config_lib
from lm_zoo import config_checks
from lm_zoo.data import audit_proof
from lm_zoo.data.batches import ContiguousBatches, WindowBatches
from lm_zoo.data.corpora.corpus import SPLITS
from lm_zoo.data.examples import data_record, prepared_examples, prepared_preprocessors
from lm_zoo.data.packed_batches import PackedBatches
from lm_zoo.data.preparation import prepared_corpus
from lm_zoo.data.split_shares import split_notes
from lm_zoo.distribution.strategies import default_distribution
from lm_zoo.errors import UserError
from lm_zoo.evaluation.perplexity import Evaluator
from lm_zoo.files import check_writable
from lm_zoo.generation import GenerationOptions, generate
from lm_zoo.registry import build_model, registered_model
from lm_zoo.run_folder import RunFolder
from lm_zoo.tasks import task_arguments, task_fields
from lm_zoo.training import parameter_server
from lm_zoo.training.trainer import Observations, Trainer, total_steps


class Experiment:
    """A config made real: corpus, tokenizer, token files and model.

    Everything is built and checked in the constructor and nothing is written to the workdir, so
    mistakes are found before a run exists.

    Args:
        config: An `ExperimentConfig`.
        workdir: The run's folder.
        observer: A `lm_zoo.data.preparation.Observer` of cleaning and tokenizing, or None.
        distribution: The `Distribution` to train on; None is the device that TensorFlow chooses.

    Attributes:
        config: The validated `ExperimentConfig`.
        folder: The `RunFolder`.
        corpus: The cleaned `Corpus`.
        preprocessors: Field name -> `Tokenizer`: the run's own if the run exists.
        examples: The `Examples`.
        model: The built, freshly initialised model.
        batches: Training batches.
    """

    def __init__(self, config, workdir, observer=None, distribution=None):
        self.config = config_checks.resolve(config)
        self.folder = RunFolder(workdir)
        self.distribution = distribution or default_distribution()
        with self.distribution.chief_first():
            self._begin(observer)
        # The model comes before the long work on the text, so that mistakes in it are found early.
        with self.distribution.strategy.scope():
            self.model = self._build_model()
        self._check_sampling()
        with self.distribution.chief_first():
            self._prepare_tokens(observer)
        self.batches = self._training_batches()
        self.distribution.row_layout(self.config.data.batch_size)  # enough rows for all
        if self.distribution.name == "parameter_server":
            parameter_server.check_config(self.config)

    def _begin(self, observer):
        """Finds text and tokenizer: the run's own, if one was begun."""
        if self.distribution.is_chief:
            check_writable(self.folder.path)
        if self.folder.begun():
            self.folder.check_config(self.config)
            self.corpus = prepared_corpus(self.config, task_fields(self.config), observer)
            self.preprocessors = self.folder.preprocessors(task_fields(self.config))
        else:
            self.folder.check_unused()
            self.corpus = prepared_corpus(self.config, task_fields(self.config), observer)
            self.preprocessors = prepared_preprocessors(
                self.config, self.corpus, task_fields(self.config), observer
            )

    @property
    def tokenizer(self):
        return self.preprocessors["text"]

    @property
    def tokens(self):
        return self.examples.fields["text"]

    def _build_model(self):
        return build_configured_model(self.config, self.tokenizer)

    def _training_batches(self):
        return training_batches(self.config, self.tokens.split("train"))

    def _prepare_tokens(self, observer):
        self.examples = prepared_examples(self.config, self.corpus, self.preprocessors, observer)
        self.data_record = data_record(self.corpus, self.preprocessors, self.examples)
        if self.folder.begun():
            self.folder.check_examples(self.examples)

    def describe(self):
        """Returns what is to be trained on what, as lines of text."""
        steps = total_steps(self.config.training, self.batches)
        lines = [
            f"Text: {self.data_record['corpus']} ({self.data_record['source']})",
            *self._describe_tokens(),
            *split_notes(self.corpus, self.examples),
            f"Batches: {self._describe_batches()}; {steps:,} steps, "
            f"{self.batches.steps_per_epoch:,.4g} an epoch",
            f"Devices: {self.distribution.describe()}",
            f"Model: {self.config.model.name}",
            self.model.summary_table(self._row_length),
        ]
        return "\n".join(lines)

    def _describe_tokens(self):
        return [describe_tokens(self.tokenizer, self.tokens)]

    @property
    def _row_length(self):
        return self.config.task.sequence_length

    def _describe_batches(self):
        data, task = self.config.data, self.config.task
        layout = task.layout
        if layout == "packed":
            layout += f" ({self.batches.padding:.2%} padding)"
        return f"{data.batch_size} rows of {task.sequence_length} tokens, {layout}"

    def train(self, profile_steps=None, audit_data=False):
        """Begins the run or goes on with it; returns a `TrainingResult`."""
        if not self.distribution.is_chief:
            return self._trainer(profile_steps, audit_data).train()
        with self.folder.locked():
            if not self.folder.begun():
                self.begin_run()
            elif not self.folder.exists():  # its config was lost, and was given again
                self.folder.write_config(self.config)
            return self._trainer(profile_steps, audit_data).train()

    def begin_run(self):
        """Writes what the run is into its folder."""
        self.folder.begin(
            self.config,
            task_fields(self.config),
            self.preprocessors,
            self.examples,
            self.corpus,
            self.data_record,
        )

    def verify_audit(self, steps):
        """Returns a line that says that `steps` steps used all data; see `audit_proof`."""
        return audit_proof.verify(self.folder.audit, self.batches, steps)

    def _trainer(self, profile_steps, audit_data):
        return Trainer(
            self.model,
            self.config,
            self.batches,
            self.folder,
            validate=self._validation(),
            observe=self._observation(),
            profile_steps=profile_steps,
            distribution=self.distribution,
            audit_data=audit_data,
        )

    def _validation(self):
        split = self.tokens.split("validation")
        if split.num_tokens < 2:
            return None
        evaluator = configured_evaluator(
            self.config, self.model, self.tokenizer, self.distribution.for_evaluation
        )
        return lambda: evaluator.evaluate(split)

    def _observation(self):
        task = self.config.task
        if not task.sample_length:
            return None
        options = GenerationOptions(
            max_new_tokens=task.sample_length,
            temperature=0.8,
            seed=self.config.seed,
            ignore_eos=True,  # for the word tokenizer's ends a line, not the text
        )
        prompt = task.sample_prompt
        if not prompt and not len(self.tokenizer.start_ids):
            prompt = self.tokenizer.decode(self.tokens.split("train").read(0, 1))

        def observe():
            text = prompt + generate(self.model, self.tokenizer, [prompt], options)[0].text
            return Observations(texts={"sample": text})

        return observe

    def _check_sampling(self):
        limit = self.model.context_length
        length = len(self.tokenizer.encode_prompt(self.config.task.sample_prompt))
        if limit is not None and length > limit:
            raise UserError(
                "config.task.sample_prompt: expected at most the model's context_length "
                f"({limit} tokens), received {length} tokens."
            )


def describe_tokens(tokenizer, tokens, what="Tokens"):
    """Returns a line about a `TokenDataset`'s splits."""
    counts = ", ".join(f"{name} {shown_count(tokens.split(name).num_tokens)}" for name in SPLITS)
    return f"{what} ({tokenizer.name}, vocabulary {tokenizer.vocab_size:,}): {counts}"


def shown_count(count):
    """Returns how many there are in a split, in words where it is empty."""
    return f"{count:,}" if count else "none (empty)"


def build_configured_model(config, tokenizer, source_tokenizer=None):
    """Builds the model that a config names, for a tokenizer's vocabulary.

    Args:
        config: An `ExperimentConfig`.
        tokenizer: The tokenizer of the text that the model writes.
        source_tokenizer: That of the sources, for models that read some; may be the same.

    Raises:
        UserError: If the model does not fit the data, or cannot carry state through the layout that
            the config asks for.
    """
    for name in ("vocab_size", "source_vocab_size", "seed", "dtype"):
        if name in config.model.arguments:
            raise UserError(
                f"config.model.{name}: it is not set here; it follows from the tokenizer, from "
                "config.seed and from config.training.precision."
            )
    arguments = dict(config.model.arguments)
    reads_source = registered_model(config.model.name).reads_source
    if reads_source != (config.task.name == "translation"):
        raise _unfit_model(config, reads_source)
    if source_tokenizer is not None and source_tokenizer is not tokenizer:
        arguments["source_vocab_size"] = source_tokenizer.vocab_size
        arguments.setdefault("share_embeddings", False)
    model = build_model(
        config.model.name,
        config.model.size,
        vocab_size=tokenizer.vocab_size,
        dtype=config_lib.PRECISIONS[config.training.precision],
        seed=config.seed,
        **arguments,
    )
    if reads_source:
        return model
    limit, length = model.context_length, config.task.sequence_length
    if limit is not None and config.task.layout == "contiguous":
        raise UserError(
            f"config.task.layout: expected 'windows' or 'packed', because {config.model.name} "
            f"holds {limit} tokens of context and cannot carry state on; received 'contiguous'."
        )
    if limit is not None and length > limit:
        raise UserError(
            f"config.task.sequence_length: expected at most the model's context_length ({limit}), "
            f"received {length}."
        )
    return model


def _unfit_model(config, reads_source):
    name = config.model.name
    if reads_source:
        return UserError(
            f"config.model.name: {name} reads a source text and writes a target, and task "
            f"{config.task.name!r} has one text alone; expected a language model, or task.name="
            "translation with a corpus of pairs (`lm-zoo list corpora`)."
        )
    return UserError(
        f"config.model.name: expected a model that reads a source text (`lm-zoo list models`), for "
        f"the task is 'translation'; received the language model {name}."
    )


def training_batches(config, split):
    """Returns the batches of a split as the config lays them out."""
    data, task = config.data, config.task
    if task.layout == "contiguous":
        return ContiguousBatches(split, data.batch_size, task.sequence_length)
    if task.layout == "packed":
        return PackedBatches(
            split, data.batch_size, task.sequence_length, task.across_documents, config.seed
        )
    stride = task.window_stride or task.sequence_length
    return WindowBatches(split, data.batch_size, task.sequence_length, stride, config.seed)


def configured_evaluator(config, model, tokenizer, distribution=None):
    """Returns the `Evaluator` that a config's `evaluation` part describes."""
    task = task_arguments(config)
    return Evaluator(
        model,
        tokenizer,
        batch_size=config.evaluation.batch_size,
        sequence_length=task.evaluation_length,
        stride=task.evaluation_stride,
        within_documents=task.within_documents,
        distribution=distribution,
    )
