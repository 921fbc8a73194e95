"""The configs that lm_zoo ships, in a checkout: they stand in `configs/`, beside this package.

What is built to be installed has the files of that folder here, its own `__init__.py` for this one.
"""

import pathlib

__path__ = [str(pathlib.Path(__file__).resolve().parents[2] / "configs")]
