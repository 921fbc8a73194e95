"""The rules of the code base that a reader cannot see in any one file."""

import ast
import configparser
import functools
import graphlib
import pathlib
import re
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / "lm_zoo").rglob("*.py"))
# A rule is one test, which lists all that break it: a test for each file would be 1,500, whose
# collection and reports cost more than the looking.


def module_name(path):
    """`lm_zoo/text/__init__.py` -> `lm_zoo.text`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in FILES}


@functools.cache
def parsed(path):
    """The syntax tree of a file, not to be changed."""
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def nodes(path):
    """All nodes of a file's syntax tree, not to be changed."""
    return list(ast.walk(parsed(path)))


@functools.cache
def imports(path):
    """Names of the modules that a file imports, anywhere in it; not those for type checkers alone."""
    found, checkers = [], set()
    for node in nodes(path):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            checkers |= set(map(id, node.body))
        if id(node) in checkers:
            continue
        if isinstance(node, ast.Import):
            found += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for name in (f"{node.module}.{alias.name}" for alias in node.names):
                found.append(name if name in MODULES or node.module == "lm_zoo" else node.module)
    return found


def assert_no_findings(findings):
    """Fails with a line for each finding, `(path, what is wrong)`."""
    listed = [f"{path.relative_to(ROOT)}: {what}" for path, what in findings]
    assert not listed, "\n".join(listed)


def part_of(name):
    """`lm_zoo.training.trainer` -> `training`, `lm_zoo` -> `__init__`."""
    root, *rest = name.split(".")
    if root != "lm_zoo":
        return None
    if name == "lm_zoo.tasks.prediction":
        return "prediction"  # declarations, which all may read
    if rest[:1] == ["tasks"] and rest[1:] and (ROOT / "lm_zoo" / "tasks" / rest[1]).is_dir():
        return "each task"  # found by its name: nothing general imports it
    if rest[:1] in (["config"], ["files"]) and rest[1:]:
        return rest[1]  # each of these is open to some
    return rest[0] if rest else "__init__"


OPEN_TO_ALL = (
    "__doc__",
    "__version__",
    "errors",
    "config",
    "checked_fields",
    "config_fields",
    "config_json",
    "files",
    "input_files",
    "json_files",
    "prediction",
    "registering_files",
    "registration",
    "types",
)
# What each part may import of lm_zoo besides what is open to all.
ALLOWED = {
    "__init__": set(),
    "checked_fields": set(),
    "checkpoints": set(),
    "checksums": set(),
    "compiled": set(),
    "config": set(),
    "config_fields": set(),
    "config_json": set(),
    "config_files": {"config_checks", "configs", "quiet_imports"},
    "configs": set(),
    "declared_classes": set(),
    "distribution": set(),
    "errors": set(),
    "figures": set(),
    "files": set(),
    "input_files": set(),
    "json_files": set(),
    "layers": set(),
    "limits": set(),
    "model_tensors": set(),
    "plots": {"templates"},
    "prediction": {"limits"},
    "progress": set(),
    "quiet_imports": set(),
    "registering_files": set(),
    "registration": set(),
    "tables": set(),
    "templates": set(),
    "text": {"tables"},
    "versions": set(),
    "data": {"progress", "tables", "text"},
    "generation": {"compiled", "layers", "limits", "text"},
    "models": {"layers"},
    "evaluation": {
        "compiled",
        "data",
        "distribution",
        "figures",
        "layers",
        "limits",
        "tables",
        "text",
    },
    "inspection": {"data", "plots", "tables", "templates", "text"},
    "registry": {"models"},
    "serving": {"checksums", "generation", "limits", "templates", "text", "versions"},
    "types": set(),
    "training": {
        "checkpoints",
        "data",
        "distribution",
        "figures",
        "layers",
        "model_tensors",
        "progress",
    },
    "export": {
        "checkpoints",
        "checksums",
        "evaluation",
        "figures",
        "generation",
        "layers",
        "limits",
        "progress",
        "quiet_imports",
        "templates",
        "text",
        "versions",
    },
    "tasks": {"evaluation"},
    "config_checks": {"data", "declared_classes", "models", "tasks"},
    "run_folder": {"config_checks", "data"},
    "experiment": {
        "config_checks",
        "data",
        "distribution",
        "registry",
        "run_folder",
        "tasks",
        "training",
    },
    "corpus_tools": {
        "config_files",
        "data",
        "experiment",
        "inspection",
        "progress",
        "run_folder",
        "tasks",
    },
    "run_comparison": {"evaluation", "run_folder"},
    "run_curves": {"figures", "plots", "run_folder", "templates", "training"},
    "run_writing": {"checkpoints", "data", "model_tensors"},
    "tokenizer_tools": {"config_files", "data", "progress", "run_folder", "tasks", "text"},
    "weights": {
        "checkpoints",
        "checksums",
        "config_checks",
        "data",
        "layers",
        "model_tensors",
        "progress",
        "registry",
        "run_folder",
        "run_writing",
        "tasks",
        "templates",
        "text",
        "versions",
    },
    "run": {
        "checkpoints",
        "config_checks",
        "config_files",
        "data",
        "distribution",
        "evaluation",
        "experiment",
        "export",
        "model_tensors",
        "progress",
        "run_folder",
        "run_writing",
        "tasks",
    },
    "each task": {
        "compiled",
        "data",
        "distribution",
        "evaluation",
        "export",
        "figures",
        "generation",
        "layers",
        "limits",
        "models",
        "progress",
        "run",
        "tables",
        "tasks",
        "text",
    },
    "__main__": {"cli"},
    "cli": {
        "__main__",
        "checkpoints",
        "config_checks",
        "config_files",
        "corpus_tools",
        "data",
        "declared_classes",
        "distribution",
        "evaluation",
        "experiment",
        "export",
        "figures",
        "generation",
        "inspection",
        "models",
        "progress",
        "quiet_imports",
        "registry",
        "run",
        "run_comparison",
        "run_curves",
        "run_folder",
        "serving",
        "tables",
        "tasks",
        "text",
        "tokenizer_tools",
        "weights",
    },
}


def test_imports_point_one_way():
    def findings():
        for path in FILES:
            part = part_of(module_name(path))
            for name in imports(path):
                target = part_of(name or "")
                if target and target not in (*OPEN_TO_ALL, part, *ALLOWED.get(part, ())):
                    yield path, f"{part} must not import {name}"

    assert_no_findings(findings())


def test_what_may_be_imported_exists():
    parts = {part_of(name) for name in MODULES}
    assert set(ALLOWED) == parts, "say in ALLOWED what each part may import"
    assert set().union(*ALLOWED.values()) <= parts


def test_no_modules_import_each_other():
    """In a circle, imports inside functions too."""
    graph = {name: set(imports(path)) & (set(MODULES) - {name}) for name, path in MODULES.items()}
    graphlib.TopologicalSorter(graph).prepare()  # raises a CycleError that names them


# "What kind of problem is this?" in five spellings, counted in code (docstrings and comments left
# out) outside `tasks` and `models`, which alone may ask. A general part asks its `Task` instead.
SPELLINGS = {
    "reads_source": r"\b_?reads_source\b",
    "has_pairs": r"\bhas_pairs\b|\bisinstance\([^()]*PairCorpus\)",
    "layout": r"layout [!=]= 'pairs'|'pairs' [!=]= \w*layout",
    "name": r"'(?:source|translate|generate)' (?:not )?in\b"
    r"|[!=]= (?:'(?:source|translate|generate)'|GENERATE\b|TRANSLATE\b)"
    r"|(?<!for )\b\w+(?: not)? in \((?:'\w+', )*'(?:source|translate|generate)'",
    "source_tokenizer": r"\bsource_tokenizer is (?!not None|None)",
    "task": r"\btask(?:\.name)? [!=]= |'(?:translation|language_modeling)' [!=]= ",
}
MAX_SPELLINGS = {
    "reads_source": 0,
    "has_pairs": 0,
    "layout": 0,
    "name": 0,
    "source_tokenizer": 0,
    "task": 0,
}


@functools.cache
def code(path):
    """The statements of a file, each on one line, without comments and docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))  # one of its own, to be changed
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            if ast.get_docstring(node):
                node.body[0] = ast.Pass()
    return ast.unparse(tree)


@pytest.mark.parametrize("name", SPELLINGS)
def test_the_kind_of_problem_is_asked_of_the_task_alone(name):
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in FILES
        if part_of(module_name(path)) not in ("models", "tasks", "each task")
        for line in code(path).splitlines()
        for _ in re.finditer(SPELLINGS[name], line)
    ]
    listed = "\n".join(found)
    assert len(found) <= MAX_SPELLINGS[name], f"ask the task instead:\n{listed}"
    assert len(found) == MAX_SPELLINGS[name], f"lower the ceiling to {len(found)}"


# Constants of one name and value that are no copies: each may change without the others.
COINCIDENCES = {
    "FORMAT_VERSION": "of several formats",
    "GET_FLAGS": "of the kernel; `private_network_process` runs without lm_zoo",
    "MANIFEST": "of several formats",
    "UP": "of the kernel; `private_network_process` runs without lm_zoo",
}


def constants(path):
    """Yields `(name, value)` of a file's constants, the name without a leading underscore."""
    for node in parsed(path).body:
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = zip(target.elts, node.value.elts)
            for name, value in pairs:
                if isinstance(name, ast.Name) and name.id.isupper():
                    yield name.id.lstrip("_"), ast.unparse(value)


def test_every_constant_is_written_once():
    places = {}
    for path in FILES:
        for constant in constants(path):
            places.setdefault(constant, []).append(str(path.relative_to(ROOT)))
    copied = {constant: files for constant, files in places.items() if len(files) > 1}
    new = {name: files for (name, _), files in copied.items() if name not in COINCIDENCES}
    assert not new, "write it in the lowest of them, and import it"
    assert {name for name, _ in copied} == set(COINCIDENCES), "take what is gone off COINCIDENCES"


@pytest.mark.parametrize(
    "name",
    [
        "checked_fields",
        "config",
        "config.config_checks",
        "config.config_fields",
        "config.config_json",
        "errors",
        "figures",
        "files",
        "files.input_files",
        "files.json_files",
        "limits",
        "registering_files",
        "registration",
    ],
)
def test_these_import_the_standard_library_alone(name):
    for module in imports(MODULES[f"lm_zoo.{name}"]):
        root = module.split(".")[0]
        assert root == "lm_zoo" or root in sys.stdlib_module_names, module


def test_nothing_is_unpickled_or_evaluated():
    def findings():
        for path in FILES:
            for name in imports(path):
                if name.split(".")[0] in ("pickle", "marshal", "shelve", "dill"):
                    yield path, f"imports {name}"
            for node in nodes(path):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    if node.func.id in ("eval", "exec"):
                        yield path, f"line {node.lineno} calls {node.func.id}"
                if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                    yield path, f"line {node.lineno} sets allow_pickle"

    assert_no_findings(findings())


# Files that are our own and new, or the installation's; all others are read by `input_files`.
READS_BY_ITSELF = {
    "cli/list_command.py": "shipped configs",
    "data/prepared_text.py": "what Linux says of this process",
    "data/corpora/readers/json_records.py": "a line of text that is in memory",
    "data/tokens/token_writer.py": "blocks that this process has just made",
    "config/declared_classes.py": "sources of this package",
    "distribution/exchange.py": "messages of the group's own processes",
    "distribution/launch/launched_process.py": "a pipe of the launcher's",
    "distribution/launch/rendezvous.py": "its own description, as the others' arrive",
    "distribution/launch/source_version.py": "the installation",
    "export/verification/verify.py": "the answer of a process of ours",
    "export/verification/verification_process.py": "it runs without lm_zoo",
    "files/input_files.py": "",
    "files/json_files.py": "",
    "serving/model_page.py": "the installation",
    "serving/http/request_body.py": "a body that is in memory, with the words of HTTP",
    "text/tokenizers/bpe.py": "what a library has just made",
    "text/tokenizers/chinese_word.py": "the installation",
}


def opens_files(path):
    """The lines of a file, and the functions by which they read files."""
    for node in nodes(path):
        if not isinstance(node, ast.Call):
            continue
        function = ast.unparse(node.func)
        mode = "w"
        if function == "open":
            mode = node.args[1].value if len(node.args) > 1 else "r"
        if (
            function in ("json.load", "json.loads", "np.load")
            or function.endswith(("read_bytes", ".read_text"))
            or (mode[0] == "r" and "+" not in mode)
        ):
            yield f"line {node.lineno} calls {function}"


def test_files_of_others_are_opened_in_one_place():
    """A pipe, a device, a text without end, JSON that breaks what reads it: refused once for all."""
    found = {path: list(opens_files(path)) for path in FILES}
    names = {path: path.relative_to(ROOT / "lm_zoo").as_posix() for path in FILES}
    assert_no_findings(
        (path, what) for path in FILES if names[path] not in READS_BY_ITSELF for what in found[path]
    )
    assert set(READS_BY_ITSELF) <= {names[path] for path in FILES if found[path]}, "take it off"


def test_setup_lists_every_package():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    listed = set(setup["options"]["packages"].split())
    folders = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in FILES
        if path.name == "__init__.py"
    }
    assert listed == folders


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


def test_tokenizers_are_free_of_tensorflow():
    files = [path for path in FILES if path.parent.name == "tokenizers"]
    assert len(files) > 5
    heavy = ("tensorflow", "tensorflow_text", "keras")
    assert_no_findings(
        (path, f"imports {name}")
        for path in files
        for name in imports(path)
        if name.split(".")[0] in heavy or name.startswith("lm_zoo.text.in_graph")
    )


def test_functions_are_traced_without_autograph():
    """It rewrites each function at a process' first call; control flow is written in TensorFlow."""

    def findings():
        for path in FILES:
            calls = [node for node in nodes(path) if isinstance(node, ast.Call)]
            plain = {
                id(call.func)
                for call in calls
                if "autograph" in {keyword.arg for keyword in call.keywords}
            }
            for node in nodes(path):
                if isinstance(node, ast.Attribute) and node.attr == "function":
                    if ast.unparse(node) == "tf.function" and id(node) not in plain:
                        yield path, f"line {node.lineno}: expected tf.function(autograph=False)"

    assert_no_findings(findings())


def test_docstrings_and_errors_are_read_alone():
    """No argument is explained by another's; an error is one line that ends as a sentence does."""

    def findings():
        for path in FILES:
            for node in nodes(path):
                if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
                    for words in re.findall(
                        r"\b[Ll]ikewise\b|so are the others|: As (?:for|in) `",
                        ast.get_docstring(node) or "",
                    ):
                        yield path, f"docstring of {getattr(node, 'name', 'the module')}: {words}"
                elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    if node.func.id in ("UserError", "RequestError") and node.args:
                        parts = getattr(node.args[0], "values", node.args[:1])
                        texts = [part.value for part in parts if isinstance(part, ast.Constant)]
                        ends = not isinstance(parts[-1], ast.Constant) or texts[-1][-1] in ".?"
                        if "\n" in "".join(texts) or not ends:
                            yield path, f"line {node.lineno}: expected a line that ends in a period"

    assert_no_findings(findings())
