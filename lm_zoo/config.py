"""The one description of a run: typed dataclasses with defaults; `config_checks` validates them.

A config is data. It is written as a Python file with a `get_config()` by people, resolved once with
the command line's overrides, and kept as JSON in the run's folder; the JSON is never executed.
This module imports the standard library alone, so everything may import it.
"""

import dataclasses
import hashlib
import json

from lm_zoo.errors import UserError, unknown_name

LAYOUTS = ("contiguous", "windows", "packed", "pairs")
TOO_LONG = ("error", "truncate", "drop")
DOCUMENTS = ("stream", "file", "line", "paragraph")
SPLIT_BY = ("fraction", "document_hash")
BEST_BY = ("loss", "bleu")
OPTIMIZERS = ("sgd", "momentum", "adam", "adamw", "adafactor", "lion")
SCHEDULES = (
    "constant",
    "epoch_decay",
    "plateau",
    "cosine",
    "inverse_sqrt",
    "warmup_stable_decay",
)
STRATEGIES = (
    "auto",
    "one_device",
    "mirrored",
    "multi_worker",
    "parameter_server",
    "central_storage",
    "tpu",
)
IMPORTED = "imported"  # `data.corpus` of weights that were trained elsewhere, on text unknown here
# name -> Keras dtype policy
PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}


@dataclasses.dataclass
class DataConfig:
    """Which text, how it is split, and how it is cut into batches.

    Attributes:
        corpus: `python_reference`, `synthetic`, `text_files`, or a named corpus (`wikitext2`, ...;
            `lm-zoo list corpora`). Of sentence pairs: `synthetic_translation`, `text_pairs`, or a
            named one (`multi30k`, ...).
        data_dir: For a named corpus: a folder that has its files already; empty means the cache,
            into which they are fetched. For `text_files`: the folder that is read, or that
            `train_files` and the others are relative to.
        train_files: For `text_files`: files, folders or patterns (`books/**/*.txt.gz`) of the
            training split: text, JSON lines, JSON arrays, CSV, TSV or Parquet, plain or compressed
            (`.gz`, `.bz2`, `.xz`, `.zst`).
        validation_files: Those of the validation split; empty means by `split_by`.
        test_files: Those of the test split; empty means by `split_by`.
        train_target_files: For `text_pairs` in two files: the targets, line by line what
            `train_files` are translated to; empty where each record has both sides.
        validation_target_files: Likewise, of `validation_files`.
        test_target_files: Likewise, of `test_files`.
        source_field: For `text_pairs` in records (JSON, CSV, TSV, Parquet): the field or column
            with the source, as `text_field`.
        target_field: Likewise, with the target.
        source_language: For a named corpus of pairs: the language translated from (`de`).
        target_language: Likewise, the language translated to (`en`).
        encoding: Of the text files: `utf-8`, or any that Python knows (`latin-1`, `gb18030`, ...).
        text_field: For records (JSON, CSV, Parquet): the field or column with the text; dots lead
            into nested fields, and a number means that column of a CSV file without names.
        documents: What a document is in a text file: `stream` (nothing: all is one text), `file`,
            `line`, or `paragraph` (between blank lines). Records are always documents.
        split_by: `fraction` (validation and test are the end of the text, in this order) or
            `document_hash` (each document's place follows from its own text and stays when others
            are added).
        validation_fraction: Share of the characters (of a stream) or documents.
        test_fraction: Likewise.
        synthetic_tokens: For `synthetic`: number of symbols in the training split.
        synthetic_vocab_size: For `synthetic`: number of different symbols.
        synthetic_seed: For `synthetic`: which chain; for `synthetic_translation`: which sentences.
        synthetic_pairs: For `synthetic_translation`: number of pairs in the training split.
        layout: `contiguous` (every row is one unbroken stream, state carried from batch to batch:
            truncated back-propagation through time), `windows` (shuffled windows of the text),
            `packed` (whole documents put together into windows, shuffled), or `pairs` (sentence
            pairs of about the same length, for models that read a source).
        batch_size: Rows in the global batch of one optimizer step.
        batch_tokens: For `pairs`: the most tokens on either side of the global batch, padding
            included, instead of `batch_size`; 0 means by `batch_size`.
        sequence_length: Tokens per row and step; for `pairs` it is the pairs' own.
        too_long: For `pairs`: what becomes of pairs longer than the model reads or writes: `error`,
            `truncate` or `drop`.
        window_stride: For `windows`: distance between window starts; 0 means `sequence_length`
            (each token is a target once an epoch), 1 means every possible window.
        across_documents: For `packed`: whether attention and state go on from one document of a
            window into the next.
        cache_dir: Where what is fetched, cleaned and tokenized is kept; empty means
            `$LM_ZOO_CACHE` or `~/.cache/lm_zoo`.
    """

    corpus: str = "python_reference"
    data_dir: str = ""
    train_files: tuple[str, ...] = ()
    validation_files: tuple[str, ...] = ()
    test_files: tuple[str, ...] = ()
    train_target_files: tuple[str, ...] = ()
    validation_target_files: tuple[str, ...] = ()
    test_target_files: tuple[str, ...] = ()
    source_field: str = ""
    target_field: str = ""
    source_language: str = ""
    target_language: str = ""
    encoding: str = "utf-8"
    text_field: str = ""
    documents: str = "stream"
    split_by: str = "fraction"
    validation_fraction: float = 0.05
    test_fraction: float = 0.05
    synthetic_tokens: int = 200_000
    synthetic_vocab_size: int = 8
    synthetic_seed: int = 0
    synthetic_pairs: int = 10_000
    layout: str = "contiguous"
    batch_size: int = 20
    batch_tokens: int = 0
    sequence_length: int = 35
    too_long: str = "error"
    window_stride: int = 0
    across_documents: bool = False
    cache_dir: str = ""

    @property
    def within_documents(self):
        """Whether each document is read by itself: nothing is known of the one before it."""
        return self.layout == "packed" and not self.across_documents


@dataclasses.dataclass
class CleaningConfig:
    """What is done to the text before it becomes tokens. Nothing, unless steps are named.

    Attributes:
        steps: Cleaning steps, in the order in which they are done; `lm-zoo list cleaning` has all.
        sample: How many dropped and changed documents of each step are kept to look at, shortened.
        min_characters: For `length`: documents with fewer characters go.
        max_characters: For `length`: documents with more characters go; 0 means no limit.
        min_words: For `length`: documents with fewer words go. In scripts without spaces between
            words (Chinese, Japanese, Thai, ...) each character counts as a word, here and below.
        max_words: For `length`: documents with more words go; 0 means no limit.
        max_symbol_ratio: For `symbol_ratio`: most `#` or ellipses per word.
        min_alphabetic_words: For `symbol_ratio`: least share of words with a letter in them.
        repetition_tolerance: For `repetition`: factor on all of Gopher's limits; 2 lets documents
            repeat themselves twice as much.
        languages: For `language`: codes of the languages that stay (`en`, `de`, `zh`, ...).
        min_language_probability: For `language`: documents whose language is less sure go.
        near_duplicate_similarity: For `near_duplicates`: Jaccard similarity of two documents'
            n-grams from which the later one goes; estimated to about 0.04.
        near_duplicate_words: For `near_duplicates`: words in an n-gram.
        overlap_words: For `held_out_overlap`: words in an n-gram; GPT-3's 13.
        max_length_ratio: For `pair_length_ratio`: pairs of which one side has more than so many
            times the other's words go.
        max_overlap: For `held_out_overlap`: share of a training document's n-grams above which it
            goes when validation or test have them too; 0 means that one is too many.
    """

    steps: tuple[str, ...] = ()
    sample: int = 5
    min_characters: int = 100
    max_characters: int = 0
    min_words: int = 0
    max_words: int = 0
    max_symbol_ratio: float = 0.1
    min_alphabetic_words: float = 0.8
    repetition_tolerance: float = 1.0
    languages: tuple[str, ...] = ()
    min_language_probability: float = 0.5
    near_duplicate_similarity: float = 0.8
    near_duplicate_words: int = 5
    overlap_words: int = 13
    max_length_ratio: float = 3.0
    max_overlap: float = 0.0


@dataclasses.dataclass
class TokenizerConfig:
    """How text becomes token ids.

    Attributes:
        name: `character`, `byte`, `word`, `bpe`, `wordpiece`, `sentencepiece_unigram`,
            `sentencepiece_bpe` or `chinese_word`. An empty `source_tokenizer.name` means that
            sources and targets share `tokenizer`, which is trained on both.
        vocab_size: Largest vocabulary to build; 0 means no limit (subword tokenizers need one).
        min_count: For `word`, `character` and `chinese_word`: rarer ones become `<unk>`.
        path: A saved tokenizer's folder, or another program's files, to load instead of training:
            GPT-2's `encoder.json` and `vocab.bpe` for `bpe`, BERT's `vocab.txt` for `wordpiece`, a
            SentencePiece `.model` file.
        training_bytes: About the most text that a subword tokenizer is trained on, spread evenly
            over the training split; 0 means all of it.
    """

    name: str = "character"
    vocab_size: int = 0
    min_count: int = 1
    path: str = ""
    training_bytes: int = 1 << 28


class ModelConfig:
    """Name, size, and constructor arguments of the model: `ModelConfig("lstm_lm", hidden_dim=200)`.

    The arguments are the model class's own, so that a new model needs no line here; the registry
    checks their names and types. `size` takes a named size, which single arguments override.
    """

    def __init__(self, name, size="", **arguments):
        self.name = name
        self.size = size
        for key, value in arguments.items():
            setattr(self, key, value)

    @property
    def arguments(self):
        return {k: v for k, v in vars(self).items() if k not in ("name", "size")}

    def __eq__(self, other):
        return isinstance(other, ModelConfig) and vars(self) == vars(other)

    def __repr__(self):
        listed = "".join(f", {k}={v!r}" for k, v in self.arguments.items())
        return f"ModelConfig({self.name!r}, size={self.size!r}{listed})"


@dataclasses.dataclass
class OptimizerConfig:
    """The update rule. Gradients are averaged over tokens, then clipped by global norm.

    Attributes:
        name: `sgd`, `momentum`, `adam`, `adamw`, `adafactor` or `lion`.
        learning_rate: Peak learning rate; the schedule multiplies it. Adafactor's is relative: it
            multiplies the root mean square of each variable (at least 0.001).
        momentum: For `momentum`.
        beta1: First-moment decay (Adam, AdamW, Lion).
        beta2: Second-moment decay (Adam, AdamW, Lion).
        epsilon: Adam's and AdamW's epsilon.
        weight_decay: Decoupled weight decay on matrices (not on biases and gains); 0 is off.
        clip_norm: Largest global gradient norm; 0 is off.
        ema_decay: Exponential moving average of the parameters, used by validation and kept beside
            them; 0 is off.
    """

    name: str = "adam"
    learning_rate: float = 1e-3
    momentum: float = 0.9
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    clip_norm: float = 1.0
    ema_decay: float = 0.0


@dataclasses.dataclass
class ScheduleConfig:
    """The learning rate over time, as a factor on `optimizer.learning_rate`.

    Attributes:
        name: `constant`; `epoch_decay` (times `decay_factor` each epoch from `decay_start_epoch`
            on); `plateau` (times `decay_factor` when validation has not improved for
            `plateau_patience` validations); `cosine` (from 1 at the first step after the warm-up to
            `final_factor` at the last step); `inverse_sqrt` (of the step, from the end of the
            warm-up); `warmup_stable_decay` (flat, then linear over the last `decay_fraction` of
            the steps, to `final_factor` at the last).
        warmup_steps: Updates of linear warm-up, before the first at the full rate; with
            `inverse_sqrt`, up to it.
        decay_start_epoch: First epoch, counted from 0, that is trained at a reduced rate.
        decay_factor: For `epoch_decay` and `plateau`.
        plateau_patience: For `plateau`: validations without improvement before the rate drops.
        final_factor: For `cosine` and `warmup_stable_decay`.
        decay_fraction: For `warmup_stable_decay`.
    """

    name: str = "constant"
    warmup_steps: int = 0
    decay_start_epoch: int = 1
    decay_factor: float = 0.5
    plateau_patience: int = 1
    final_factor: float = 0.1
    decay_fraction: float = 0.2


@dataclasses.dataclass
class TrainingConfig:
    """How long, and what happens on the way. Intervals are in steps; 0 means once an epoch.

    Attributes:
        steps: Optimizer steps in all; 0 means by `epochs`.
        epochs: Passes over the training split, when `steps` is 0.
        precision: `float32`, `bfloat16` or `float16` (the two mixed, float16 with loss scaling).
        validation_interval: Steps between validations; 0 means at the end of each epoch.
        checkpoint_interval: Steps between checkpoints; 0 means at each validation.
        log_interval: Steps between points on the TensorBoard curves.
        keep_checkpoints: How many of the latest checkpoints are kept (the best is kept besides).
        early_stopping_patience: Validations without improvement before training stops; 0 is off.
        sample_length: Tokens of text generated for TensorBoard at each validation; 0 is off.
        sample_prompt: What the sample begins with; empty means the tokenizer's start.
        sample_translations: For pairs: how many validation sources are translated for TensorBoard
            at each validation; 0 is off.
        attention_pictures: For pairs: of how many of them TensorBoard gets a picture of what each
            target token looks at in the source.
        label_smoothing: Share of each target's probability that is spread evenly over the
            vocabulary (Szegedy et al. 2016); curves and validation show the plain loss besides.
        best_by: What the best checkpoint, `plateau` and early stopping go by: `loss`, or `bleu` of
            the validation translations.
    """

    steps: int = 0
    epochs: float = 1.0
    precision: str = "float32"
    validation_interval: int = 0
    checkpoint_interval: int = 0
    log_interval: int = 10
    keep_checkpoints: int = 2
    early_stopping_patience: int = 0
    sample_length: int = 200
    sample_prompt: str = ""
    sample_translations: int = 4
    attention_pictures: int = 0
    label_smoothing: float = 0.0
    best_by: str = "loss"


@dataclasses.dataclass
class EvaluationConfig:
    """How validation perplexity is measured during training, and by `lm-zoo evaluate` by default.

    Attributes:
        batch_size: Rows scored at once. With carried state: the number of streams that the text is
            cut into, each beginning with no context (1 is the exact figure).
        sequence_length: Tokens per call, and the window of models with bounded context; 0 means
            `data.sequence_length`.
        stride: For windows: how many new tokens each window scores; 0 means half the window.
        bleu_pairs: For pairs: how many validation pairs are translated at each validation, greedily
            and for BLEU; 0 is off.
    """

    batch_size: int = 8
    sequence_length: int = 0
    stride: int = 0
    bleu_pairs: int = 0


@dataclasses.dataclass
class RuntimeConfig:
    """How the run is executed. Nothing here changes what is learned, so it may differ on resuming.

    Attributes:
        strategy: `auto` (what is there: a cluster's workers, all GPUs, or the CPU), `one_device`,
            `mirrored` (several devices of this machine), `multi_worker` (several processes, from
            `TF_CONFIG` or Slurm), `parameter_server`, `central_storage` or `tpu`.
        devices: Which devices of this machine: one number, or names (`GPU:0`); empty means all.
        logical_cpus: Devices that the CPU is split into, to try things out.
        tpu: Name or address of a TPU; empty means `$TPU_NAME`, or this machine's.
        connect_seconds: How long the processes of a cluster, or a TPU, are waited for.
        steps_per_call: Updates made in one call of TensorFlow.
        micro_batches: Gradient accumulation: each replica's rows are worked through in this many
            parts.
        jit_compile: Whether the loss-and-gradient function is compiled with XLA.
        data_processes: Processes that clean and tokenize text; 0 means one a core.
    """

    strategy: str = "auto"
    devices: tuple[str, ...] = ()
    logical_cpus: int = 1
    tpu: str = ""
    connect_seconds: int = 120
    steps_per_call: int = 1
    micro_batches: int = 1
    jit_compile: bool = False
    data_processes: int = 0


@dataclasses.dataclass
class ExperimentConfig:
    """Everything that defines a run."""

    name: str = ""
    seed: int = 0
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    cleaning: CleaningConfig = dataclasses.field(default_factory=CleaningConfig)
    tokenizer: TokenizerConfig = dataclasses.field(default_factory=TokenizerConfig)
    source_tokenizer: TokenizerConfig = dataclasses.field(
        default_factory=lambda: TokenizerConfig(name="")
    )
    model: ModelConfig = dataclasses.field(default_factory=lambda: ModelConfig("lstm_lm"))
    optimizer: OptimizerConfig = dataclasses.field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = dataclasses.field(default_factory=ScheduleConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
    evaluation: EvaluationConfig = dataclasses.field(default_factory=EvaluationConfig)
    runtime: RuntimeConfig = dataclasses.field(default_factory=RuntimeConfig)

    @property
    def evaluation_length(self):
        """Tokens per call when perplexity is measured, and the window of bounded models."""
        return self.evaluation.sequence_length or self.data.sequence_length


def to_dict(config):
    """Returns the config as nested plain dicts, lists and scalars, ready for JSON."""
    result = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if isinstance(value, ModelConfig):
            value = dict(vars(value))
        elif dataclasses.is_dataclass(value):
            value = to_dict(value)
        elif isinstance(value, tuple):
            value = list(value)
        result[field.name] = value
    return result


def from_dict(values, cls=ExperimentConfig, prefix=""):
    """Builds a config from nested dicts, the inverse of `to_dict`.

    Raises:
        UserError: For a field that does not exist, naming the nearest one.
    """
    if not isinstance(values, dict):
        raise UserError(
            f"{prefix.rstrip('.') or 'config'}: expected a mapping, received {values!r}."
        )
    fields = {field.name: field for field in dataclasses.fields(cls)}
    arguments = {}
    for key, value in values.items():
        path = f"{prefix}{key}"
        if key not in fields:
            raise unknown_name(f"config field {path}", key, fields)
        kind = fields[key].type
        if kind is ModelConfig:
            if not isinstance(value, dict) or not isinstance(value.get("name"), str):
                raise UserError(f"{path}: expected a mapping with a name, received {value!r}.")
            value = ModelConfig(**value)
        elif dataclasses.is_dataclass(kind):
            value = from_dict(value, kind, f"{path}.")
        elif isinstance(value, list):
            value = tuple(value)
        arguments[key] = value
    return cls(**arguments)


def dumps(config):
    return json.dumps(to_dict(config), indent=2, ensure_ascii=False) + "\n"


def flatten(config):
    """Returns `{"data.batch_size": 20, ...}`: every leaf of the config under its dotted name."""
    flat = {}

    def walk(values, prefix):
        for key, value in values.items():
            if isinstance(value, dict):
                walk(value, f"{prefix}{key}.")
            else:
                flat[f"{prefix}{key}"] = value

    walk(to_dict(config), "")
    return flat


# Where a run is executed and where its text lies; the text itself is held by its checksums.
NOT_LEARNED_FROM = ("runtime.", "data.data_dir", "data.cache_dir")


def fingerprint(config, ignore=NOT_LEARNED_FROM):
    """Returns a hash, in hex, that two configs share if they differ only in `ignore`."""
    kept = {k: v for k, v in flatten(config).items() if not k.startswith(tuple(ignore))}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode("utf-8")).hexdigest()


def differences(old, new, ignore=NOT_LEARNED_FROM):
    """Lists `(field, old value, new value)` where two configs differ outside `ignore`."""
    a, b = flatten(old), flatten(new)
    missing = "(not set)"
    return [
        (key, a.get(key, missing), b.get(key, missing))
        for key in sorted(a.keys() | b.keys())
        if a.get(key, missing) != b.get(key, missing) and not key.startswith(tuple(ignore))
    ]
