"""How much training a run has behind it, over all the processes that worked on it."""

import contextlib
import time
import typing

from lm_zoo.files.json_files import check, natural


class Place(typing.NamedTuple):
    """How far a run is: where a point stands on each axis of its curves.

    Attributes:
        step: Updates made.
        seen: Tokens that they were made of; examples, for a task that counts no tokens.
        milliseconds: Time spent training: without validation, sampling and saving, and without what
            a kill has undone.
    """

    step: int
    seen: int
    milliseconds: int


NOWHERE = Place(-1, -1, -1)  # before the first event of a run


class TrainingClock:
    """Measures the time spent training, and remembers what a checkpoint must hold of it.

    Attributes:
        last: The `Place` that was measured last.
        point: That of the last point on the training curves.
    """

    def __init__(self, last=Place(0, 0, 0), point=Place(0, 0, 0)):
        self.last, self.point = last, point
        self._seconds = last.milliseconds / 1000
        self._since = None  # when it was started, or None

    @classmethod
    def from_dict(cls, values):
        """Builds it from what `to_dict` and JSON made of one.

        Raises:
            NotJson: Naming the field that is missing or wrong.
        """
        place = {name: natural for name in Place._fields}
        check(values, {"last": place, "point": place}, "clock")
        return cls(Place(**values["last"]), Place(**values["point"]))

    def to_dict(self):
        """Returns what a checkpoint holds of it."""
        return {"last": self.last._asdict(), "point": self.point._asdict()}

    def start(self):
        self._since = time.monotonic()

    def stop(self):
        if self._since is not None:
            self._seconds += time.monotonic() - self._since
        self._since = None

    @contextlib.contextmanager
    def paused(self):
        """Leaves out what is done within, which is no training."""
        self.stop()
        yield
        self.start()

    @property
    def seconds(self):
        """Seconds spent training so far."""
        running = time.monotonic() - self._since if self._since is not None else 0.0
        return self._seconds + running

    def place(self, step, seen):
        """Returns the `Place` of a step: one for each step, and later ones have a later time.

        Args:
            step: Updates made.
            seen: Tokens or examples that they were made of.
        """
        if step != self.last.step:
            now = int(self.seconds * 1000)
            self.last = Place(step, int(seen), max(now, self.last.milliseconds + 1))
        return self.last
