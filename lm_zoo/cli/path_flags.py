"""Flags that name files and folders: `~` begins the home folder in them, as a shell has it.

A shell itself leaves the `~` of `--workdir=~/runs` as it is.
"""

from absl import flags

from lm_zoo.files import expanded


class _Path(flags.ArgumentParser):
    syntactic_help = "a path"

    def parse(self, argument):
        return _path(argument)

    def flag_type(self):
        return "path"


class _Paths(flags.ListParser):
    def parse(self, argument):
        return [_path(path) for path in super().parse(argument)]


def define_path(name, default, help, flag_values, required=False):
    """Adds a flag whose value is a path, a string."""
    flags.DEFINE(
        _Path(), name, default, help, flag_values, flags.ArgumentSerializer(), required=required
    )


def define_multi_path(name, default, help, flag_values):
    """Adds a flag that may be repeated; its value is a list of paths."""
    flags.DEFINE_multi(
        _Path(), flags.ArgumentSerializer(), name, default, help, flag_values=flag_values
    )


def define_paths(name, default, help, flag_values):
    """Adds a flag whose value is a list of paths, given with commas between them."""
    flags.DEFINE(_Paths(), name, default, help, flag_values, flags.CsvListSerializer(","))


def _path(argument):
    return str(expanded(argument)) if argument.startswith("~") else argument
