"""`lm-zoo` with faults: `faulty_worker.py FAULTS.json ARGUMENTS...`, for `test_faults`.

The file lists faults, each of which happens once, to one process, when it has come to a step:

    {"worker": 1, "at": "step" | "save" | "evaluate", "step": 12, "signal": "SIGKILL"}

and leaves the mark `FAULTS.json.<number>`. Instead of a signal there may be `"full_disk": true`.
"""

import json
import os
import pathlib
import resource
import signal
import sys
import types

from lm_zoo import files
from lm_zoo.cli.main import main
from lm_zoo.quiet_imports import import_quietly


def install(path):
    """Has this process meet its faults."""
    from lm_zoo.checkpoints import folder as checkpoint_folder
    from lm_zoo.evaluation.row_scorer import RowScorer
    from lm_zoo.training.train_step import TrainStep

    index = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
    faults = list(enumerate(json.loads(path.read_text())))
    at_step = [0]

    def come_to(point):
        for number, fault in faults:
            here = fault["worker"] == index and fault["at"] == point
            if here and at_step[0] >= fault["step"]:
                happen(path.with_name(f"{path.name}.{number}"), fault)

    def before(function, point):
        def wrapped(*args, **kwargs):
            if point == "step":
                at_step[0] = args[1]
            come_to(point)
            return function(*args, **kwargs)

        return wrapped

    TrainStep.run = before(TrainStep.run, "step")
    RowScorer.__call__ = before(RowScorer.__call__, "evaluate")
    # The bundle has been written then, its manifest has not.
    synced = vars(files) | {"sync": before(files.sync, "save")}
    checkpoint_folder.files = types.SimpleNamespace(**synced)


def happen(mark, fault):
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return
    if fault.get("full_disk"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
    else:
        os.kill(os.getpid(), getattr(signal, fault["signal"]))


if __name__ == "__main__":
    import_quietly("tensorflow")
    install(pathlib.Path(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
