"""What an installation finds: started anywhere, beside a folder of the package's name too."""

import os
import pathlib
import shutil
import subprocess
import sys
import textwrap
import zipfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
PARTS = ("lm_zoo", "configs", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")
PROGRAM = textwrap.dedent(
    """
    import site, sys
    site.addsitedir(sys.argv[1])  # comes after the current folder, as site-packages does
    import lm_zoo
    import lm_zoo.configs.quickstart_lstm as config
    from lm_zoo.config.config_files import shipped_configs
    print(lm_zoo.__file__, lm_zoo.__version__)
    print(config.get_config().name, len(shipped_configs()))
    """
)


@pytest.fixture(scope="module")
def above(tmp_path_factory):
    """A folder in which a clone named `lm_zoo` stands."""
    folder = tmp_path_factory.mktemp("above")
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        (folder / "lm_zoo").mkdir(exist_ok=True)
        copy(ROOT / part, folder / "lm_zoo" / part)
    return folder


def install(above, how, packages):
    """Builds the clone as pip does and unpacks the wheel; `how` is `wheel` or `editable`."""
    build = "from setuptools import build_meta; import sys; build_meta.build_{}(sys.argv[1])"
    command = [sys.executable, "-I", "-c", build.format(how), str(packages)]
    done = subprocess.run(command, cwd=above / "lm_zoo", capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = packages.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)


@pytest.mark.parametrize("how", ["editable", "wheel"])
def test_started_above_a_clone_python_finds_the_package(how, above, tmp_path):
    """A clone's folder has no `__init__.py`: it would be an empty namespace of the same name."""
    install(above, how, tmp_path)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-S", "-c", PROGRAM, str(tmp_path)]
    done = subprocess.run(command, cwd=above, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    package, config = done.stdout.splitlines()
    where = {"editable": above / "lm_zoo", "wheel": tmp_path}[how]
    number = len(list((ROOT / "configs").glob("[!_]*.py")))
    assert package == f"{where / 'lm_zoo' / '__init__.py'} 0.1.0"
    assert config == f"quickstart_lstm {number}"
