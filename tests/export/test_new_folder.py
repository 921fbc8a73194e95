"""A folder that is there whole or not at all."""

import os
import resource
import shutil
import signal
import subprocess

import pytest
import tensorflow as tf

from lm_zoo.errors import UserError
from lm_zoo.export.new_folder import NewFolder


def test_the_folder_has_its_name_when_the_block_has_ended(tmp_path):
    with NewFolder(tmp_path / "a" / "b", lambda: "1") as folder:
        (folder.path / "file").write_text("x")
        assert not (tmp_path / "a" / "b" / "1").exists()
    assert folder.path == tmp_path / "a" / "b" / "1"
    assert [p.name for p in (tmp_path / "a" / "b").iterdir()] == ["1"]
    assert (folder.path / "file").read_text() == "x"


def test_after_an_error_nothing_is_left(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(ZeroDivisionError):
        with NewFolder(tmp_path / "a" / "b" / "c", lambda: "1") as folder:
            (folder.path / "deep").mkdir()
            (folder.path / "deep" / "file").write_text("x")
            raise ZeroDivisionError
    assert list((tmp_path / "a").iterdir()) == []


def test_two_at_once_get_two_versions(tmp_path):
    def next_version():
        return str(1 + sum(path.name.isdecimal() for path in tmp_path.iterdir()))

    with NewFolder(tmp_path, next_version) as first:
        (first.path / "file").write_text("first")
        with NewFolder(tmp_path, next_version) as second:
            (second.path / "file").write_text("second")
    assert (tmp_path / "1" / "file").read_text() == "second"
    assert (tmp_path / "2" / "file").read_text() == "first"


def test_a_name_that_was_taken_meanwhile_is_an_error(tmp_path):
    with pytest.raises(UserError, match="cannot write"):
        with NewFolder(tmp_path, lambda: "x") as folder:
            (folder.path / "file").write_text("x")
            (tmp_path / "x").mkdir()
            (tmp_path / "x" / "other").write_text("y")
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_the_next_one_removes_what_a_killed_one_left_and_nothing_else(tmp_path):
    child = os.fork()
    if not child:
        NewFolder(tmp_path, lambda: "1").__enter__()
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    (left,) = tmp_path.iterdir()
    (tmp_path / "mine").mkdir()
    with NewFolder(tmp_path, lambda: "1") as running:
        assert not left.exists() and (tmp_path / "mine").exists()
        with NewFolder(tmp_path, lambda: "2"):
            assert running.path.exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1", "2", "mine"]


def save_variables(folder):
    module = tf.Module()
    module.values = tf.Variable(tf.zeros([1_000_000]))
    tf.saved_model.save(module, str(folder))


def test_a_limit_on_file_sizes_is_said_and_leaves_nothing(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        with pytest.raises(UserError, match="cannot write .*File too large; raise the limit"):
            with NewFolder(tmp_path / "a", lambda: "1") as folder:
                save_variables(folder.path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path):
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)]
    if os.geteuid() or not shutil.which("mount") or subprocess.run(mount).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        with pytest.raises(UserError, match="cannot write .*No space left on device; free space"):
            with NewFolder(tmp_path / "a", lambda: "1") as folder:
                save_variables(folder.path)
        assert list(tmp_path.iterdir()) == []
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)
