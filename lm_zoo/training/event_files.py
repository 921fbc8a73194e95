"""Event files, which TensorBoard reads: written so that a kill loses nothing, cut when a run goes on.

Each event goes to the operating system in one piece as soon as it is made, so a kill loses none,
and trouble with the disk is an error here and now; a queue would report it later or never. Who
saves a checkpoint first writes all events up to it and calls `flush`; who goes on from it first
calls `truncate`. Then no point appears twice and none is missing.
"""

import contextlib
import io
import os
import pathlib
import re
import socket
import time

from absl import logging
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.summary.writer.record_writer import RecordWriter
from tensorboard.util import tensor_util

from lm_zoo.errors import UserError
from lm_zoo.files import TEMPORARY_PREFIX, cannot_write, reason, sync, write_atomically
from lm_zoo.files.input_files import open_input
from lm_zoo.training.event_records import whole_records

EVENT_FILES = "events.out.tfevents.*"
_HEADERS = ("file_version", "session_log")  # what a file of ours begins with


class EventFile:
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


def truncate(directory, last_steps, tag):
    """Removes the events after a step, and what a kill left half written.

    Each file is changed in one piece, so a kill on the way does no harm: the next call goes on. Of
    a damaged file all whole events are kept, those behind the damage too, and a warning says so.

    Args:
        directory: A folder with folders of event files in it; it need not exist.
        last_steps: Name of such a folder ("" for the directory's own files) -> the last step that
            stays in it; -1 removes everything.
        tag: The curve whose steps are returned.

    Returns:
        Name of the folder -> the steps that its curve has, a set.

    Raises:
        UserError: When a file cannot be read or replaced.
    """
    curves = {}
    for name, last_step in last_steps.items():
        folder = pathlib.Path(directory) / name
        for path in folder.glob(f"{TEMPORARY_PREFIX}*"):
            path.unlink(missing_ok=True)
        curves[name] = set()
        for path in sorted(folder.glob(EVENT_FILES)):
            try:
                curves[name] |= _truncate_file(path, last_step, tag)
            except OSError as error:
                raise UserError(
                    f"cannot remove the events after step {last_step} from {path}: "
                    f"{reason(error)}; fix this and rerun."
                ) from error
    return curves


def events(folder):
    """Yields the events of a folder's files, in their order."""
    for path in sorted(pathlib.Path(folder).glob(EVENT_FILES)):
        yield from EventFileLoader(str(path)).Load()


def scalars(folder):
    """Returns the curves of a folder: tag -> list of `(step, value)`."""
    found = {}
    for event in events(folder):
        for value in event.summary.value:
            if value.metadata.plugin_data.plugin_name == "scalars":
                number = float(tensor_util.make_ndarray(value.tensor))
                found.setdefault(value.tag, []).append((event.step, number))
    return found


def _new_path(folder):
    """Names a file after all that are there: TensorBoard reads them in the order of their names."""
    times = [
        int(m[1]) for m in (re.match(r".*\.tfevents\.(\d+)", p.name) for p in folder.iterdir()) if m
    ]
    now = max([int(time.time()), *(t + 1 for t in times)])
    return folder / f"events.out.tfevents.{now:010d}.{socket.gethostname()}.{os.getpid()}"


def _truncate_file(path, last_step, tag):
    """Returns the steps of a curve in what stays of the file."""
    with open_input(path) as file:
        data = file.read()
    records, lost = whole_records(path, data)
    kept, holds_events, steps = [], False, set()
    for record in records:
        event = Event.FromString(record.content)
        if event.HasField("file_version") or event.step <= last_step:
            kept.append(data[record.begin : record.end])
            holds_events = holds_events or event.WhichOneof("what") not in _HEADERS
            if any(value.tag == tag for value in event.summary.value):
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
