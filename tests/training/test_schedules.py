"""Learning-rate schedules against their published formulas."""

import math

import pytest

from lm_zoo.config import ScheduleConfig
from lm_zoo.training.schedules import PlateauState, learning_rate_factor


def factors(steps, total_steps=100, steps_per_epoch=10, **settings):
    schedule = ScheduleConfig(**settings)
    return [learning_rate_factor(schedule, s, total_steps, steps_per_epoch) for s in steps]


def test_zaremba_small_halves_each_epoch_after_the_fourth():
    epochs = [0, 3, 4, 5, 9]
    found = factors(
        [10 * e for e in epochs], name="epoch_decay", decay_start_epoch=4, decay_factor=0.5
    )
    assert found == [1.0, 1.0, 0.5, 0.25, 0.5**6]


def test_cosine_agrees_with_nanogpt():
    """nanoGPT's get_lr: lr 1e-3, min_lr 1e-4, warm-up 100 of 2000 steps."""

    def nanogpt(step):
        if step < 100:
            return 1e-3 * (step + 1) / 101
        if step > 2000:
            return 1e-4
        coefficient = 0.5 * (1.0 + math.cos(math.pi * (step - 100) / 1900))
        return 1e-4 + coefficient * (1e-3 - 1e-4)

    steps = [0, 50, 99, 100, 101, 1000, 1999, 2000]
    found = factors(steps, total_steps=2000, name="cosine", warmup_steps=100, final_factor=0.1)
    assert [1e-3 * f for f in found] == pytest.approx([nanogpt(s) for s in steps], rel=1e-12)


def test_inverse_sqrt_has_the_shape_of_vaswani_2017():
    def noam(step):  # counted from 1, without the width factor
        return min(step**-0.5, step * 40**-1.5)

    found = factors(range(100), name="inverse_sqrt", warmup_steps=40)
    expected = [noam(s + 1) / noam(40) for s in range(100)]
    assert found == pytest.approx(expected, rel=1e-12)


def test_warmup_stable_decay_is_flat_then_linear():
    found = factors(
        [0, 9, 10, 50, 80, 90, 100],
        name="warmup_stable_decay",
        warmup_steps=10,
        decay_fraction=0.2,
        final_factor=0.0,
    )
    assert found == pytest.approx([1 / 11, 10 / 11, 1, 1, 1, 0.5, 0.0])


def test_plateau_divides_only_after_patience_and_counts_anew():
    schedule = ScheduleConfig(name="plateau", decay_factor=0.25, plateau_patience=2)
    state = PlateauState()
    losses = [3.0, 2.0, 2.5, 2.1, 2.2, 1.9, 2.0]
    better = [state.update(schedule, step, loss) for step, loss in enumerate(losses)]
    assert better == [True, True, False, False, False, True, False]
    assert state.factor == 0.25
    assert (state.best, state.best_step, state.since_best) == (1.9, 5, 1)


def test_other_schedules_are_not_divided_on_plateau():
    state = PlateauState()
    for step in range(10):
        state.update(ScheduleConfig(name="constant"), step, 1.0)
    assert state.factor == 1.0
    assert state.since_best == 9
