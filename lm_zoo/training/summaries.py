"""What TensorBoard shows of a run, unbroken by kills: curves, texts, pictures, hyperparameters.

    <workdir>/train/events.out.tfevents...        one chart has both curves,
    <workdir>/validation/events.out.tfevents...   for the tags are the same; by steps
    <workdir>/time/events.out.tfevents...         curves by the time spent training
    <workdir>/events.out.tfevents...              curves by tokens seen; hyperparameters, the best

Each folder is a run of TensorBoard's and has one kind of step, since TensorBoard, when a run goes
on, forgets what it has read of later steps. `event_files` says what makes them unbroken.
"""

import pathlib
import struct
import time

import numpy as np
from tensorboard.compat.proto import types_pb2
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.histogram import metadata as histogram_metadata
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams import summary as hparams_summary
from tensorboard.plugins.hparams.summary_v2 import hparams_pb
from tensorboard.plugins.image import metadata as image_metadata
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.util import tensor_util

from lm_zoo.training.event_files import EventFile, events

# Folder -> what its steps are, a field of `Place`.
AXES = {"": "seen", "time": "milliseconds", "train": "step", "validation": "step"}
HISTOGRAM_BUCKETS = 30


class RunSummaries:
    """Writes the events of one run.

    Args:
        directory: The run's folder, below the one for `tensorboard --logdir`.
        after: The `Place` after which nothing is there.
    """

    def __init__(self, directory, after):
        self.directory = pathlib.Path(directory)
        self._files = {}
        self._first_steps = {name: getattr(after, axis) + 1 for name, axis in AXES.items()}

    def scalars(self, folder, place, values):
        """Adds one point to some curves.

        Args:
            folder: One of `AXES`.
            place: The `Place` of the point.
            values: Tag -> number, e.g. `{"metrics/loss": 2.3, "metrics/perplexity": 10.0}`.
        """
        self._write(folder, place, *(scalar_pb(tag, value) for tag, value in values.items()))

    def texts(self, folder, place, values):
        """Adds texts, tag -> Markdown."""
        self._write(folder, place, *(text_pb(tag, text) for tag, text in values.items()))

    def images(self, folder, place, values):
        """Adds pictures, tag -> a PNG file's bytes."""
        self._write(folder, place, *(_image_pb(tag, png) for tag, png in values.items()))

    def histograms(self, folder, place, values):
        """Adds histograms, tag -> array of finite numbers."""
        self._write(folder, place, *(_histogram_pb(tag, array) for tag, array in values.items()))

    def hparams(self, place, values):
        """Describes the run in the HPARAMS tab, whose metrics are the last points of the curves.

        Args:
            place: The `Place` where it begins.
            values: Name -> number, string or bool.
        """
        # Without a name of its own the tab calls it by its folder, and not by a hash.
        self._write("", place, hparams_pb(values, trial_id=""))

    def finish(self, place, succeeded=True):
        """Marks the end of the run in the HPARAMS tab, unless it is marked already.

        Args:
            place: The `Place` where it ends.
            succeeded: Whether the run went as it should.
        """
        status = api_pb2.STATUS_SUCCESS if succeeded else api_pb2.STATUS_FAILURE
        end = Summary.FromString(hparams_summary.session_end_pb(status).SerializeToString())
        there = {value.tag for event in events(self.directory) for value in event.summary.value}
        if end.value[0].tag not in there:
            self._write("", place, end)
            self.flush()

    def flush(self):
        """Returns when every event is on the disk.

        Raises:
            UserError: When it cannot be, for instance because the disk is full.
        """
        for file in self._files.values():
            file.flush()

    def close(self):
        """Flushes and closes; an event added later begins a new file."""
        try:
            self.flush()
        finally:
            for file in self._files.values():
                file.close()
            self._files = {}

    def _write(self, folder, place, *summaries):
        if folder not in AXES:
            raise ValueError(f"folder: expected one of {tuple(AXES)}, received {folder!r}.")
        if not summaries:
            return
        step = getattr(place, AXES[folder])
        if folder not in self._files:
            first_step = self._first_steps.pop(folder, step)
            self._files[folder] = EventFile(self.directory / folder, first_step)
        merged = Summary()
        for summary in summaries:
            merged.MergeFrom(summary)
        self._files[folder].write(Event(wall_time=time.time(), step=step, summary=merged))


def _image_pb(tag, png):
    """A summary of one image, as `tf.summary.image` writes it: width, height, file."""
    width, height = struct.unpack(">II", png[16:24])  # the header chunk of every PNG
    tensor = tensor_util.make_tensor_proto(
        [str(width).encode(), str(height).encode(), png], dtype=types_pb2.DT_STRING
    )
    metadata = image_metadata.create_summary_metadata(tag, "", converted_to_tensor=None)
    return Summary(value=[Summary.Value(tag=tag, tensor=tensor, metadata=metadata)])


def _histogram_pb(tag, array):
    """As TensorBoard's own function writes it, which takes 30 bytes more for each number."""
    counts, edges = np.histogram(array, HISTOGRAM_BUCKETS)
    buckets = np.stack([edges[:-1], edges[1:], counts], axis=1).astype(np.float64)
    metadata = histogram_metadata.create_summary_metadata(tag, "")
    tensor = tensor_util.make_tensor_proto(buckets)
    return Summary(value=[Summary.Value(tag=tag, tensor=tensor, metadata=metadata)])
