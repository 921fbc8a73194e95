"""The one description of a run: typed dataclasses with defaults; `config_checks` resolves them.

A config is data. It is written as a Python file with a `get_config()` by people, resolved once with
the command line's overrides, and kept as JSON in the run's folder; the JSON is never executed.
What only some task, corpus or model knows stands with it, and is named here with open arguments.
This module imports the standard library alone, so everything may import it.
"""

import dataclasses

from lm_zoo.checked_fields import field
from lm_zoo.config.config_fields import NamedConfig

# name -> (what it is, the fields of `OptimizerConfig` that it has and others have not)
OPTIMIZERS = {
    "sgd": ("Stochastic gradient descent.", ()),
    "momentum": ("Stochastic gradient descent with momentum.", ("momentum",)),
    "adam": ("Adam (Kingma & Ba 2015).", ("beta1", "beta2", "epsilon")),
    "adamw": ("AdamW (Loshchilov & Hutter 2019).", ("beta1", "beta2", "epsilon")),
    "adafactor": (
        "Adafactor (Shazeer & Stern 2018), which needs little memory; its learning rate is "
        "relative to the size of each variable.",
        (),
    ),
    "lion": ("Lion (Chen et al. 2023): the sign of an interpolated momentum.", ("beta1", "beta2")),
}
# name -> (what it is, the fields of `ScheduleConfig` that it has and others have not)
SCHEDULES = {
    "constant": ("The peak rate throughout.", ()),
    "epoch_decay": (
        "Times decay_factor each epoch, from decay_start_epoch on.",
        ("decay_start_epoch", "decay_factor"),
    ),
    "plateau": (
        "Times decay_factor when validation has not improved for plateau_patience validations.",
        ("decay_factor", "plateau_patience"),
    ),
    "cosine": (
        "Half a cosine, from the peak after the warm-up to final_factor at the last step.",
        ("final_factor",),
    ),
    "inverse_sqrt": (
        "One over the square root of the step, from the end of the warm-up (Vaswani et al. 2017).",
        (),
    ),
    "warmup_stable_decay": (
        "The peak rate, then linear over the last decay_fraction of the steps, to final_factor.",
        ("decay_fraction", "final_factor"),
    ),
}
STRATEGIES = (
    "auto",
    "one_device",
    "mirrored",
    "multi_worker",
    "parameter_server",
    "central_storage",
    "tpu",
)
IMPORTED = "imported"  # `corpus.name` of weights that were trained elsewhere, on text unknown here
# name -> Keras dtype policy
PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}


class ModelConfig(NamedConfig):
    """Name, size, and constructor arguments of the model: `ModelConfig("lstm_lm", hidden_dim=200)`.

    The arguments are those of the model's constructor, with its names and types. `size` takes
    a named size, which single arguments override.
    """

    OWN = ("name", "size")

    def __init__(self, name, size="", **arguments):
        super().__init__(name, size=size, **arguments)


class TaskConfig(NamedConfig):
    """What is trained: `TaskConfig("language_modeling", layout="windows", sequence_length=64)`.

    The arguments are the task's own: `lm_zoo/tasks/NAME/arguments.py` documents them.
    """


class CorpusConfig(NamedConfig):
    """Which text: `CorpusConfig("text_files", train_files=("mine.txt",))`.

    The arguments are the corpus' own: `lm-zoo list corpora` shows all, `lm_zoo/data/corpora/`
    documents them.
    """


@dataclasses.dataclass
class DataConfig:
    """What every task has of its data.

    Attributes:
        batch_size: Rows in the global batch of one optimizer step.
        cache_dir: Where what is fetched, cleaned and tokenized is kept; empty means
            `$LM_ZOO_CACHE` or `~/.cache/lm_zoo`.
    """

    batch_size: int = field(20, at_least=1)
    cache_dir: str = ""


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
    sample: int = field(5, at_least=0)
    min_characters: int = field(100, at_least=0)
    max_characters: int = field(0, at_least=0)
    min_words: int = field(0, at_least=0)
    max_words: int = field(0, at_least=0)
    max_symbol_ratio: float = field(0.1, at_least=0)
    min_alphabetic_words: float = field(0.8, at_least=0, at_most=1)
    repetition_tolerance: float = field(1.0, above=0)
    languages: tuple[str, ...] = ()
    min_language_probability: float = field(0.5, at_least=0, at_most=1)
    near_duplicate_similarity: float = field(0.8, above=0, at_most=1)
    near_duplicate_words: int = field(5, at_least=1)
    overlap_words: int = field(13, at_least=1)
    max_length_ratio: float = field(3.0, at_least=1)
    max_overlap: float = field(0.0, at_least=0, below=1)


@dataclasses.dataclass
class TokenizerConfig:
    """How text becomes token ids.

    Attributes:
        name: `character`, `byte`, `word`, `bpe`, `wordpiece`, `sentencepiece_unigram`,
            `sentencepiece_bpe` or `chinese_word`.
        vocab_size: Largest vocabulary to build; 0 means no limit (subword tokenizers need one).
        min_count: For `word`, `character` and `chinese_word`: rarer ones become `<unk>`.
        path: A saved tokenizer's folder, or another program's files, to load instead of training:
            GPT-2's `encoder.json` and `vocab.bpe` for `bpe`, BERT's `vocab.txt` for `wordpiece`, a
            SentencePiece `.model` file.
        training_bytes: About the most text that a subword tokenizer is trained on, spread evenly
            over the training split; 0 means all of it.
    """

    name: str = "character"
    vocab_size: int = field(0, at_least=0)
    min_count: int = field(1, at_least=1)
    path: str = ""
    training_bytes: int = field(1 << 28, at_least=0)


@dataclasses.dataclass
class OptimizerConfig:
    """The update rule. Gradients are averaged over tokens, then clipped by global norm.

    Attributes:
        name: One of `OPTIMIZERS`.
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

    name: str = field("adam", choices=OPTIMIZERS)
    learning_rate: float = field(1e-3, above=0)
    momentum: float = field(0.9, at_least=0, below=1)
    beta1: float = field(0.9, at_least=0, below=1)
    beta2: float = field(0.999, at_least=0, below=1)
    epsilon: float = field(1e-8, above=0)
    weight_decay: float = field(0.0, at_least=0)
    clip_norm: float = field(1.0, at_least=0)
    ema_decay: float = field(0.0, at_least=0, below=1)


@dataclasses.dataclass
class ScheduleConfig:
    """The learning rate over time, as a factor on `optimizer.learning_rate`.

    Attributes:
        name: One of `SCHEDULES`.
        warmup_steps: Updates of linear warm-up, before the first at the full rate; with
            `inverse_sqrt`, up to it.
        decay_start_epoch: First epoch, counted from 0, that is trained at a reduced rate.
        decay_factor: For `epoch_decay` and `plateau`.
        plateau_patience: For `plateau`: validations without improvement before the rate drops.
        final_factor: For `cosine` and `warmup_stable_decay`.
        decay_fraction: For `warmup_stable_decay`.
    """

    name: str = field("constant", choices=SCHEDULES)
    warmup_steps: int = field(0, at_least=0)
    decay_start_epoch: int = field(1, at_least=0)
    decay_factor: float = field(0.5, above=0)
    plateau_patience: int = field(1, at_least=1)
    final_factor: float = field(0.1, at_least=0)
    decay_fraction: float = field(0.2, above=0, at_most=1)


@dataclasses.dataclass
class TrainingConfig:
    """How long, and what happens on the way. Intervals are in steps; 0 means once an epoch.

    Attributes:
        steps: Optimizer steps in all; 0 means by `epochs`.
        epochs: Passes over the training split, when `steps` is 0.
        max_seconds: Time to train, after which the run ends even if steps are left; 0 is no limit.
            Validation, sampling and saving do not count. It is the sum over all processes that
            worked on the run one after another, without what a kill has undone. The learning rate
            goes by steps all the same.
        precision: `float32`, `bfloat16` or `float16` (the two mixed, float16 with loss scaling).
        validation_interval: Steps between validations; 0 means at the end of each epoch.
        checkpoint_interval: Steps between checkpoints; 0 means at each validation.
        log_interval: Steps between points on the TensorBoard curves.
        histogram_interval: Steps between histograms of each variable and its gradient, with the size
            of its update beside its own, on TensorBoard; 0 is off. It changes nothing else.
        keep_checkpoints: How many of the latest checkpoints are kept (the best is kept besides).
        early_stopping_patience: Validations without improvement before training stops; 0 is off.
        best_by: What the best checkpoint, `plateau` and early stopping go by: `loss`, or another
            figure of the task's (`bleu` of the validation translations).
    """

    steps: int = field(0, at_least=0)
    epochs: float = 1.0
    max_seconds: float = field(0.0, at_least=0.0)
    precision: str = field("float32", choices=PRECISIONS)
    validation_interval: int = field(0, at_least=0)
    checkpoint_interval: int = field(0, at_least=0)
    log_interval: int = field(10, at_least=1)
    histogram_interval: int = field(0, at_least=0)
    keep_checkpoints: int = field(2, at_least=1)
    early_stopping_patience: int = field(0, at_least=0)
    best_by: str = "loss"


@dataclasses.dataclass
class EvaluationConfig:
    """How validation is done during training, and by `lm-zoo evaluate` by default.

    Attributes:
        batch_size: Rows scored at once. With carried state: the number of streams that the text is
            cut into, each beginning with no context (1 is the exact figure).
    """

    batch_size: int = field(8, at_least=1)


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

    strategy: str = field("auto", choices=STRATEGIES)
    devices: tuple[str, ...] = ()
    logical_cpus: int = field(1, at_least=1)
    tpu: str = ""
    connect_seconds: int = field(120, at_least=1)
    steps_per_call: int = field(1, at_least=1)
    micro_batches: int = field(1, at_least=1)
    jit_compile: bool = False
    data_processes: int = field(0, at_least=0)


@dataclasses.dataclass
class ExperimentConfig:
    """Everything that defines a run.

    Attributes:
        tokenizer: That of every text field of the task.
        tokenizers: Name of a text field (`source`) -> a tokenizer of its own.
    """

    name: str = ""
    seed: int = field(0, at_least=0, below=2**31)
    task: TaskConfig = dataclasses.field(default_factory=lambda: TaskConfig("language_modeling"))
    corpus: CorpusConfig = dataclasses.field(
        default_factory=lambda: CorpusConfig("python_reference")
    )
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    cleaning: CleaningConfig = dataclasses.field(default_factory=CleaningConfig)
    tokenizer: TokenizerConfig = dataclasses.field(default_factory=TokenizerConfig)
    tokenizers: dict[str, TokenizerConfig] = dataclasses.field(default_factory=dict)
    model: ModelConfig = dataclasses.field(default_factory=lambda: ModelConfig("lstm_lm"))
    optimizer: OptimizerConfig = dataclasses.field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = dataclasses.field(default_factory=ScheduleConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
    evaluation: EvaluationConfig = dataclasses.field(default_factory=EvaluationConfig)
    runtime: RuntimeConfig = dataclasses.field(default_factory=RuntimeConfig)
