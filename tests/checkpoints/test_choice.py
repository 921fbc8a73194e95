"""Which checkpoint is meant."""

import numpy as np
import pytest

from lm_zoo import checkpoints
from lm_zoo.checkpoints.choice import find_checkpoint
from lm_zoo.errors import UserError


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoints")
    for previous, step in zip((None, 10, 20, 30), (10, 20, 30, 40)):
        tensors = {
            "model/kernel": np.full((2, 2), step, np.float32),
            "ema/kernel": np.full((2, 2), step / 10, np.float32),
            "optimizer/0000": np.array(step, np.int64),
        }
        checkpoints.save(path, step, tensors, {"finished": "", "previous": previous})
    checkpoints.write_best(path, 20, 1.5)
    return path


@pytest.mark.parametrize("choice, step", [("best", 20), ("latest", 40), ("10", 10), (30, 30)])
def test_one_is_read(directory, choice, step):
    found = find_checkpoint(directory, choice)
    assert found.step == step
    np.testing.assert_array_equal(found.tensors["model/kernel"], np.full((2, 2), step))


def test_parameters_are_averaged_over_the_latest(directory):
    found = find_checkpoint(directory, "average:3")
    assert found.step == 40
    np.testing.assert_allclose(found.tensors["model/kernel"], 30.0)
    np.testing.assert_allclose(found.tensors["ema/kernel"], 3.0)
    assert found.tensors["model/kernel"].dtype == np.float32
    assert found.tensors["optimizer/0000"] == 40


@pytest.mark.parametrize(
    "choice, message",
    [
        ("average:5", "needs 5 consecutive checkpoints.* has 4; average fewer.*keep_checkpoints"),
        ("average:0", "a number above 0 after 'average:', received 'average:0'"),
        ("average:", "a number above 0 after 'average:', received 'average:'"),
        ("newest", "expected 'best', 'latest', a step number or 'average:N', received 'newest'"),
        ("15", "no step 15 in .*10, 20, 30, 40"),
    ],
)
def test_what_there_is_not_is_named(directory, choice, message):
    with pytest.raises(UserError, match=message):
        find_checkpoint(directory, choice)


def test_an_older_best_checkpoint_is_in_no_average(tmp_path):
    """The best one is kept when those between are gone: it is not one of the latest."""
    for previous, step in zip((None, 10, 20, 30), (10, 20, 30, 40)):
        tensors = {"model/kernel": np.full((2, 2), step, np.float32)}
        checkpoints.save(tmp_path, step, tensors, {"previous": previous})
    checkpoints.write_best(tmp_path, 10, 1.5)
    checkpoints.prune(tmp_path, newest=40, keep=2, protect={10})
    found = find_checkpoint(tmp_path, "average:2")
    np.testing.assert_array_equal(found.tensors["model/kernel"], 35.0)
    with pytest.raises(UserError, match="'average:3' needs 3 .* has 2; average fewer"):
        find_checkpoint(tmp_path, "average:3")
