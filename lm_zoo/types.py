"""Types of arguments and results that many public functions have."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np

    Array: TypeAlias = np.ndarray
else:
    Array: TypeAlias = Any

Path: TypeAlias = str | os.PathLike[str]
Texts: TypeAlias = str | Sequence[str]
Tensor: TypeAlias = Any  # TensorFlow's have no types: a `tf.Tensor`, what becomes one, or several
