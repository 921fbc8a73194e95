"""Learning-rate schedules against their published formulas."""

import math
import types

import pytest

from lm_zoo.config import SCHEDULES, ScheduleConfig, TrainingConfig
from lm_zoo.training.schedules import PlateauState, learning_rate_factor
from lm_zoo.training.trainer import total_steps


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
    """nanoGPT's get_lr: lr 1e-3, min_lr 1e-4, warm-up 100, lr_decay_iters and max_iters 2000.

    It makes updates 0 to 2000, which are 2,001.
    """

    def nanogpt(step):
        if step < 100:
            return 1e-3 * (step + 1) / 101
        if step > 2000:
            return 1e-4
        coefficient = 0.5 * (1.0 + math.cos(math.pi * (step - 100) / 1900))
        return 1e-4 + coefficient * (1e-3 - 1e-4)

    steps = [0, 50, 99, 100, 101, 1000, 1999, 2000]
    found = factors(steps, total_steps=2001, name="cosine", warmup_steps=100, final_factor=0.1)
    assert [1e-3 * f for f in found] == pytest.approx([nanogpt(s) for s in steps], rel=1e-12)


def test_inverse_sqrt_has_the_shape_of_vaswani_2017():
    def noam(step):  # counted from 1, without the width factor
        return min(step**-0.5, step * 40**-1.5)

    found = factors(range(100), name="inverse_sqrt", warmup_steps=40)
    expected = [noam(s + 1) / noam(40) for s in range(100)]
    assert found == pytest.approx(expected, rel=1e-12)


def test_warmup_stable_decay_is_flat_then_linear():
    found = factors(
        [0, 9, 10, 50, 79, 89, 99],
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


# Name -> (settings, {step: factor of a run of 100 steps, 10 an epoch}), by hand.
COURSES = {
    "constant": ({}, {0: 1, 50: 1, 99: 1}),
    "plateau": ({}, {0: 1, 50: 1, 99: 1}),
    "epoch_decay": (
        {"decay_start_epoch": 2, "decay_factor": 0.5},
        {0: 1, 19: 1, 20: 0.5, 29: 0.5, 30: 0.25, 99: 0.5**8},
    ),
    "cosine": ({"final_factor": 0.2}, {0: 1, 33: 0.8, 49.5: 0.6, 66: 0.4, 99: 0.2}),
    "inverse_sqrt": ({"warmup_steps": 4}, {0: 0.25, 3: 1, 15: 0.5, 99: 0.2}),
    "warmup_stable_decay": (
        {"final_factor": 0.2, "decay_fraction": 0.4},
        {0: 1, 50: 1, 59: 1, 60: 0.98, 79: 0.6, 98: 0.22, 99: 0.2},
    ),
}


@pytest.mark.parametrize("name", COURSES)
def test_first_middle_and_last_step_have_the_closed_forms_factor(name):
    settings, expected = COURSES[name]
    assert set(COURSES) == set(SCHEDULES)
    assert factors(expected, name=name, **settings) == pytest.approx(list(expected.values()))


@pytest.mark.parametrize("name", COURSES)
def test_warm_up_is_a_line_from_nothing_to_the_peak(name):
    found = factors(range(6), name=name, warmup_steps=4, decay_start_epoch=9)
    peak = 3 if name == "inverse_sqrt" else 4  # Vaswani et al. reach it with the last of the steps
    line = [(step + 1) / (peak + 1) for step in range(peak + 1)]
    assert found[: peak + 1] == pytest.approx(line)
    assert found[peak + 1] <= 1


@pytest.mark.parametrize("name", ["cosine", "warmup_stable_decay"])
@pytest.mark.parametrize("warmup", [0, 1, 7])
@pytest.mark.parametrize("total", [9, 10, 1000, 20001])
def test_the_last_update_has_the_final_factor(name, warmup, total):
    settings = {"name": name, "warmup_steps": warmup, "final_factor": 0.1, "total_steps": total}
    assert factors([total - 1, total], **settings) == pytest.approx([0.1, 0.1])
    assert factors([total - 2], **settings)[0] > 0.1
    assert factors([warmup], **settings | {"decay_fraction": 0.1}) == [1.0]


def test_epochs_of_a_broken_number_of_steps_begin_when_they_do():
    """5 windows in batches of 29: after 5 steps 29 epochs are over, and 5 / (5 / 29) is less."""
    for windows, batch_size in [(5, 29), (27, 13), (1000, 7), (64, 64)]:
        for step in range(200):
            (found,) = factors(
                [step], steps_per_epoch=windows / batch_size, name="epoch_decay", decay_factor=0.9
            )
            assert found == 0.9 ** (step * batch_size // windows)


@pytest.mark.parametrize(
    "windows, batch_size, epochs, steps",
    [
        (27, 13, 13, 27),
        (57, 13, 13, 57),
        (7, 3, 1, 3),
        (7, 3, 3, 7),
        (10, 5, 0.1, 1),
        (3, 10, 1, 1),
    ],
)
def test_epochs_are_made_of_no_step_too_many(windows, batch_size, epochs, steps):
    batches = types.SimpleNamespace(steps_per_epoch=windows / batch_size)
    assert total_steps(TrainingConfig(epochs=epochs), batches) == steps


@pytest.mark.parametrize("figure", [math.nan, math.inf, -math.inf])
def test_a_figure_that_is_not_finite_is_never_the_best(figure):
    schedule = ScheduleConfig(name="plateau", decay_factor=0.5, plateau_patience=1)
    state = PlateauState()
    assert not state.update(schedule, 10, figure)
    assert (state.best, state.since_best, state.factor) == (None, 1, 0.5)
    assert state.update(schedule, 20, 3.0)
    assert not state.update(schedule, 30, figure)
    assert (state.best, state.best_step, state.since_best) == (3.0, 20, 1)
    assert state.update(schedule, 40, 2.0)
