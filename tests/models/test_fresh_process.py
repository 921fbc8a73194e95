"""What has to be seen from another process: saved models, seeds, and mirrored replicas."""

import json
import pathlib
import subprocess
import sys

import numpy as np

from tests.models.model_cases import make

ROOT = pathlib.Path(__file__).resolve().parents[2]
SAVED = ("gru", "lstm_tied", "gpt2", "modern")

OTHER_PROCESS = """
import sys, json, keras, numpy as np
import lm_zoo.registry
ids = np.arange(10, dtype=np.int32).reshape(2, 5)
models = {case: keras.saving.load_model(f"{sys.argv[1]}/{case}.keras") for case in sys.argv[2:]}
logits = {case: model(ids).numpy().tolist() for case, model in models.items()}
from tests.models.model_cases import CASES, make
seeded = {case: make(case, seed=5)(ids).numpy().tolist() for case in CASES}
print(json.dumps({"loaded": logits, "seeded": seeded}))
"""

MIRRORED = """
import sys, json, keras, numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from tests.models.model_cases import make
ids = np.random.default_rng(0).integers(0, 13, (8, 9)).astype(np.int32)
strategies = {
    "one": tf.distribute.OneDeviceStrategy("CPU:0"),
    "two": tf.distribute.MirroredStrategy(
        ["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice()
    ),
}
results = {case: {} for case in sys.argv[1:]}
for case in results:
    for name, strategy in strategies.items():
        with strategy.scope():
            model = make(case, num_layers=1, dropout=0.5)
            model.compile(
                optimizer=keras.optimizers.SGD(0.5),
                loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            )
        model.fit(ids[:, :-1], ids[:, 1:], batch_size=8, epochs=2, shuffle=False, verbose=0)
        results[case][name] = [np.asarray(w).ravel().tolist() for w in model.get_weights()]
print(json.dumps(results))
"""


def run(code, *arguments):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    finished = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_another_process_loads_saved_models_and_repeats_seeded_weights(tmp_path):
    models = {case: make(case, seed=None, dropout=0.1) for case in SAVED}
    for case, model in models.items():
        model.save(tmp_path / f"{case}.keras")
    elsewhere = json.loads(run(OTHER_PROCESS, tmp_path, *SAVED))
    ids = np.arange(10, dtype=np.int32).reshape(2, 5)
    for case, logits in elsewhere["loaded"].items():
        np.testing.assert_allclose(models[case](ids), logits, atol=1e-6)
    # Built here after other models than there: what was built before makes no difference.
    for case, logits in elsewhere["seeded"].items():
        np.testing.assert_allclose(make(case, seed=5)(ids), logits, atol=1e-6)


def test_fit_on_two_mirrored_replicas_equals_one_device_with_dropout_on():
    for case, results in json.loads(run(MIRRORED, "lstm", "gpt2")).items():
        for one, two in zip(results["one"], results["two"], strict=True):
            np.testing.assert_allclose(one, two, atol=1e-5, err_msg=case)
