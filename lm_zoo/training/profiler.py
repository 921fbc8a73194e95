"""Profiles of single steps, for TensorBoard's Profile tab."""

import pathlib

import tensorflow as tf


class Profiler:
    """Records some steps with TensorFlow's profiler, for TensorBoard's Profile tab.

    The tab needs the package `xprof` (or `tensorboard-plugin-profile`) beside TensorBoard.

    Args:
        directory: What `RunSummaries` was given; the profile goes into its `train` folder.
        first_step: First step to record; a step's number is that of the steps made before it.
        last_step: Last step to record.
    """

    def __init__(self, directory, first_step, last_step):
        self.log_directory = str(pathlib.Path(directory) / "train")
        self.first_step = first_step
        self.last_step = last_step
        self._running = False

    def step(self, step):
        """Is called before each step; starts before the first to record, stops after the last."""
        wanted = self.first_step <= step <= self.last_step
        if wanted and not self._running:
            tf.profiler.experimental.start(self.log_directory)
            self._running = True
        elif not wanted:
            self.close()

    def close(self):
        """Stops and writes the profile, if one is being recorded."""
        if self._running:
            self._running = False
            tf.profiler.experimental.stop()
