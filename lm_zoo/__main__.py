"""`python -m lm_zoo` is the `lm-zoo` command; `lm-zoo launch` has its processes run this file.

A module of the current folder must not be taken for a library's: not its `absl.py`, and not a
folder named lm_zoo. So nothing but the standard library is imported before `sys.path` is in order.
"""

import importlib.util
import os
import sys

PACKAGE = os.path.dirname(os.path.realpath(__file__))


def import_path(path, is_safe):
    """Returns `sys.path` as this program is to have it.

    Args:
        path: What Python made of it.
        is_safe: Whether Python was told to put nothing first (`-P`).
    """
    # The current folder for `-m`, and for a file its own: here that is only of use to a checkout
    # that is not installed.
    if not is_safe and path and os.path.realpath(path[0]) != os.path.dirname(PACKAGE):
        path = path[1:]
    if "lm_zoo" not in sys.modules and not _finds_this_package():
        path = [os.path.dirname(PACKAGE), *path]
    return path


def _finds_this_package():
    found = importlib.util.find_spec("lm_zoo")
    places = (found and found.submodule_search_locations) or ()
    return [os.path.realpath(place) for place in places] == [PACKAGE]


if __name__ == "__main__":
    sys.path[:] = import_path(sys.path, sys.flags.safe_path)

    from lm_zoo.cli.main import main

    sys.exit(main())
