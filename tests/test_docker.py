"""What can be seen of docker/ without an engine: files, extras, versions and flags that exist."""

import configparser
import importlib
import json
import pathlib
import re

import pytest

from lm_zoo.cli.main import COMMANDS, flags_of

ROOT = pathlib.Path(__file__).resolve().parents[1]
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text()
COMPOSE = (ROOT / "docker" / "compose.yaml").read_text()


@pytest.fixture(scope="module")
def setup():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def test_what_is_copied_is_there_and_not_ignored():
    ignored = (ROOT / "docker" / "Dockerfile.dockerignore").read_text().split()
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)
    sources = [source for line in copied for source in line.split()]
    assert "lm_zoo" in sources
    assert ignored[0] == "*"
    for source in sources:
        assert (ROOT / source).exists()
        assert f"!{source}" in ignored


def test_the_extras_exist(setup):
    """Pip does no more than warn of one that does not."""
    extras = re.search(r"^ARG EXTRAS=(.*)$", DOCKERFILE, re.MULTILINE).group(1).split(",")
    assert "serve" in extras
    assert set(extras) <= set(setup["options.extras_require"])


def test_tensorflow_is_as_new_as_is_required(setup):
    pinned = re.search(r'"tensorflow\$\{ACCELERATOR\}==([\d.]+)"', DOCKERFILE).group(1)
    required = re.search(r"^tensorflow>=([\d.]+)$", setup["options"]["install_requires"], re.M)
    assert pinned.startswith(required.group(1) + ".")


def test_the_server_has_the_flags_that_it_is_started_with():
    entrypoint = next(
        json.loads(line.removeprefix("ENTRYPOINT "))
        for line in DOCKERFILE.splitlines()
        if line.startswith("ENTRYPOINT ") and "serve" in line
    )
    command, *given = entrypoint[1:]
    given += re.findall(r"^ +- (--\S+=)", COMPOSE, re.MULTILINE)
    flag_values = flags_of(importlib.import_module(COMMANDS[command][0]), [])
    names = {flag.removeprefix("--").partition("=")[0] for flag in given}
    assert names == {"host", "port", "model", "allowed_hosts"}
    assert names <= set(flag_values)
