"""The network of a launched group: reached by nobody else, where the system allows it."""

import concurrent.futures
import contextlib
import ctypes
import os
import pathlib
import platform
import socket
import struct
import subprocess
import sys
import time

import pytest

from lm_zoo.cli.main import main
from lm_zoo.distribution.launch.launcher import Launcher
from lm_zoo.distribution.launch.listening import has_outside_interface
from lm_zoo.distribution.launch.private_network import NoPrivateNetwork, PrivateNetwork
from tests.distribution.sockets import interfaces, listening, network_of

ROOT = pathlib.Path(__file__).resolve().parents[2]
LAUNCH = [sys.executable, "-m", "lm_zoo", "launch", "--workers=1"]
LIBC = ctypes.CDLL(None, use_errno=True)
UNSHARE = {"x86_64": 272, "aarch64": 97}


@pytest.fixture
def network():
    try:
        with PrivateNetwork() as one:
            yield one
    except NoPrivateNetwork as error:
        pytest.skip(f"no private network here: {error}")


def without_unshare():
    """Has the kernel refuse `unshare`, as Docker's default filter does."""
    number = UNSHARE[platform.machine()]
    allow, refuse = 0x7FFF0000, 0x00050000 | 1  # SECCOMP_RET_ERRNO | EPERM
    program = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, refuse), (0x06, 0, 0, allow)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in program))
    header = ctypes.create_string_buffer(
        struct.pack("HxxxxxxQ", len(program), ctypes.addressof(code))
    )
    no_new_privileges, set_filter, mode = 38, 22, 2
    assert LIBC.prctl(no_new_privileges, 1, 0, 0, 0) == 0
    assert LIBC.prctl(set_filter, mode, header) == 0


def without_administration():
    """Takes a capability from root, so that only a user namespace is left to it, as to others."""
    drop, administration = 24, 21
    assert LIBC.prctl(drop, administration, 0, 0, 0) == 0


def launch(*flags, before=None, command=("list", "models")):
    return subprocess.run(
        [*LAUNCH, *flags, "--", *command],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        preexec_fn=before,
    )


SERVER = """
import json, os, pathlib, socket, sys, time
config, folder = json.loads(os.environ["TF_CONFIG"]), pathlib.Path(sys.argv[1])
index = config["task"]["index"]
port = int(config["cluster"]["worker"][0].split(":")[1])
if index == 0:
    with socket.create_server(("", port)) as server:
        (folder / "listening").write_text(f"{os.getpid()} {port}")
        server.accept()
        (folder / "reached").touch()
else:
    while not (folder / "tried").exists(): time.sleep(0.02)
    socket.create_connection(("localhost", port), timeout=10).close()
while not (folder / "reached").exists(): time.sleep(0.02)
try:
    socket.create_connection(("192.0.2.1", 9), timeout=1)
except OSError as error:
    print(error.strerror)
"""


def test_the_processes_reach_each_other_and_nobody_reaches_them(network, tmp_path):
    """A server of all interfaces, as TensorFlow's is: this process cannot connect to it."""
    (tmp_path / "program.py").write_text(SERVER)
    lines = []

    def from_outside():
        while not (tmp_path / "listening").exists() or not (tmp_path / "listening").read_text():
            time.sleep(0.02)
        pid, port = map(int, (tmp_path / "listening").read_text().split())
        assert network_of(pid) != network_of(os.getpid())
        assert interfaces(pid) == {"lo"}
        assert {number for _, number in listening(pid)} == {port}
        for host in ("127.0.0.1", "::1", socket.gethostname()):
            with pytest.raises(OSError), contextlib.closing(socket.create_connection((host, port))):
                pass
        return True

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        outside = pool.submit(from_outside)
        outside.add_done_callback(lambda _: (tmp_path / "tried").touch())
        result = Launcher(
            [sys.executable, str(tmp_path / "program.py"), str(tmp_path)],
            2,
            on_line=lambda *line: lines.append(line[1]),
            network=network,
        ).run()
        assert outside.result()
    assert result.status == 0, lines
    assert lines == ["Network is unreachable"] * 2


@pytest.mark.parametrize("before", [None, without_administration], ids=["as is", "no capability"])
def test_a_launch_has_a_private_network_where_it_can(network, before):
    if before and os.geteuid():
        pytest.skip("these are root's capabilities")
    ended = launch("--network=private", before=before)
    assert ended.returncode == 0 and "lstm_lm" in ended.stdout
    assert ended.stderr == ""


@pytest.mark.skipif(platform.machine() not in UNSHARE, reason="its number is not known")
def test_where_it_cannot_a_line_says_so_or_nothing_is_started():
    ended = launch(before=without_unshare)
    assert ended.returncode == 0 and "lstm_lm" in ended.stdout
    if has_outside_interface():
        (line,) = ended.stderr.splitlines()
        assert "ports are open to the network (unshare: Operation not permitted)" in line
    ended = launch("--network=private", before=without_unshare)
    assert (ended.returncode, ended.stdout) == (2, "")
    (line,) = ended.stderr.splitlines()
    assert "--network: there can be no private one here (unshare: Operation not permitted)" in line


def test_the_machines_own_network_is_said_to_be_open(capfd):
    assert main(["launch", "--workers=1", "--network=host", "--", "list", "corpora"]) == 0
    errors = capfd.readouterr().err
    if has_outside_interface():
        assert "ports are open to the network (--network=host)" in errors


def test_what_a_corpus_needs_is_looked_for_before_the_processes_start(tmp_path, capfd):
    arguments = [
        "--config=ptb_lstm_small",
        f"--workdir={tmp_path / 'run'}",
        f"--data_dir={tmp_path}",
    ]
    assert main(["launch", "--workers=2", "--", "train", *arguments]) == 2
    output, errors = capfd.readouterr()
    assert output == "" and errors.count("\n") == 1
    assert errors.startswith("lm-zoo launch: error: corpus.data_dir") and "ptb.train.txt" in errors


def test_files_that_are_open_do_not_stay(network):
    before = len(os.listdir("/proc/self/fd"))
    with PrivateNetwork():
        pass
    assert len(os.listdir("/proc/self/fd")) == before
