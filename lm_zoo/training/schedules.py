"""Learning-rate schedules: pure functions of the step, so that resuming needs no state of theirs.

The one exception is division on plateau, which depends on what validation found; its small state is
a dataclass that the checkpoint's metadata carries.
"""

import dataclasses
import math

from lm_zoo.files.json_files import check, natural


def learning_rate_factor(schedule, step, total_steps, steps_per_epoch):
    """Factor on the peak learning rate for the update that step `step` makes.

    The last update has step `total_steps - 1`, and there a schedule that ends at `final_factor` has
    reached it.

    Args:
        schedule: A `ScheduleConfig`.
        step: Number of updates made before this one (the first update has step 0).
        total_steps: Updates in the whole run.
        steps_per_epoch: Updates per pass over the training split, possibly fractional.

    Returns:
        A float. Warm-up is linear for every schedule: update s of W, from 1, has s / (W + 1), and
        the one after it the peak; the W-th itself with `inverse_sqrt`. `plateau` is constant here,
        because its divisions are kept in `PlateauState.factor`.
    """
    warmup = schedule.warmup_steps
    if step < warmup and schedule.name != "inverse_sqrt":
        return (step + 1) / (warmup + 1)
    if schedule.name == "epoch_decay":
        # Rounding must not put an epoch's first step into the epoch before.
        epoch = math.floor(step / steps_per_epoch + 1e-9)
        return schedule.decay_factor ** max(0, epoch - schedule.decay_start_epoch + 1)
    if schedule.name == "cosine":
        progress = min(1.0, (step - warmup) / max(1, total_steps - 1 - warmup))
        cosine = 0.5 * (1.0 + math.cos(math.pi * progress))
        return schedule.final_factor + (1.0 - schedule.final_factor) * cosine
    if schedule.name == "inverse_sqrt":
        # Vaswani et al. 2017, scaled so that the peak, at the end of the warm-up, is 1.
        peak = max(1, warmup)
        return min((step + 1) / peak, math.sqrt(peak / (step + 1)))
    if schedule.name == "warmup_stable_decay":
        decay_steps = max(1, round(schedule.decay_fraction * total_steps))
        remaining = min(1.0, max(0, total_steps - 1 - step) / decay_steps)
        return schedule.final_factor + (1.0 - schedule.final_factor) * remaining
    return 1.0


@dataclasses.dataclass
class PlateauState:
    """What validation has found so far: drives `plateau`, early stopping and the best checkpoint.

    Attributes:
        best: Lowest validation figure, or None before the first that is a finite number: the loss
            in nats per token, or minus BLEU.
        best_step: The step it was measured at.
        since_best: Validations since then.
        since_drop: Validations without improvement since the last division of the learning rate.
        factor: Product of the divisions so far.
    """

    best: float | None = None
    best_step: int = 0
    since_best: int = 0
    since_drop: int = 0
    factor: float = 1.0

    @classmethod
    def from_dict(cls, values):
        """Builds it from what `dataclasses.asdict` and JSON made of one.

        Raises:
            NotJson: Naming the field that is missing or wrong.
        """
        kinds = {float | None: (float, None), int: natural, float: float}
        expected = {field.name: kinds[field.type] for field in dataclasses.fields(cls)}
        check(values, expected, "plateau")
        return cls(**{name: values[name] for name in expected})

    def update(self, schedule, step, figure):
        """Takes in one validation figure, lower for better; returns whether it is the best.

        One that is not finite is never the best, and a validation without improvement.
        """
        if math.isfinite(figure) and (self.best is None or figure < self.best):
            self.best, self.best_step = figure, step
            self.since_best = self.since_drop = 0
            return True
        self.since_best += 1
        self.since_drop += 1
        if schedule.name == "plateau" and self.since_drop >= schedule.plateau_patience:
            self.factor *= schedule.decay_factor
            self.since_drop = 0
        return False
