"""Wires a config into data, tokenizer, model and trainer; the `train` binary only calls it."""

from lm_zoo import config as config_lib
from lm_zoo import config_checks
from lm_zoo.data import audit_proof
from lm_zoo.data.batches import ContiguousBatches, WindowBatches
from lm_zoo.data.corpora.corpus import SPLITS
from lm_zoo.data.packed_batches import PackedBatches
from lm_zoo.data.preparation import (
    data_record,
    prepared_corpus,
    prepared_tokenizer,
    prepared_tokens,
)
from lm_zoo.distribution.strategies import default_distribution
from lm_zoo.errors import UserError
from lm_zoo.evaluation.perplexity import Evaluator
from lm_zoo.generation import GenerationOptions, generate
from lm_zoo.models.sequence_to_sequence import SequenceToSequenceModel
from lm_zoo.registry import build_model
from lm_zoo.run_folder import RunFolder
from lm_zoo.text.tokenizers import load_tokenizer
from lm_zoo.training import parameter_server
from lm_zoo.training.trainer import Trainer, total_steps


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
        tokenizer: The tokenizer: the run's own if the run exists.
        tokens: The `TokenDataset`.
        model: The built, freshly initialised model.
        batches: Training batches.
    """

    def __init__(self, config, workdir, observer=None, distribution=None):
        self.config = config_checks.validate(config)
        self.folder = RunFolder(workdir)
        self.distribution = distribution or default_distribution()
        with self.distribution.chief_first():
            self._begin(observer)
        # The model comes before the long work on the text, so that mistakes in it are found early.
        with self.distribution.strategy.scope():
            self.model = build_configured_model(config, self.tokenizer)
        self._check_sample_prompt()
        with self.distribution.chief_first():
            self._prepare_tokens(observer)
        self.batches = training_batches(config, self.tokens.split("train"))
        self.distribution.row_layout(config.data.batch_size)  # enough rows for all
        if self.distribution.name == "parameter_server":
            parameter_server.check_config(config)

    def _begin(self, observer):
        """Finds text and tokenizer: the run's own, if it exists."""
        if self.folder.exists():
            self.folder.check_config(self.config)
            self.corpus = prepared_corpus(self.config, observer)
            self.tokenizer = load_tokenizer(self.folder.tokenizer)
        else:
            self.folder.check_unused()
            self.corpus = prepared_corpus(self.config, observer)
            self.tokenizer = prepared_tokenizer(self.config, self.corpus, observer)

    def _prepare_tokens(self, observer):
        self.tokens = prepared_tokens(self.config, self.corpus, self.tokenizer, observer)
        self.data_record = data_record(self.corpus, self.tokenizer, self.tokens)
        if self.folder.exists():
            for split in SPLITS:
                self.folder.check_text(self.tokens, split)

    def describe(self):
        """Returns what is to be trained on what, as lines of text."""
        data, batches = self.config.data, self.batches
        steps = total_steps(self.config.training, batches)
        layout = data.layout
        if layout == "packed":
            layout += f" ({batches.padding:.2%} padding)"
        lines = [
            f"Text: {self.data_record['corpus']} ({self.data_record['source']})",
            f"Tokens ({self.tokenizer.name}, vocabulary {self.tokenizer.vocab_size:,}): "
            + ", ".join(f"{name} {self.tokens.split(name).num_tokens:,}" for name in SPLITS),
            f"Batches: {data.batch_size} rows of {data.sequence_length} tokens, {layout}; "
            f"{steps:,} steps, {batches.steps_per_epoch:,.4g} an epoch",
            f"Devices: {self.distribution.describe()}",
            f"Model: {self.config.model.name}",
            self.model.summary_table(data.sequence_length),
        ]
        return "\n".join(lines)

    def train(self, profile_steps=None, audit_data=False):
        """Begins the run or goes on with it; returns a `TrainingResult`."""
        if not self.distribution.is_chief:
            return self._trainer(profile_steps, audit_data).train()
        with self.folder.locked():
            if not self.folder.exists():
                self.folder.begin(self.config, self.tokenizer, self.tokens, self.data_record)
            return self._trainer(profile_steps, audit_data).train()

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
            sample=self._sampling(),
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

    def _sampling(self):
        training = self.config.training
        if not training.sample_length:
            return None
        options = GenerationOptions(
            max_new_tokens=training.sample_length,
            temperature=0.8,
            seed=self.config.seed,
            ignore_eos=True,  # for the word tokenizer's ends a line, not the text
        )
        prompt = training.sample_prompt
        if not prompt and not len(self.tokenizer.start_ids):
            prompt = self.tokenizer.decode(self.tokens.split("train").read(0, 1))

        def sample():
            return prompt + generate(self.model, self.tokenizer, [prompt], options)[0].text

        return sample

    def _check_sample_prompt(self):
        limit = self.model.context_length
        length = len(self.tokenizer.encode_prompt(self.config.training.sample_prompt))
        if limit is not None and length > limit:
            raise UserError(
                "config.training.sample_prompt: expected at most the model's context_length "
                f"({limit} tokens), received {length} tokens."
            )


def build_configured_model(config, tokenizer):
    """Builds the model that a config names, for a tokenizer's vocabulary.

    Raises:
        UserError: If the model cannot carry state through the layout that the config asks for.
    """
    for name in ("vocab_size", "seed", "dtype"):
        if name in config.model.arguments:
            raise UserError(
                f"config.model.{name}: it is not set here; it follows from the tokenizer, from "
                "config.seed and from config.training.precision."
            )
    model = build_model(
        config.model.name,
        config.model.size,
        vocab_size=tokenizer.vocab_size,
        dtype=config_lib.PRECISIONS[config.training.precision],
        seed=config.seed,
        **config.model.arguments,
    )
    if isinstance(model, SequenceToSequenceModel):
        raise UserError(
            f"config.model.name: {config.model.name} reads a source text, and data.corpus="
            f"{config.data.corpus!r} has none; expected a language model here. It is built by "
            "lm_zoo.build_model and trained as a keras.Model."
        )
    limit, length = model.context_length, config.data.sequence_length
    if limit is not None and config.data.layout == "contiguous":
        raise UserError(
            f"config.data.layout: expected 'windows' or 'packed', because {config.model.name} "
            f"holds {limit} tokens of context and cannot carry state on; received 'contiguous'."
        )
    if limit is not None and length > limit:
        raise UserError(
            f"config.data.sequence_length: expected at most the model's context_length ({limit}), "
            f"received {length}."
        )
    return model


def training_batches(config, split):
    """Returns the batches of a split as the config lays them out."""
    data = config.data
    if data.layout == "contiguous":
        return ContiguousBatches(split, data.batch_size, data.sequence_length)
    if data.layout == "packed":
        return PackedBatches(
            split, data.batch_size, data.sequence_length, data.across_documents, config.seed
        )
    stride = data.window_stride or data.sequence_length
    return WindowBatches(split, data.batch_size, data.sequence_length, stride, config.seed)


def configured_evaluator(config, model, tokenizer, distribution=None):
    """Returns the `Evaluator` that a config's `evaluation` part describes."""
    length = config.evaluation.sequence_length or config.data.sequence_length
    return Evaluator(
        model,
        tokenizer,
        batch_size=config.evaluation.batch_size,
        sequence_length=length,
        stride=config.evaluation.stride or max(1, length // 2),
        within_documents=config.data.within_documents,
        distribution=distribution,
    )
