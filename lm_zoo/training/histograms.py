"""Histograms of weights and gradients, and how large updates are beside the weights."""

import numpy as np
import tensorflow as tf


class Histograms:
    """Looks at the model before and after a step, every so many steps.

    Args:
        train_step: The `TrainStep`, which keeps the gradients of its last step.
        interval: Steps between two looks; 0 is never.
    """

    def __init__(self, train_step, interval):
        self._train_step = train_step
        self._interval = interval
        self._before = None

    def before(self, step):
        """Is called before each call; `step` is that of the first update that it makes, from 0."""
        if self._interval and (step + 1) % self._interval == 0:
            self._before = self._weights()

    def after(self):
        """Returns what the step showed, as `Curves.histograms` takes it; None if it was not due."""
        if self._before is None:
            return None
        before, self._before = self._before, None
        weights = self._weights()
        gradients = [gradient.numpy() for gradient in self._train_step.gradients]
        variables = self._train_step.model.trainable_variables
        names = [variable.path.split("/", 1)[-1] for variable in variables]
        finite = {name: g for name, g in zip(names, gradients) if np.isfinite(g).all()}
        ratios = {
            name: np.linalg.norm(new - old) / max(np.linalg.norm(old), 1e-12)
            for name, old, new in zip(names, before, weights)
        }
        return {"weights": dict(zip(names, weights)), "weights_gradient": finite}, ratios

    def _weights(self):
        return [
            np.array(tf.convert_to_tensor(v)) for v in self._train_step.model.trainable_variables
        ]
