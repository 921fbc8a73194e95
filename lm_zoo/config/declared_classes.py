"""What a class declares, read from its source: importing most of ours takes TensorFlow, and seconds.

A mistake in an argument is found, and a list is shown, before anything is imported.
"""

import ast
import functools
import importlib.util
import inspect
import pathlib

_TYPES = {each.__name__: each for each in (bool, int, float, str, dict)}


def declared(registry, name):
    """Returns a registered class; of one of lm_zoo's own, its `DeclaredClass`.

    Args:
        registry: A `lm_zoo.registration.Registry`.
        name: A name in it. What a user has registered is imported.
    """
    target = registry.data[name]
    if name in registry.outside or not isinstance(target, str):
        return registry[name]
    return DeclaredClass.read(target)


class DeclaredClass:
    """What the source of a class says without being run; what it inherits is not looked for.

    Attributes:
        __doc__: The docstring.
        SIZES: Names of the sizes that the class has, if any.
    """

    def __init__(self, tree):
        self.__doc__ = ast.get_docstring(tree)
        self.SIZES, self._parameters = (), {}
        for node in tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "SIZES":
                self.SIZES = tuple(map(ast.literal_eval, node.value.keys))
            if isinstance(node, ast.FunctionDef) and node.name == "__init__":
                self._parameters = {each.name: each for each in _parameters(node.args)}

    @classmethod
    @functools.cache
    def read(cls, target):
        """Reads a class that is given as `module:Class`."""
        module, _, name = target.partition(":")
        path = pathlib.Path(importlib.util.find_spec(module).origin)
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and node.name == name:
                return cls(node)
        raise LookupError(target)

    def constructor_parameters(self):
        """Returns `{name: inspect.Parameter}` of the arguments that the class itself defines."""
        return dict(self._parameters)


def _parameters(arguments):
    """Yields an `inspect.Parameter` for each argument that has a type."""
    for argument in (*arguments.args, *arguments.kwonlyargs):
        if argument.annotation:
            kind = inspect.Parameter.KEYWORD_ONLY
            yield inspect.Parameter(argument.arg, kind, annotation=_type(argument.annotation))


def _type(node):
    """Returns the type that an annotation stands for: `int`, `float | None`."""
    if isinstance(node, ast.BinOp):
        return _type(node.left) | _type(node.right)
    if isinstance(node, ast.Constant) and node.value is None:
        return type(None)
    return _TYPES[ast.unparse(node)]
