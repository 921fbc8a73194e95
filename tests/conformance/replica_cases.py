"""What is trained, and on how many replicas and processes, to see that the number changes nothing.

Everything that could depend on the division is on: dropout, clipping that bites, rows and a batch
that do not divide, padding, carried state that starts anew in the middle, tied embeddings, packed
documents.
"""

import dataclasses
import types

import numpy as np

from lm_zoo.config import (
    PRECISIONS,
    DataConfig,
    ExperimentConfig,
    ModelConfig,
    OptimizerConfig,
    RuntimeConfig,
    TaskConfig,
    config_checks,
)
from lm_zoo.data.examples import ExampleSplit
from lm_zoo.data.tokens.token_files import TokenSplit
from lm_zoo.registry import build_model
from lm_zoo.tasks import task_class
from tests.conformance.models import (
    ALL_VARIANTS,
    PAIR_VARIANTS,
    VARIANTS,
    carries_state,
)

VOCAB, ROWS, LENGTH = 19, 7, 6
OPTIMIZERS = {
    "sgd": {"name": "sgd", "learning_rate": 0.5, "clip_norm": 0.2},
    # A larger epsilon than usual: Adam makes full steps of gradients that are 0 but for rounding
    # (an attention key's bias), and rounding does depend on the division.
    "adam": {"name": "adam", "learning_rate": 0.01, "clip_norm": 0.2, "epsilon": 1e-5},
    "adafactor": {"name": "adafactor", "learning_rate": 0.05, "clip_norm": 0.2},
}


@dataclasses.dataclass(frozen=True)
class Case:
    """One thing to train.

    Attributes:
        variant: A key of `VARIANTS` or, for layout `pairs`, of `PAIR_VARIANTS`.
        layout: As in `task.layout`.
        optimizer: A key of `OPTIMIZERS`.
        steps: Updates.
        precision: As in `training.precision`.
        jit_compile: As in `runtime.jit_compile`.
        defect: A key of `tests.conformance.defects.DEFECTS`, or empty.
        overflow_step: Step at which the last row's gradient overflows float16, or -1.
        num_layers: Of the model; one is traced faster.
    """

    variant: str
    layout: str
    optimizer: str
    steps: int = 10
    precision: str = "float32"
    jit_compile: bool = False
    defect: str = ""
    overflow_step: int = -1
    num_layers: int = 1

    @property
    def name(self):
        more = [self.precision] if self.precision != "float32" else []
        more += ["overflow"] if self.overflow_step >= 0 else []
        more += ["xla"] if self.jit_compile else []
        more += [self.defect] if self.defect else []
        return "-".join([self.variant, self.layout, self.optimizer, str(self.steps), *more])

    def config(self, layout):
        """The `ExperimentConfig` of this case, run by a `Layout`."""
        config = ExperimentConfig(
            seed=3,
            task=TaskConfig("language_modeling", sequence_length=LENGTH, layout=self.layout),
            data=DataConfig(batch_size=ROWS),
            model=ModelConfig(ALL_VARIANTS[self.variant][0]),
            optimizer=OptimizerConfig(**OPTIMIZERS[self.optimizer]),
            runtime=RuntimeConfig(
                micro_batches=layout.micro_batches,
                steps_per_call=layout.steps_per_call,
                jit_compile=self.jit_compile,
            ),
        )
        config.training.precision = self.precision
        if self.layout == "pairs":
            config.task = TaskConfig("translation", label_smoothing=0.1, batch_tokens=PAIR_TOKENS)
        return config_checks.resolve(config)

    def build(self):
        """A fresh model, the same each time."""
        name, arguments = ALL_VARIANTS[self.variant]
        return build_model(
            name,
            vocab_size=VOCAB,
            seed=1,
            dropout=0.3,
            dtype=PRECISIONS[self.precision],
            **(arguments | {"num_layers": self.num_layers}),
        )

    def task(self, config):
        """The `Task` of the case's config."""
        kind = task_class(config.task.name)
        return kind(config, dict.fromkeys((field.name for field in kind.fields), TOKENIZER))

    def batches(self, task, model):
        """Batches of a split so short that 10 steps go through it more than once."""
        splits = (SOURCES, SPLIT)[-len(task.fields) :]
        fields = dict(zip((field.name for field in task.fields), splits))
        return task.batches(ExampleSplit("train", fields), model)

    def make(self, layout, distribution):
        """Returns `(config, task, model, batches, measure)`; `measure` finds nothing."""
        config = self.config(layout)
        with distribution.strategy.scope():
            model = self.build()
        task = self.task(config)
        return config, task, model, self.batches(task, model), dict


@dataclasses.dataclass(frozen=True)
class Layout:
    """How it is run: `replicas` in each of `workers` processes.

    Attributes:
        strategy: As in `runtime.strategy`; empty is the usual one for that many.
    """

    replicas: int = 1
    workers: int = 1
    micro_batches: int = 1
    steps_per_call: int = 1
    strategy: str = ""


ONE = "one device"
LAYOUTS = {
    ONE: Layout(),
    "accumulation x2": Layout(micro_batches=2),
    "accumulation x4, 5 steps a call": Layout(micro_batches=4, steps_per_call=5),
    "5 steps a call": Layout(steps_per_call=5),
    "mirrored x2": Layout(replicas=2),
    "mirrored x4": Layout(replicas=4),
    "mirrored x2, accumulation x2, 5 steps a call": Layout(2, 1, 2, 5),
    "mirrored x4, accumulation x2": Layout(4, 1, 2),
    "central storage x2": Layout(2, strategy="central_storage"),
    "central storage x2, accumulation x2, 5 steps a call": Layout(2, 1, 2, 5, "central_storage"),
    "2 workers": Layout(workers=2),
    "3 workers": Layout(workers=3),
    "2 workers, accumulation x2, 5 steps a call": Layout(1, 2, 2, 5),
}


def case_of_each_variant(steps, num_layers=2):
    """One case for each variant, so that every optimizer and every layout of data is in one."""
    cases = []
    bounded = [variant for variant in VARIANTS if not carries_state(variant)]
    for number, variant in enumerate(ALL_VARIANTS):
        layout = "pairs" if variant in PAIR_VARIANTS else "contiguous"
        if variant in bounded:
            layout = ("windows", "packed")[bounded.index(variant) % 2]
        optimizer = ("sgd", "adam")[number % 2]
        cases.append(Case(variant, layout, optimizer, steps, num_layers=num_layers))
    return cases


def every_case(steps):
    """All variants, in all layouts of data that they can be trained in, with two optimizers."""
    optimizers = ("sgd", "adam")
    return [
        Case(variant, layout, optimizer, steps)
        for variant in VARIANTS
        for layout in ("contiguous", "windows", "packed")
        for optimizer in optimizers
        if layout != "contiguous" or carries_state(variant)
    ] + [Case(variant, "pairs", name, steps) for variant in PAIR_VARIANTS for name in optimizers]


def _split(seed):
    """40 documents of 1 to 11 tokens, 0 between them; not a whole number of batches."""
    rng = np.random.default_rng(seed)
    starts = np.cumsum([0, *rng.integers(1, 12, 40)]).astype(np.int64)
    tokens = rng.integers(1, VOCAB, starts[-1] + 1).astype(np.uint16)
    tokens[starts] = 0
    return TokenSplit("train", (tokens,), document_starts=starts)


SPLIT, SOURCES = _split(0), _split(1)
TOKENIZER = types.SimpleNamespace(end_id=0, vocab_size=VOCAB)
PAIR_TOKENS = 88  # 11 short pairs or 7 long ones: no number of replicas divides both
