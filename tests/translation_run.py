"""A small trained run of a model that reads a source, and its export; made once for all tests."""

import dataclasses
import pathlib

from tests.shared_folder import shared_folder

NAME = "tiny_translation"
# What `lm-zoo evaluate` would leave in the run's folder.
RESULT = {"bleu": 12.5, "chrf": 30.0, "ter": 60.0, "num_pairs": 10}
RESULT |= {"signatures": {"bleu": "tok:13a"}}


@dataclasses.dataclass
class TranslationRun:
    """Folders of a run and of what exporting it wrote.

    Attributes:
        run: The run's folder.
        exports: What the export was written to: `NAME/1`.
        report: What the export said of its verification.
    """

    run: pathlib.Path
    exports: pathlib.Path
    report: str

    @property
    def version(self):
        return self.exports / NAME / "1"


def make_translation_run(tmp_path_factory):
    """Returns the `TranslationRun`, made by the first process that comes."""
    with shared_folder(tmp_path_factory, "translation") as (root, is_new):
        report = root / "report.txt"
        if is_new:
            report.write_text(_train_and_export(root))
    return TranslationRun(root / "run", root / "exports", report.read_text())


def _train_and_export(root):
    from lm_zoo import config as c
    from lm_zoo.export.export import export
    from lm_zoo.runs.run import load, train
    from lm_zoo.runs.run_folder import RunFolder

    config = c.ExperimentConfig(
        task=c.TaskConfig("translation", sample_translations=0),
        corpus=c.CorpusConfig("synthetic_translation", pairs=200),
        data=c.DataConfig(batch_size=16, cache_dir=str(root / "cache")),
        tokenizer=c.TokenizerConfig(name="word"),
        model=c.ModelConfig(
            "encoder_decoder",
            hidden_dim=24,
            num_layers=1,
            num_heads=2,
            context_length=24,
            source_length=100,
        ),
        optimizer=c.OptimizerConfig(name="adam", learning_rate=0.01),
        training=c.TrainingConfig(steps=40, validation_interval=40),
        tokenizers={"source": c.TokenizerConfig(name="character")},
    )
    train(config, root / "run")
    RunFolder(root / "run").write_result("translation-test.json", RESULT)
    _, report = export(load(root / "run"), root / "exports", name=NAME)
    return report
