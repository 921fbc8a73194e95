"""A task's row as something that `replica_runs` trains: the same loop for any task."""

import dataclasses
import pathlib
import tempfile

from tests.conformance.tasks import STEPS, TASKS


@dataclasses.dataclass(frozen=True)
class TaskCase:
    """One task to train, and to evaluate after that.

    Attributes:
        task_name: A key of `tests.conformance.tasks.TASKS`.
        folder: An existing folder, for the row's files.
        steps: Updates.
    """

    task_name: str
    folder: str
    steps: int = STEPS
    defect = ""
    overflow_step = -1

    @property
    def name(self):
        return self.task_name

    def make(self, layout, distribution):
        """Returns `(config, task, model, batches, measure)`, run by a `Layout`.

        `measure` takes nothing and gives figure -> number of the evaluation on the test split.
        """
        from lm_zoo.experiment import Experiment

        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        config = TASKS[self.task_name].config(self.task_name, folder)
        config.runtime.micro_batches = layout.micro_batches
        config.runtime.steps_per_call = layout.steps_per_call
        made = Experiment(config, folder / "run", distribution=distribution)
        test = made.examples.split("test")

        def measure():
            return made.task.evaluate(made.model, test, distribution.for_evaluation).figures

        return made.config, made.task, made.model, made.batches, measure
