"""Trains each model on each layout of devices and processes, and prints how far the losses differ.

    python tools/replica_table.py [STEPS [FOLDER]]

Each model has dropout, clipping that bites, a batch and rows that do not divide; see
`tests/conformance/replica_cases.py`. Differences are from one device, in nats a token, the largest
over all steps.
"""

import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from tests.conformance.replica_cases import LAYOUTS, ONE, case_of_each_variant
from tests.conformance.replica_runs import differences, load, run_jobs


def main(steps, folder):
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    cases = case_of_each_variant(steps)
    run_jobs(folder, [(case, layout) for case in cases for layout in LAYOUTS], plain=True)
    titles = [f"{case.variant} ({case.layout}, {case.optimizer})" for case in cases]
    print(f"Largest difference in loss over {steps} steps (in a parameter after them)\n")
    print(f"| layout | {' | '.join(titles)} |\n|---|{'---|' * len(titles)}")
    for layout in LAYOUTS:
        if layout != ONE:
            cells = []
            for case in cases:
                loss, parameter = differences(load(folder, case, layout), load(folder, case, ONE))
                cells.append(f"{loss:.1e} ({parameter:.1e})")
            print(f"| {layout} | {' | '.join(cells)} |")


if __name__ == "__main__":
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    with tempfile.TemporaryDirectory() as temporary:
        main(steps, sys.argv[2] if len(sys.argv) > 2 else temporary)
