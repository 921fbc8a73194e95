"""What has to be seen from another process: saved models, seeds, and mirrored replicas."""

import json
import subprocess
import sys

import numpy as np
import pytest

from tests.models.model_cases import CASES, make

LOAD = """
import sys, keras, numpy as np
import lm_zoo.registry
ids = np.arange(10, dtype=np.int32).reshape(2, 5)
for case in sys.argv[2:]:
    model = keras.saving.load_model(f"{sys.argv[1]}/{case}.keras")
    np.save(f"{sys.argv[1]}/{case}.npy", model(ids))
"""

SEEDED = """
import json
from tests.models.model_cases import CASES, make
print(json.dumps({case: make(case, seed=5).get_weights()[-1].ravel().tolist() for case in CASES}))
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
results = {}
for name, strategy in strategies.items():
    with strategy.scope():
        model = make(sys.argv[1], dropout=0.5)
        model.compile(
            optimizer=keras.optimizers.SGD(0.5),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
    model.fit(ids[:, :-1], ids[:, 1:], batch_size=8, epochs=3, shuffle=False, verbose=0)
    results[name] = [np.asarray(w).ravel().tolist() for w in model.get_weights()]
print(json.dumps(results))
"""


def run(code, *arguments):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    finished = subprocess.run(command, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_a_fresh_process_loads_saved_models(tmp_path):
    models = {case: make(case, seed=None, dropout=0.1) for case in CASES}
    for case, model in models.items():
        model.save(tmp_path / f"{case}.keras")
    run(LOAD, tmp_path, *CASES)
    ids = np.arange(10, dtype=np.int32).reshape(2, 5)
    for case, model in models.items():
        np.testing.assert_allclose(np.load(tmp_path / f"{case}.npy"), model(ids), atol=1e-6)


def test_a_seed_gives_the_same_weights_in_every_process_whatever_was_built_before():
    make("gpt2", seed=None)
    elsewhere = json.loads(run(SEEDED))
    for case, weights in elsewhere.items():
        np.testing.assert_array_equal(make(case, seed=5).get_weights()[-1].ravel(), weights)


@pytest.mark.parametrize("case", ["lstm", "gpt2"])
def test_fit_on_two_mirrored_replicas_equals_one_device_with_dropout_on(case):
    results = json.loads(run(MIRRORED, case))
    for one, two in zip(results["one"], results["two"], strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)
