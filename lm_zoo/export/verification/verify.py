"""Proof that a SavedModel does what the Python model does: run by a process without lm_zoo."""

import contextlib
import json
import pathlib
import subprocess
import sys
import tempfile

import tensorflow as tf

from lm_zoo.errors import UserError
from lm_zoo.files import plain_path

PROCESS = pathlib.Path(__file__).with_name("verification_process.py")


def verify(folder, parity):
    """Runs a SavedModel in a new process, and checks what comes back.

    Args:
        folder: The SavedModel's.
        parity: A `Parity`.

    Returns:
        `(report, examples)`: a `ParityReport`, and the example calls' `(inputs, outputs)` by
        prediction.

    Raises:
        UserError: If one differs, or the process fails.
    """
    calls = parity.all_calls()
    examples = {name: parity.as_tensors(name, parity.example(name)) for name in parity.names}
    asked = [*calls, *examples.items()]
    (answers,) = run_alone([(str(folder), asked)], [parity.needs] if parity.needs else [])
    report = parity.check_all(answers[: len(calls)])
    named = zip(examples.items(), answers[len(calls) :], strict=True)
    return report, {name: (inputs, outputs) for (name, inputs), outputs in named}


def run_alone(models, needs=()):
    """Calls SavedModels in a new process that has TensorFlow and no lm_zoo.

    Args:
        models: `(folder, calls)` of each, as `Parity.all_calls` gives them.
        needs: Packages to import before.

    Returns:
        For each model the outputs of each call, name -> tensor as JSON has it.

    Raises:
        UserError: If the process fails.
    """
    paths = [str(pathlib.Path(tf.__file__).parents[1])]  # -I may leave out where it was found
    with contextlib.ExitStack() as stack:
        plain = [(stack.enter_context(plain_path(folder)), calls) for folder, calls in models]
        prefix = "lm_zoo-verification-"
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix=prefix))
        request, answer = pathlib.Path(folder, "request.json"), pathlib.Path(folder, "answer.json")
        asked = {"paths": paths, "needs": list(needs), "models": plain}
        request.write_text(json.dumps(asked), encoding="utf-8")
        command = [sys.executable, "-I", str(PROCESS), str(request), str(answer)]
        finished = subprocess.run(command, capture_output=True, text=True, errors="replace")
        if finished.returncode or not answer.exists():
            lines = finished.stderr.strip().splitlines() or ["no output"]
            raise UserError(
                "export: a separate process could not run the SavedModel (exit status "
                f"{finished.returncode}: {lines[-1]:.500})."
            )
        return json.loads(answer.read_text(encoding="utf-8"))
