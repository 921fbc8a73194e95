"""What TensorBoard shows of a run, unbroken by kills: curves, texts, hyperparameters, profiles.

    <directory>/train/events.out.tfevents...        one chart has both curves,
    <directory>/validation/events.out.tfevents...   for the tags are the same
    <directory>/events.out.tfevents...              hyperparameters and how the run ended

Each event goes to the operating system in one piece as soon as it is made, so a kill loses none,
and trouble with the disk is an error here and now; a queue would report it later or never. Who
saves a checkpoint of step s first writes everything of step s and calls `flush`; who goes on from
it first calls `truncate(directory, s)`. Then no step appears twice and none is missing.
"""

import contextlib
import io
import os
import pathlib
import re
import socket
import struct
import time

import tensorflow as tf
from absl import logging
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.compat.proto import types_pb2
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams import summary as hparams_summary
from tensorboard.plugins.hparams.summary_v2 import hparams_pb
from tensorboard.plugins.image import metadata as image_metadata
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.summary.writer.record_writer import RecordWriter
from tensorboard.util import tensor_util

from lm_zoo.errors import UserError
from lm_zoo.files import TEMPORARY_PREFIX, cannot_write, reason, sync, write_atomically
from lm_zoo.files.input_files import open_input
from lm_zoo.training.event_records import whole_records

SPLITS = ("train", "validation")
_EVENT_FILES = "events.out.tfevents.*"
_HEADERS = ("file_version", "session_log")  # what a file of ours begins with


class RunSummaries:
    """Writes the events of one run.

    Args:
        directory: Folder of the run's curves, for `tensorboard --logdir`.
    """

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self._files = {}

    def scalars(self, split, step, values):
        """Adds one point to the curves of a split.

        Args:
            split: `train` or `validation`.
            step: Steps made so far.
            values: Tag -> number, e.g. `{"loss": 2.3, "perplexity": 10.0}`.
        """
        self._write(split, step, *(scalar_pb(tag, value) for tag, value in values.items()))

    def text(self, tag, step, markdown, split="train"):
        """Adds a text, shown as Markdown."""
        self._write(split, step, text_pb(tag, markdown))

    def image(self, tag, step, png, split="train"):
        """Adds a picture.

        Args:
            tag: Its name.
            step: Steps made so far.
            png: A PNG file's bytes.
            split: `train` or `validation`.
        """
        self._write(split, step, _image_pb(tag, png))

    def hparams(self, values):
        """Describes the run in the HPARAMS tab, where its metrics are the last ones of each curve.

        Args:
            values: Name -> value, e.g. `lm_zoo.config.flatten(config)`. Lists are shown as text.
        """
        shown = {name: _as_hparam(value) for name, value in values.items()}
        self._write("", 0, hparams_pb(shown))

    def finish(self, step, metrics=None, succeeded=True):
        """Marks the end of the run in the HPARAMS tab; what is there already is not added again.

        Args:
            step: The last step.
            metrics: Final figures by tag, e.g. `{"best_validation_loss": 1.9}`.
            succeeded: Whether the run went as it should.
        """
        status = api_pb2.STATUS_SUCCESS if succeeded else api_pb2.STATUS_FAILURE
        end = hparams_summary.session_end_pb(status).SerializeToString()
        parts = [scalar_pb(tag, value) for tag, value in (metrics or {}).items()]
        parts.append(Summary.FromString(end))
        there = {value.tag for event in _events(self.directory) for value in event.summary.value}
        parts = [part for part in parts if part.value[0].tag not in there]
        if parts:
            self._write("", step, *parts)
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

    def _write(self, split, step, *summaries):
        if split not in ("", *SPLITS):
            raise ValueError(f"split: expected one of {SPLITS}, received {split!r}.")
        if split not in self._files:
            self._files[split] = _EventFile(self.directory / split, step)
        merged = Summary()
        for summary in summaries:
            merged.MergeFrom(summary)
        self._files[split].write(Event(wall_time=time.time(), step=step, summary=merged))


def truncate(directory, last_step):
    """Removes all events after a step, and what a kill left half written.

    Each file is changed in one piece, so a kill on the way does no harm: the next call goes on. Of
    a damaged file all whole events are kept, those behind the damage too, and a warning says so.

    Args:
        directory: What `RunSummaries` was given; it need not exist.
        last_step: The step of the checkpoint that the run goes on from; -1 removes everything.

    Returns:
        Split -> the steps that its curve of the loss has, a set.

    Raises:
        UserError: When a file cannot be read or replaced.
    """
    directory = pathlib.Path(directory)
    for path in sorted(directory.rglob(f"{TEMPORARY_PREFIX}*")):
        path.unlink(missing_ok=True)
    curves = {split: set() for split in SPLITS}
    for path in sorted(directory.rglob(_EVENT_FILES)):
        try:
            steps = _truncate_file(path, last_step)
            curves.get(path.parent.name, set()).update(steps)
        except OSError as error:
            raise UserError(
                f"cannot remove the events after step {last_step} from {path}: {reason(error)}; "
                "fix this and rerun."
            ) from error
    return curves


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


class _EventFile:
    """An event file of our own, written record by record without a buffer.

    It says first that a session starts at `first_step`: a TensorBoard that is running then forgets
    what it has read of later steps, which `truncate` has removed.
    """

    def __init__(self, folder, first_step):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.path = _new_path(folder)
            self._file = open(self.path, "xb", buffering=0)
            sync(folder)
        except OSError as error:
            raise cannot_write(f"TensorBoard's events in {folder}", error) from error
        self._size = 0
        self.write(Event(wall_time=time.time(), file_version="brain.Event:2"))
        start = SessionLog(status=SessionLog.START)
        self.write(Event(wall_time=time.time(), step=first_step, session_log=start))

    def write(self, event):
        record = io.BytesIO()
        RecordWriter(record).write(event.SerializeToString())
        rest = memoryview(record.getvalue())
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            with contextlib.suppress(OSError):
                self._file.truncate(self._size)  # no half record before what may come later
            raise cannot_write(f"TensorBoard's events in {self.path.parent}", error) from error
        self._size += len(record.getvalue())

    def flush(self):
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise cannot_write(f"TensorBoard's events in {self.path.parent}", error) from error

    def close(self):
        self._file.close()


def _new_path(folder):
    """Names a file after all that are there: TensorBoard reads them in the order of their names."""
    times = [
        int(m[1]) for m in (re.match(r".*\.tfevents\.(\d+)", p.name) for p in folder.iterdir()) if m
    ]
    now = max([int(time.time()), *(t + 1 for t in times)])
    return folder / f"events.out.tfevents.{now:010d}.{socket.gethostname()}.{os.getpid()}"


def _truncate_file(path, last_step):
    """Returns the steps that have a loss in what stays of the file."""
    with open_input(path) as file:
        data = file.read()
    records, lost = whole_records(path, data)
    kept, holds_events, steps = [], False, set()
    for record in records:
        event = Event.FromString(record.content)
        if event.HasField("file_version") or event.step <= last_step:
            kept.append(data[record.begin : record.end])
            holds_events = holds_events or event.WhichOneof("what") not in _HEADERS
            if any(value.tag == "loss" for value in event.summary.value):
                steps.add(event.step)
    if lost:
        logging.warning(
            "%s is damaged: %d of its %d bytes cannot be read; the %d intact events are kept",
            path,
            lost,
            len(data),
            len(records),
        )
    rest = b"".join(kept)
    if not holds_events and not path.name.endswith(".profile-empty"):
        path.unlink()
    elif rest == data:
        pass
    elif data.startswith(rest):  # The usual case, and it works on a full disk.
        with open(path, "r+b") as file:
            file.truncate(len(rest))
            os.fsync(file.fileno())
    else:
        write_atomically(path, rest)
    return steps


def _events(directory):
    for path in sorted(pathlib.Path(directory).glob(_EVENT_FILES)):
        yield from EventFileLoader(str(path)).Load()


def _image_pb(tag, png):
    """A summary of one image, as `tf.summary.image` writes it: width, height, file."""
    width, height = struct.unpack(">II", png[16:24])  # the header chunk of every PNG
    tensor = tensor_util.make_tensor_proto(
        [str(width).encode(), str(height).encode(), png], dtype=types_pb2.DT_STRING
    )
    metadata = image_metadata.create_summary_metadata(tag, "", converted_to_tensor=None)
    return Summary(value=[Summary.Value(tag=tag, tensor=tensor, metadata=metadata)])


def _as_hparam(value):
    if isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return str(value)
