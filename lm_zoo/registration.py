"""What there is by name: lm_zoo's own, and what users add to it from outside.

    # my_config.py                                       toy_task.py lies beside it
    import lm_zoo
    lm_zoo.register("task", "toy", "toy_task:Toy")

A name in a config or a run's folder never imports anything by itself: what it stands for has been
registered by Python that the user runs. This module imports the standard library alone.
"""

import collections
import contextlib
import dataclasses
import importlib
import re
import sys
import typing
from typing import Any

from lm_zoo.checked_fields import require
from lm_zoo.errors import UserError, unknown_name

# Kind -> its `Registry`, imported when something is registered.
REGISTRIES = {
    "model": "lm_zoo.models:MODELS",
    "task": "lm_zoo.tasks:TASKS",
    "corpus": "lm_zoo.data.corpora:CORPORA",
    "tokenizer": "lm_zoo.text.tokenizers:TOKENIZERS",
    "cleaning_step": "lm_zoo.text.cleaning:CLEANING_STEPS",
}


@dataclasses.dataclass(frozen=True)
class Source:
    """Where registrations come from.

    Attributes:
        file: The Python file that is executed for them; "" for a program that calls `register`.
        folder: Its folder.
        execution: A number that each execution of a file has for itself.
    """

    file: str = ""
    folder: str = ""
    execution: int = 0


PROGRAM = Source()
_source = PROGRAM  # of what is registered now
_executions = 0
_files = {}  # file -> None, of those that registered something, in their order
_of_runs = {}  # (kind, name) -> file, of runs that were read: for messages alone


class Registered(typing.NamedTuple):
    """Something of a user's.

    Attributes:
        what: It, or "module:name".
        source: The `Source`.
    """

    what: typing.Any
    source: Source


def register(kind: str, name: str, what: Any) -> None:
    """Makes something of your own known by a name, for configs, commands and Python.

    Args:
        kind: `model`, `task`, `corpus`, `tokenizer` or `cleaning_step`.
        name: What configs call it: letters, digits and `_`.
        what: It, or `"module:name"`, which is imported when it is used; modules beside the config
            file that registers it are found. Data processes, which do without TensorFlow, execute
            that file too: there, `"module:name"` of what imports TensorFlow saves them that.

    Raises:
        UserError: For a kind that there is not, a name that something else has, and something of
            another kind.
    """
    if kind not in REGISTRIES:
        raise unknown_name("register", kind, REGISTRIES)
    is_name = isinstance(name, str) and re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name)
    require(is_name, "register", f"a name of letters, digits and '_' for the {kind}", name)
    registry(kind).add(name, Registered(what, _source))
    if _source.file:
        _files[_source.file] = None


def registry(kind):
    """Returns the `Registry` of a kind."""
    return resolve(REGISTRIES[kind])


def resolve(path):
    """Returns what `module:name` stands for; other values are returned as they are."""
    if not isinstance(path, str):
        return path
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


class Registry(collections.UserDict):
    """Name -> what there is of one kind, lm_zoo's own and users'.

    Values are given as they are or as `module:name`, which is imported when it is looked up.

    Args:
        kind: One of `REGISTRIES`.
        own: Name -> what lm_zoo has.
        fits: Function that tells whether something is of the kind.
        expected: What that is, in words.
    """

    def __init__(self, kind, own, fits, expected):
        super().__init__(own)
        self.kind = kind
        self.outside = {}  # name -> `Registered`
        self._fits, self._expected = fits, expected

    def __getitem__(self, name):
        registered = self.outside.get(name)
        if registered is None:
            return resolve(self.data[name])
        what = self._imported(name, registered)
        self._check(name, what)
        return what

    def find(self, field, name):
        """Returns what a name stands for.

        Args:
            field: Where the name stands, for messages: `config.task.name`.
            name: The name.

        Raises:
            UserError: For an unknown name, or one of something that cannot be imported.
        """
        self.require(field, name)
        return self[name]

    def require(self, field, name):
        """Raises a `UserError` unless there is something of a name."""
        if not isinstance(name, str) or name not in self.data:
            raise self.unknown(field, name)

    def unknown(self, field, name):
        """Builds the error for a name that nothing has."""
        return of_run(self.kind, field, name) or unknown_name(field, name, self.data)

    def add(self, name, registered):
        """Adds something of a user's; a file that is executed again replaces its own."""
        if name in self.data and name not in self.outside:
            raise UserError(
                f"register: {self.kind} {name!r} is built into lm_zoo; choose another name for "
                "yours."
            )
        before = self.outside.get(name)
        if before and not _is_same(before, registered):
            raise UserError(
                f"register: there is a {self.kind} {name!r} already, {_written(before.what)}, "
                f"registered by {before.source.file or 'this program'}; choose another name for "
                f"{_written(registered.what)}."
            )
        if not isinstance(registered.what, str):
            self._check(name, registered.what)
        elif not re.fullmatch(r"[\w.]+:\w+", registered.what):
            raise UserError(
                f"register: {self.kind} {name!r}: expected {self._expected}, or its location as "
                f"'module:name', received {registered.what!r}."
            )
        self.outside[name] = registered
        self.data[name] = registered.what

    def _imported(self, name, registered):
        try:
            return resolve(registered.what)
        except Exception as error:
            module = sys.modules.get(str(registered.what).partition(":")[0])
            found = f" in {module.__file__}" if module and hasattr(module, "__file__") else ""
            raise UserError(
                f"register: {self.kind} {name!r}, registered by "
                f"{registered.source.file or 'this program'}: {registered.what!r} cannot be "
                f"imported{found}: {one_line(error)}"
            ) from error

    def _check(self, name, what):
        if not self._fits(what):
            raise UserError(
                f"register: {self.kind} {name!r}: expected {self._expected}, received "
                f"{_written(what)}."
            )


@contextlib.contextmanager
def registrations_of(file, folder):
    """Notes what is registered inside as a file's."""
    global _source, _executions
    _executions += 1
    before, _source = _source, Source(file, folder, _executions)
    try:
        yield
    finally:
        _source = before


def of_run(kind, field, name):
    """Builds the error for something that a run was trained with; None if no run that was read was.

    Args:
        kind: One of `REGISTRIES`.
        field: Where the name stands.
        name: The name.
    """
    if (kind, name) not in _of_runs:
        return None
    file = _of_runs[kind, name]
    flag = f"--register={file}" if file else "--register=FILE, a file that registers it"
    return UserError(
        f"{field}: {name!r} is not built into lm_zoo; this run was trained with it registered by "
        f"{file or 'a program'}: give {flag}, or in Python first call lm_zoo.register({kind!r}, "
        f"{name!r}, ...) first."
    )


def files():
    """Returns the files that registered something, in their order, to be executed elsewhere too."""
    return list(_files)


def by_program(kinds):
    """Returns `(kind, name, what)` of what no file registers.

    Args:
        kinds: The kinds that are wanted.
    """
    return [
        (kind, name, registered.what)
        for kind in kinds
        for name, registered in registry(kind).outside.items()
        if registered.source == PROGRAM
    ]


def of_config(config):
    """Returns what a run keeps, JSON-ready, of the users' own names in its config.

    Args:
        config: A resolved `ExperimentConfig`.

    Returns:
        A list of dicts with `kind`, `name` and `file`.
    """
    tokenizers = (config.tokenizer, *config.tokenizers.values())
    named = [("task", config.task.name), ("model", config.model.name)]
    named += [("corpus", config.corpus.name)]
    named += [("tokenizer", tokenizer.name) for tokenizer in tokenizers]
    named += [("cleaning_step", name) for name in config.cleaning.steps]
    return [
        {"kind": kind, "name": name, "file": registry(kind).outside[name].source.file}
        for kind, name in dict.fromkeys(named)
        if name in registry(kind).outside
    ]


def note_run(entries):
    """Remembers for messages what a run was trained with; nothing is imported.

    Args:
        entries: What `of_config` returned.
    """
    _of_runs.update({(entry["kind"], entry["name"]): entry["file"] for entry in entries})


def one_line(error):
    """Says what an error says, with its kind where that is none of ours."""
    if isinstance(error, UserError):
        return str(error)
    text = error.msg if isinstance(error, SyntaxError) else " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _is_same(before, now):
    """Whether a name is registered once more, and not for something else."""
    if before.source.file and before.source.file == now.source.file:
        return before.source != now.source or _written(before.what) == _written(now.what)
    if isinstance(now.what, str) or isinstance(before.what, str):
        return (before.what, before.source.folder) == (now.what, now.source.folder)
    return before.what is now.what or _written(before.what) == _written(now.what)


def _written(what):
    """Says what something is: `module:name` of a class, the value else."""
    if isinstance(what, type):
        return f"{what.__module__}:{what.__qualname__}"
    return f"{what!r:.80}"
