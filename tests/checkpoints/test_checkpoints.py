"""Checkpoints are whole or absent, and what was saved comes back bit for bit."""

import errno
import json
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf

from lm_zoo import checkpoints
from lm_zoo.errors import UserError
from tests.shortage import without_descriptors

ROOT = pathlib.Path(__file__).resolve().parents[2]


def tensors_of(seed):
    """A few tensors that depend on the seed, in every dtype that training keeps."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2**16, 12, dtype=np.uint16)
    return {
        "model/kernel": rng.standard_normal((5, 7)).astype(np.float32),
        "bfloat16": bits.view(ml_dtypes.bfloat16).reshape(3, 4),
        "float16": bits.view(np.float16),
        "float64": rng.standard_normal(2),
        "int64": np.array(2**62 + seed, np.int64),
        "int32": np.array([-5, seed], np.int32),
        "uint32": np.array([2**32 - 1, seed], np.uint32),
        "bool": np.array([True, False, True]),
        "scalar": np.float32(0.1),
        "empty": np.zeros((0, 3), np.float32),
    }


def assert_same(actual, expected):
    assert sorted(actual) == sorted(expected)
    for name, value in expected.items():
        value = np.asarray(value)
        assert actual[name].dtype == value.dtype and actual[name].shape == value.shape, name
        assert actual[name].tobytes() == value.tobytes(), name


def environment():
    return {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}


def hidden(directory):
    return [name for name in os.listdir(directory) if name.startswith(".")]


def test_every_dtype_comes_back_bit_for_bit(tmp_path):
    metadata = {"loss": 0.1 + 0.2, "names": ["ä", "b"], "nested": {"finished": False}}
    path = checkpoints.save(tmp_path / "new" / "folder", 1234, tensors_of(1), metadata)
    assert path.name == "step-00001234"
    found = checkpoints.load(path)
    assert (found.step, found.metadata, found.path) == (1234, metadata, path)
    assert_same(found.tensors, tensors_of(1))


def test_tensorflow_reads_the_bundle_by_itself(tmp_path):
    path = checkpoints.save(tmp_path, 1, {"a/b": tf.Variable([1.0, 2.0])}, {})
    reader = tf.train.load_checkpoint(str(path / "tensors"))
    np.testing.assert_array_equal(reader.get_tensor("a/b"), [1.0, 2.0])


def test_latest_is_the_highest_step(tmp_path):
    assert checkpoints.load_latest(tmp_path / "nowhere") is None
    assert checkpoints.load_latest(tmp_path) is None
    for step in (5, 100_000_000, 20):
        checkpoints.save(tmp_path / str(step), step, {"x": np.int32(step)}, {})
        shutil.move(tmp_path / str(step) / f"step-{step:08d}", tmp_path)
    assert checkpoints.steps(tmp_path) == [5, 20, 100_000_000]
    assert checkpoints.load_latest(tmp_path).step == 100_000_000


def truncate_data(path):
    file = path / "tensors.data-00000-of-00001"
    file.write_bytes(file.read_bytes()[:-1])


def lose_manifest(path):
    (path / "manifest.json").unlink()


def lose_data(path):
    (path / "tensors.data-00000-of-00001").unlink()


def change_metadata(path):
    file = path / "manifest.json"
    file.write_text(file.read_text().replace('"rate": 1', '"rate": 2'))


def empty_manifest(path):
    (path / "manifest.json").write_text("")


def swap_folder(path):
    other = checkpoints.path_of(path.parent, 10)
    shutil.rmtree(path)
    shutil.copytree(other, path)


@pytest.mark.parametrize(
    "damage, reason",
    [
        (truncate_data, "bytes, expected"),
        (lose_manifest, "manifest.json is missing"),
        (lose_data, "tensors.data-00000-of-00001 is missing"),
        (change_metadata, "checksum of manifest.json"),
        (empty_manifest, "manifest.json cannot be parsed"),
        (swap_folder, "saved at step 10"),
    ],
)
def test_a_damaged_newest_is_passed_over_with_a_warning(tmp_path, caplog, damage, reason):
    checkpoints.save(tmp_path, 10, tensors_of(10), {"rate": 1})
    path = checkpoints.save(tmp_path, 20, tensors_of(20), {"rate": 1})
    damage(path)
    with pytest.raises(UserError, match=reason):
        checkpoints.load(path)
    found = checkpoints.load_latest(tmp_path)
    assert found.step == 10
    assert_same(found.tensors, tensors_of(10))
    assert "step-00000020" in caplog.text and "damaged" in caplog.text
    assert re.search(reason, caplog.text) and "falling back to step 10" in caplog.text


def test_one_flipped_bit_anywhere_is_noticed(tmp_path):
    path = checkpoints.save(tmp_path, 1, tensors_of(1), {"seed": 7})
    rng = random.Random(0)
    for file in sorted(path.iterdir()):
        content = file.read_bytes()
        for place in [0, len(content) // 2, *rng.sample(range(len(content) - 1), 5)]:
            if content[place : place + 1].isspace():
                continue  # A space in JSON may become another space.
            changed = bytearray(content)
            changed[place] ^= 1
            file.write_bytes(changed)
            ours = "manifest.json" if file.name == "manifest.json" else "checksum of tensors"
            with pytest.raises(UserError, match=f"is damaged: .*{ours}"):
                checkpoints.load(path)
        file.write_bytes(content)
    checkpoints.load(path)


def test_when_none_can_be_read_the_user_is_told(tmp_path):
    for step in (1, 2):
        truncate_data(checkpoints.save(tmp_path, step, tensors_of(step), {}))
    with pytest.raises(UserError, match="none of the 2 checkpoints can be read.*step-00000002"):
        checkpoints.load_latest(tmp_path)
    with pytest.raises(UserError, match="no such folder"):
        checkpoints.load(tmp_path / "step-00000009")


def test_saving_again_replaces_the_step_and_later_ones(tmp_path):
    """After falling back to 10, a damaged 30 must neither block nor outlive the new 20 and 30."""
    for step in (10, 20, 30):
        checkpoints.save(tmp_path, step, {"x": np.int32(step)}, {})
    truncate_data(checkpoints.path_of(tmp_path, 20))
    truncate_data(checkpoints.path_of(tmp_path, 30))
    assert checkpoints.load_latest(tmp_path).step == 10
    checkpoints.save(tmp_path, 20, {"x": np.int32(21)}, {})
    assert checkpoints.steps(tmp_path) == [10, 20]
    assert checkpoints.load_latest(tmp_path).tensors["x"] == 21
    assert not hidden(tmp_path)


def test_prune_keeps_the_newest_and_the_protected(tmp_path):
    for step in range(1, 7):
        checkpoints.save(tmp_path, step, {"x": np.int32(step)}, {})
    checkpoints.prune(tmp_path, 9, 2, protect={3, 99})
    assert checkpoints.steps(tmp_path) == [3, 5, 6]
    checkpoints.prune(tmp_path, 9, 2, protect={3})
    assert checkpoints.steps(tmp_path) == [3, 5, 6]
    assert not hidden(tmp_path)


def test_best_is_remembered(tmp_path):
    assert checkpoints.read_best(tmp_path / "none") is None
    checkpoints.write_best(tmp_path / "new", 3, 1.25)
    checkpoints.write_best(tmp_path / "new", 7, 1.125)
    assert checkpoints.read_best(tmp_path / "new") == (7, 1.125)
    assert os.listdir(tmp_path / "new") == ["best.json"]
    (tmp_path / "new" / "best.json").write_text("{}")
    with pytest.raises(UserError, match="best.json: expected a step"):
        checkpoints.read_best(tmp_path / "new")


def test_metadata_that_json_cannot_hold_is_refused_before_writing(tmp_path):
    with pytest.raises(TypeError):
        checkpoints.save(tmp_path / "c", 1, {"x": np.int32(1)}, {"path": tmp_path})
    assert not (tmp_path / "c").exists()


def test_leftovers_of_a_killed_save_are_cleared(tmp_path):
    checkpoints.save(tmp_path, 1, {"x": np.int32(1)}, {})
    for name in (".saving-step-00000002", ".removed-step-00000000"):
        shutil.copytree(tmp_path / "step-00000001", tmp_path / name)
    # Killed between the two renames of a replacement: the old one is all there is.
    (tmp_path / "step-00000001").rename(tmp_path / ".replaced-step-00000001")
    assert checkpoints.load_latest(tmp_path).step == 1
    assert not hidden(tmp_path)


def test_reading_leaves_a_save_in_progress_alone(tmp_path):
    checkpoints.save(tmp_path, 1, {"x": np.int32(1)}, {})
    (tmp_path / ".saving-step-00000002").mkdir()
    program = (
        "import fcntl, os, sys; d = os.open(sys.argv[1], os.O_RDONLY);"
        "fcntl.flock(d, fcntl.LOCK_EX); print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as saver:
        saver.stdout.readline()
        assert checkpoints.load_latest(tmp_path).step == 1
        assert hidden(tmp_path)
        saver.stdin.close()
    assert checkpoints.load_latest(tmp_path).step == 1
    assert not hidden(tmp_path)


SAVING_LOOP = """
import sys, numpy as np
from lm_zoo import checkpoints
found = checkpoints.load_latest(sys.argv[1])
step = found.step if found else 0
while True:
    step += 1
    values = {f"t{i}": np.full((40_000,), step * 10 + i, np.int32) for i in range(4)}
    checkpoints.save(sys.argv[1], step, values, {"step": step})
    checkpoints.write_best(sys.argv[1], step, 1.0 / step)
    checkpoints.prune(sys.argv[1], step, 2)
    if step % 3 == 0:  # replace one, too
        checkpoints.save(sys.argv[1], step, values, {"step": step})
    print(step, flush=True)
"""


def test_killed_at_any_moment_the_latest_loads(tmp_path, caplog):
    """A real process, SIGKILL at random moments of a loop that does nothing but save and prune."""
    rng, reported = random.Random(1), 0
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", SAVING_LOOP, str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(),
        )
        for _ in range(rng.randint(1, 8)):
            line = process.stdout.readline()
            assert line, "the saving loop ended by itself"
            reported = int(line)
        time.sleep(rng.random() * 0.03)
        process.send_signal(signal.SIGKILL)
        process.wait()
        rest = process.stdout.read().split()
        process.stdout.close()
        reported = int(rest[-1]) if rest and rest[-1].isdigit() else reported
        found = checkpoints.load_latest(tmp_path)
        assert found.step >= reported, "what save() reported as done is there"
        assert found.metadata == {"step": found.step}
        for i in range(4):
            assert (found.tensors[f"t{i}"] == found.step * 10 + i).all()
        assert checkpoints.read_best(tmp_path).step in (found.step, found.step - 1)
        assert "damaged" not in caplog.text
        assert not hidden(tmp_path)
        assert len(checkpoints.steps(tmp_path)) <= 3


def fill(directory, reason):
    """Fails to save, first for the tensors and then for the manifest; nothing is lost or left."""
    for tensors, metadata in (
        ({"x": np.zeros(400_000)}, {}),
        ({"x": np.int32(1)}, {"m": "x" * 2**21}),
    ):
        with pytest.raises(UserError, match=rf"checkpoint .*step-00000002: {reason}"):
            checkpoints.save(directory, 2, tensors, metadata)
        assert os.listdir(directory) == ["step-00000001"]
        assert_same(checkpoints.load_latest(directory).tensors, tensors_of(1))


def test_a_limit_on_file_sizes_costs_no_checkpoint(tmp_path):
    checkpoints.save(tmp_path, 1, tensors_of(1), {})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        fill(tmp_path, "File too large; the last good one is step 1; raise the limit")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    checkpoints.save(tmp_path, 2, tensors_of(2), {})
    assert checkpoints.load_latest(tmp_path).step == 2


def test_a_full_disk_costs_no_checkpoint(tmp_path):
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)]
    if os.geteuid() or not shutil.which("mount") or subprocess.run(mount).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        checkpoints.save(tmp_path / "run", 1, tensors_of(1), {})
        fill(
            tmp_path / "run",
            "No space left on device; the last good one is step 1; free space there and rerun",
        )
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


def test_the_manifest_lists_what_is_there(tmp_path):
    path = checkpoints.save(tmp_path, 4, {"x": np.zeros((2, 3), np.float16)}, {})
    content = json.loads((path / "manifest.json").read_text())["content"]
    assert content["step"] == 4
    assert content["tensors"] == {"x": {"dtype": "float16", "shape": [2, 3]}}
    assert sorted(content["files"]) == ["tensors.data-00000-of-00001", "tensors.index"]


def test_a_lack_of_files_is_no_damage(tmp_path, caplog):
    """An older checkpoint must not be taken for the newest because a file could not be opened."""
    for step in (1, 2):
        checkpoints.save(tmp_path, step, tensors_of(step), {})
    checkpoints.write_best(tmp_path, 1, 2.0)
    newest = checkpoints.path_of(tmp_path, 2)
    for attempt, right in (
        (lambda: checkpoints.read_best(tmp_path).step, 1),
        (lambda: checkpoints.load(newest).step, 2),
        (lambda: checkpoints.load_latest(tmp_path).step, 2),
    ):
        refused = []
        for left in range(5):
            try:
                with without_descriptors(left):
                    assert attempt() == right
            except OSError as error:
                assert error.errno == errno.EMFILE
                refused.append(left)
        assert 0 in refused and 4 not in refused
    assert not caplog.records
