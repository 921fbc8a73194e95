"""A small trained run, and what exporting it wrote; both are made once."""

import dataclasses
import json
import pathlib

import pytest

from tests.shared_folder import shared_folder

CONFIG = """
from lm_zoo.config import *


def get_config():
    return ExperimentConfig(
        task=TaskConfig("language_modeling", layout="windows", sequence_length=16, sample_length=0),
        corpus=CorpusConfig("text_files", train_files=({text!r},)),
        data=DataConfig(batch_size=4, cache_dir={cache!r}),
        model=ModelConfig(
            "transformer_decoder", hidden_dim=16, num_layers=1, num_heads=2, context_length=24
        ),
        training=TrainingConfig(steps=4, validation_interval=2),
    )
"""


@dataclasses.dataclass
class ExportedRun:
    """A run and its export.

    Attributes:
        run: The run's folder.
        output: What the export was written to.
        printed: What the command printed.
        answers: What the other process answered to the calls of its `Parity`.
    """

    run: pathlib.Path
    output: pathlib.Path
    printed: str
    answers: list

    @property
    def version(self):
        return self.output / "run" / "1"


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory):
    """The folder of a run that was trained and evaluated."""
    from lm_zoo.cli.main import main

    with shared_folder(tmp_path_factory, "exported") as (root, is_new):
        if is_new:
            (root / "text.txt").write_text("the cat sat on the mat\nthe dog sat on a cat\n" * 40)
            values = {"text": str(root / "text.txt"), "cache": str(root / "cache")}
            (root / "config.py").write_text(CONFIG.format(**values))
            assert main(["train", f"--config={root}/config.py", f"--workdir={root}/run"]) == 0
            assert main(["evaluate", f"--workdir={root}/run"]) == 0
    return root / "run"


@pytest.fixture(scope="session")
def exported_run(trained_run, tmp_path_factory):
    """The `ExportedRun` of `lm-zoo export --precision=int8`."""
    import contextlib
    import io

    from lm_zoo.cli.main import main
    from lm_zoo.export.verification.parity import Parity

    check = Parity.check_all
    with shared_folder(tmp_path_factory, "output") as (root, is_new):
        output, record = root / "exports", root / "record.json"
        if is_new:
            seen = []

            def watched(self, answers):
                seen.append(answers)
                return check(self, answers)

            arguments = [f"--workdir={trained_run}", f"--output={output}", "--precision=int8"]
            with (
                contextlib.redirect_stdout(io.StringIO()) as printed,
                pytest.MonkeyPatch.context() as patch,
            ):
                patch.setattr(Parity, "check_all", watched)
                assert main(["export", *arguments]) == 0
            record.write_text(json.dumps([printed.getvalue(), seen[0]]))
        return ExportedRun(trained_run, output, *json.loads(record.read_text()))
