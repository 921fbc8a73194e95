"""The rules of the code base that a reader cannot see in any one file."""

import ast
import configparser
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / "lm_zoo").rglob("*.py"))


def imports(path):
    """Names of the modules that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer_of(name):
    """`lm_zoo.training.trainer` -> `training`."""
    parts = name.split(".")
    return parts[1] if parts[0] == "lm_zoo" and len(parts) > 1 else None


OPEN_TO_ALL = ("errors", "config", "config_checks", "files", "input_files", "json_files")
# What each part may import of lm_zoo besides what is open to all.
ALLOWED = {
    "config": set(),
    "config_checks": set(),
    "errors": set(),
    "figures": set(),
    "files": set(),
    "html_page": set(),
    "checksums": {"files"},
    "compiled": set(),
    "input_files": set(),
    "json_files": set(),
    "limits": set(),
    "model_tensors": set(),
    "run_folder": {"data", "files"},
    "distribution": {"files"},
    "layers": set(),
    "models": {"layers"},
    "registry": {"models"},
    "text": {"files"},
    "data": {"text", "files"},
    "generation": {"compiled", "text", "layers"},
    "export": {
        "checksums",
        "data",
        "evaluation",
        "figures",
        "files",
        "generation",
        "layers",
        "limits",
        "training",
    },
    "serving": {"checksums", "text", "generation", "files", "html_page", "limits"},
    "inspection": {"text", "data", "evaluation", "html_page"},
    "evaluation": {"compiled", "text", "data", "distribution", "figures", "layers", "limits"},
    "training": {"data", "figures", "files", "layers", "distribution", "model_tensors"},
    "tasks": {
        *("data", "distribution", "evaluation", "export", "figures", "generation", "inspection"),
        *("layers", "model_tensors", "models", "text", "registry"),
    },
    "weights": {
        *(
            "checksums",
            "data",
            "files",
            "layers",
            "model_tensors",
            "registry",
            "run_folder",
            "text",
            "training",
        )
    },
}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_one_way(path):
    part = layer_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
    if part not in ALLOWED:
        return  # the wiring: cli, experiment, run
    for name in imports(path):
        target = layer_of(name or "")
        if target and target not in (*OPEN_TO_ALL, part):
            assert target in ALLOWED[part], f"{part} must not import {name}"


@pytest.mark.parametrize(
    "name",
    [
        *("config", "config_checks", "errors", "figures", "files", "html_page", "input_files"),
        "json_files",
        "limits",
    ],
)
def test_these_import_the_standard_library_alone(name):
    for module in imports(ROOT / "lm_zoo" / f"{name}.py"):
        root = module.split(".")[0]
        assert root == "lm_zoo" or root in sys.stdlib_module_names, module


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_is_unpickled_or_evaluated(path):
    for name in imports(path):
        assert name.split(".")[0] not in ("pickle", "marshal", "shelve", "dill"), name
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("eval", "exec"), f"line {node.lineno}"
        if isinstance(node, ast.keyword):
            assert node.arg != "allow_pickle"


# Files that are our own and new, or the installation's; all others are read by `input_files`.
READS_BY_ITSELF = {
    "cli/list_command.py": "shipped configs",
    "cli/preparation_summary.py": "what Linux says of this process",
    "data/corpora/json_records.py": "a line of text that is in memory",
    "data/token_writer.py": "blocks that this process has just made",
    "distribution/exchange.py": "messages of the group's own processes",
    "distribution/launched_process.py": "a pipe of the launcher's",
    "distribution/rendezvous.py": "its own description, as the others' arrive",
    "distribution/source_version.py": "the installation",
    "export/verification.py": "the answer of a process of ours",
    "export/verification_process.py": "it runs without lm_zoo",
    "input_files.py": "",
    "json_files.py": "",
    "serving/page.py": "the installation",
    "serving/request_body.py": "a body that is in memory, with the words of HTTP",
    "text/tokenizers/bpe.py": "what a library has just made",
    "text/tokenizers/chinese_word.py": "the installation",
}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_of_others_are_opened_in_one_place(path):
    """A pipe, a device, a text without end, JSON that breaks what reads it: refused once for all."""
    name = path.relative_to(ROOT / "lm_zoo").as_posix()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or name in READS_BY_ITSELF:
            continue
        function = ast.unparse(node.func)
        assert function not in ("json.load", "json.loads", "np.load"), f"line {node.lineno}"
        assert not function.endswith(("read_bytes", ".read_text")), f"line {node.lineno}"
        if function == "open":
            mode = node.args[1].value if len(node.args) > 1 else "r"
            assert mode[0] != "r" or "+" in mode, f"line {node.lineno}"


def test_setup_lists_every_package():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    listed = set(setup["options"]["packages"].split())
    folders = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in FILES
        if path.name == "__init__.py"
    }
    assert listed == folders | {"lm_zoo.configs"}


def test_importing_lm_zoo_loads_nothing_heavy():
    import subprocess

    code = "import sys, lm_zoo, lm_zoo.cli.main; print([m for m in sys.modules if m in HEAVY])"
    heavy = ("tensorflow", "keras", "keras_nlp", "tensorflow_text", "tokenizers", "numpy", "rich")
    output = subprocess.run(
        [sys.executable, "-c", code.replace("HEAVY", repr(heavy))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert output.strip() == "[]"
