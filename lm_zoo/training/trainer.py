"""The training loop: steps, curves, validation, checkpoints, and going on after any stop.

Everything that decides what is learned is a function of the step or stands in the checkpoint, so a
run that was killed and started again ends with the same bits as one that was not.
"""

import contextlib
import dataclasses
import math
import signal

import tensorflow as tf
from absl import logging

from lm_zoo import checkpoints
from lm_zoo.data.batching.audit import DataAudit
from lm_zoo.data.batching.prefetch import prefetched
from lm_zoo.distribution.launch.launched_process import heartbeat
from lm_zoo.errors import UserError
from lm_zoo.files.json_files import NotJson, check
from lm_zoo.training.clock import NOWHERE, TrainingClock
from lm_zoo.training.curves import Curves, go_on_from
from lm_zoo.training.histograms import Histograms
from lm_zoo.training.hyperparameters import hyperparameters
from lm_zoo.training.memory import peak_memory
from lm_zoo.training.parameter_server import AsynchronousTrainStep
from lm_zoo.training.profiler import Profiler
from lm_zoo.training.progress import Progress
from lm_zoo.training.schedules import PlateauState, learning_rate_factor
from lm_zoo.training.silent import Silent
from lm_zoo.training.train_step import TrainStep

MIN_LOSS_SCALE = 2.0**-10  # below this, overflow is not the scale's fault


@dataclasses.dataclass
class TrainingResult:
    """How a call of `Trainer.train` ended.

    Attributes:
        step: Updates made so far, in all calls together.
        reason: `finished`, `early_stopping`, or the name of the signal that stopped it.
        best: The best validation figure so far, of `best_by`, or None.
        best_step: Where it was measured.
        best_by: The figure's name, as in `training.best_by`.
    """

    step: int
    reason: str
    best: float | None
    best_step: int
    best_by: str = "loss"


def total_steps(training, batches):
    """Returns the optimizer steps in the whole run that a `TrainingConfig` asks for."""
    steps = training.epochs * batches.steps_per_epoch
    return training.steps or math.ceil(steps * (1 - 1e-12))  # rounding must not add a step


class Trainer:
    """Trains one model on one stream of batches into one run folder.

    Args:
        task: The `Task`.
        model: A built model that it can be trained on.
        config: The `ExperimentConfig`.
        batches: The training `Batches`.
        folder: The `RunFolder`.
        settings: Field of the config -> value: what is shown of it on TensorBoard.
        validate: Called without arguments, returns a `Report` of the validation split, or None if
            there is no such split.
        observe: Called without arguments at each validation, returns `ValidationSummaries`; or None.
        profile_steps: `(first, last)` steps to profile, or None.
        distribution: The `Distribution`; None is the device that TensorFlow chooses. Every process
            trains, the chief alone writes.
        audit_data: Whether each process records what it trains on, for `audit_proof.verify`.
    """

    def __init__(
        self,
        task,
        model,
        config,
        batches,
        folder,
        settings,
        validate=None,
        observe=None,
        profile_steps=None,
        distribution=None,
        audit_data=False,
    ):
        self.task = task
        self.model = model
        self.config = config
        self.batches = batches
        self.folder = folder
        self.settings = settings
        self.validate = validate
        self.observe = observe
        self.profile_steps = profile_steps
        training = config.training
        self.total_steps = total_steps(training, batches)
        epoch = max(1, round(batches.steps_per_epoch))
        self.validation_interval = training.validation_interval or epoch
        asynchronous = distribution is not None and distribution.name == "parameter_server"
        make_step = AsynchronousTrainStep if asynchronous else TrainStep
        self.train_step = make_step(task, model, batches, config, distribution)
        self.distribution = self.train_step.distribution
        self.is_chief = self.distribution.is_chief
        self.audit = None
        if audit_data:
            self.audit = DataAudit(
                folder.audit,
                batches,
                self._local_rows,
                self.distribution.worker,
                self.distribution.num_workers,
            )
        self._histograms = Histograms(self.train_step, training.histogram_interval)
        self._unit = task.unit
        self._counted = "tokens" if self._unit == "tokens" else "weight"  # the sum that has it
        self.plateau = PlateauState()
        self.clock = TrainingClock()
        self.step = 0
        self._saved = None  # the step of the last checkpoint
        self.finished = ""
        self._stop_signal = None
        self._stops = self._time_is_up = False

    def train(self):
        """Trains to the end, or to a signal; returns a `TrainingResult`."""
        self._restore_latest()
        self.curves = Silent()
        if self.is_chief:
            self.curves = Curves(self.folder.path, self._begin, self.task.shown, self._unit)
        if self.finished:
            self.curves.finish(self.clock.last)
            return self._result(self.finished)
        self.progress = Progress(self.total_steps, self.step) if self.is_chief else Silent()
        with contextlib.ExitStack() as stack:
            stack.callback(self.curves.close)
            stack.callback(self.progress.close)
            stack.enter_context(self._signals_noted())
            if self.audit:
                stack.enter_context(self.audit.recording_from(self.step))
            profiler = None
            if self.profile_steps and self.is_chief:
                profiler = Profiler(self.folder.path, *self.profile_steps)
                stack.callback(profiler.close)
            if not self.step:
                values = hyperparameters(self.config, self.model, self.total_steps)
                self.curves.begin(self.clock.last, values, self.settings)
            self.clock.start()
            steps = range(self.step, self.total_steps)
            ahead = stack.enter_context(prefetched(self._batch, steps))
            for batches in self._calls(ahead):
                if profiler:
                    profiler.step(self.step)
                rates = [self.learning_rate(self.step + i) for i in range(len(batches))]
                # Asked before the call, so that all stop after the same step.
                self._stops = self.distribution.sum(float(bool(self._stop_signal))) > 0
                if self.audit:
                    self.audit.record(self.step, batches)
                self._histograms.before(self.step)
                self.train_step.run(self.step, rates, batches)
                self.step += len(batches)
                self._time_is_up = self._check_time()
                heartbeat()
                if self._after_step():
                    break
            if self.finished:
                self.curves.finish(self.clock.last)
        return self._result(self.finished or self._stop_signal)

    def _batch(self, step):
        """This process' rows of a step's batch."""
        return self.batches.batch(step, self._local_rows(step))

    def _calls(self, ahead):
        """Yields the batches of each call: `steps_per_call`, but none beyond the next event."""
        training = self.config.training
        intervals = (training.log_interval, self.validation_interval, training.checkpoint_interval)
        looks = training.histogram_interval
        waiting = []
        for step, batch in ahead:
            if waiting and batch.shapes != waiting[0].shapes:
                yield waiting  # one call makes steps of one shape
                waiting = []
            waiting.append(batch)
            step += 1
            event = any(interval and step % interval == 0 for interval in intervals)
            event |= looks > 0 and step % looks in (0, looks - 1)  # it is looked at by itself
            full = len(waiting) == self.config.runtime.steps_per_call
            if full or event or step == self.total_steps or self.profile_steps:
                yield waiting
                waiting = []

    def _local_rows(self, step):
        """This process' rows of a step's global batch, a slice."""
        return self.train_step.layout_of(self.batches.num_rows(step)).local_rows

    def learning_rate(self, step):
        """The learning rate of update number `step`, from 0."""
        factor = learning_rate_factor(
            self.config.schedule, step, self.total_steps, self.batches.steps_per_epoch
        )
        return self.config.optimizer.learning_rate * factor * self.plateau.factor

    def _after_step(self):
        """Curves, validation, checkpoint; returns whether to stop."""
        training = self.config.training
        last = self.step == self.total_steps or self._time_is_up
        if looked := self._histograms.after():
            self.curves.histograms(self._place(), *looked)
        if self.step % training.log_interval == 0 or last:
            self._log()
        saves = last
        if self.step % self.validation_interval == 0 or last:
            self._check_finite()
            with self.clock.paused():
                self._validate()
            saves = True
            patience = training.early_stopping_patience
            if last:
                self.finished = "finished" if self.step == self.total_steps else "max_seconds"
            elif patience and self.plateau.since_best >= patience:
                self.finished = "early_stopping"
        if training.checkpoint_interval and self.step % training.checkpoint_interval == 0:
            saves = True
        # Several processes stop at the step at which all know that one was asked to.
        stops = self._stops if self.distribution.num_workers > 1 else bool(self._stop_signal)
        if stops and not self._stop_signal:
            self._stop_signal = "SIGTERM"
        if saves or stops:
            heartbeat()
            self._check_finite()
            with self.clock.paused():
                self._save()
            heartbeat()
        return bool(self.finished or stops)

    def _check_time(self):
        """Whether `training.max_seconds` are over, the same for all processes."""
        limit = self.config.training.max_seconds
        return limit > 0 and self.distribution.sum(float(self.clock.seconds >= limit)) > 0

    def _place(self):
        """The `Place` of the steps made so far, all of which are waited for."""
        seen = self.train_step.sums[self._counted].numpy()
        return self.clock.place(self.step, self.clock.point.seen + float(seen))

    def _log(self):
        """One point on the training curves: means over the steps since the last point."""
        rate = self.learning_rate_of_last_step()
        self.train_step.wait()
        place, before = self._place(), self.clock.point
        sums = self.train_step.take_sums()
        objective = sums["objective"] / max(sums["weight"], 1.0)
        self._require_finite(objective, sums["gradient_norm"])
        self.clock.point = place
        applied = sums["steps"] - sums["skipped"]
        figures, system, optimizer = {}, peak_memory(), {"learning_rate": rate}
        if sums["weight"]:  # none where float16 overflowed in all the steps
            figures = self.task.curves(sums, self.batches)
            speed = (place.seen - before.seen) / (place.milliseconds - before.milliseconds) * 1000
            system[f"{self._unit}_per_second"] = speed
            if self._unit == "tokens":
                flops = 3 * self.model.flops_per_token(round(self.batches.mean_length))
                system["flops_per_second"] = speed * flops
        if applied:
            optimizer["gradient_norm"] = sums["gradient_norm"] / applied
        if self.train_step.scales_loss:
            optimizer["loss_scale"] = float(self.train_step.loss_scale.numpy())
        progress = {
            "epoch": self.step / self.batches.steps_per_epoch,
            f"{self._unit}_seen": place.seen,
            "training_seconds": place.milliseconds / 1000,
        }
        points = figures | system | optimizer
        shown = (*self.task.shown, "learning_rate", "tokens_per_second", "examples_per_second")
        self.progress.update(self.step, **{name: points.get(name) for name in shown})
        self.curves.training(place, figures, optimizer=optimizer, system=system, progress=progress)

    def learning_rate_of_last_step(self):
        return float(self.train_step.optimizer.learning_rate.numpy())

    def _validate(self):
        if self.validate is None:
            return
        place = self._place()
        with self._averaged_parameters():
            report = self.validate()
            seen = self.observe() if self.observe else None
        points = report.figures | (seen.scalars if seen else {})
        better = self.plateau.update(
            self.config.schedule, self.step, self._lower_is_better(points[self._best_by])
        )
        said = [report.summary(), *([seen.summary] if seen and seen.summary else [])]
        mark = "  (best so far)" if better else ""
        self.progress.line(f"step {self.step}: validation {', '.join(said)}{mark}")
        self.curves.validation(place, points, better)
        if seen:
            self.curves.samples(place, seen)

    def _check_finite(self):
        self.train_step.wait()
        sums = self.train_step.sums
        self._require_finite(float(sums["objective"].numpy()), float(sums["gradient_norm"].numpy()))

    def _require_finite(self, loss, norm):
        scale = float(self.train_step.loss_scale.numpy())
        if math.isfinite(loss) and math.isfinite(norm) and scale >= MIN_LOSS_SCALE:
            return
        saved = checkpoints.steps(self.folder.checkpoints)
        good = f"the last good checkpoint is step {saved[-1]}" if saved else "no checkpoint yet"
        what = "loss scale" if scale < MIN_LOSS_SCALE else "loss or gradient"
        raise UserError(
            f"training: {what} is not finite at or before step {self.step} (loss {loss}, gradient "
            f"norm {norm}); {good} in {self.folder.checkpoints}. Lower optimizer.learning_rate or "
            "set optimizer.clip_norm, in a new --workdir."
        )

    def _save(self):
        """Writes a checkpoint; events up to this step are on disk before it counts."""
        self.curves.flush()
        self._place()  # the clock stands at this step
        metadata = {
            "clock": self.clock.to_dict(),
            "plateau": dataclasses.asdict(self.plateau),
            "finished": self.finished,
            "previous": self._saved,
        }
        tensors = self.train_step.tensors()
        self._saved = self.step
        if not self.is_chief:
            return
        checkpoints.save(self.folder.checkpoints, self.step, tensors, metadata)
        self._mark_best()
        self._prune()

    def _prune(self):
        protect = {self.plateau.best_step} if self.plateau.best is not None else set()
        keep = self.config.training.keep_checkpoints
        checkpoints.prune(self.folder.checkpoints, self.step, keep, protect)

    def _mark_best(self):
        best = self.plateau.best_step, self._best
        if best[1] is not None and checkpoints.read_best(self.folder.checkpoints) != best:
            checkpoints.write_best(self.folder.checkpoints, *best)

    def _restore_latest(self):
        found = checkpoints.load_latest(self.folder.checkpoints)
        self.step = found.step if found else 0
        self._saved = found.step if found else None
        if found:
            self.train_step.restore(found.tensors)
            self._restore_metadata(found)
        self._begin = self.clock.last if found else NOWHERE
        self._require_same_step()
        if self.is_chief:
            if found:  # a kill may have come between the checkpoint and these
                self._mark_best()
                self._prune()
            curves = go_on_from(self.folder.path, self._begin)
            self._warn_of_gaps("train", self.config.training.log_interval, curves)
            if self.validate is not None:
                self._warn_of_gaps("validation", self.validation_interval, curves)

    def _warn_of_gaps(self, split, interval, curves):
        """Says which steps a curve has lost, with an event file that was damaged or removed."""
        expected = set(range(interval, self.step + 1, interval))
        if self.finished in ("finished", "max_seconds"):
            expected.add(self.step)
        if lost := sorted(expected - curves[split]):
            listed = ", ".join(map(str, lost if len(lost) < 8 else [*lost[:3], "...", lost[-1]]))
            logging.warning(
                "TensorBoard's %s curves in %s lack %d of %d points (steps %s): an event file "
                "was damaged or removed; the points are not recomputed",
                split,
                self.folder.path,
                len(lost),
                len(expected),
                listed,
            )

    def _restore_metadata(self, found):
        try:
            check(found.metadata, {"plateau": dict, "clock": dict, "finished": str})
            self.clock = TrainingClock.from_dict(found.metadata["clock"])
            self.plateau = PlateauState.from_dict(found.metadata["plateau"])
        except NotJson as error:
            raise UserError(
                f"checkpoint {found.path}: metadata.{error}; restore it from a backup, or remove "
                "it to continue from the one before."
            ) from None
        self.finished = found.metadata["finished"]

    def _require_same_step(self):
        steps = self.distribution.sum(self.step) / self.distribution.num_workers
        if steps != self.step:
            raise UserError(
                f"workdir: this process found step {self.step} in {self.folder.path}, others found "
                "another; expected a folder that all processes share."
            )

    @contextlib.contextmanager
    def _averaged_parameters(self):
        """Puts the moving averages, if there are any, in the parameters' place."""
        variables, averages = self.model.trainable_variables, self.train_step.ema
        kept = [tf.identity(tf.convert_to_tensor(v)) for v in variables] if averages else []
        for variable, average in zip(variables, averages):
            variable.assign(average)
        try:
            yield
        finally:
            for variable, value in zip(variables, kept):
                variable.assign(value)

    @contextlib.contextmanager
    def _signals_noted(self):
        """SIGINT and SIGTERM finish the step and save; the same signal again ends at once."""
        handled = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.getsignal(number) for number in handled}

        def note(number, frame):
            self._stop_signal = signal.Signals(number).name
            signal.signal(number, signal.SIG_DFL)

        try:
            for number in handled:
                signal.signal(number, note)
        except ValueError:  # not the main thread: whoever runs it there handles signals
            yield
            return
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @property
    def _best_by(self):
        return self.config.training.best_by

    def _lower_is_better(self, figure):
        """Turns a figure of `best_by` into one that is lower for a better model, and back."""
        return -figure if self.task.monitors[self._best_by] is max else figure

    @property
    def _best(self):
        """The best figure in its own sense."""
        best = self.plateau.best
        return None if best is None else self._lower_is_better(best)

    def _result(self, reason):
        return TrainingResult(self.step, reason, self._best, self.plateau.best_step, self._best_by)
