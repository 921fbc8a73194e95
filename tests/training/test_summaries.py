"""Curves that TensorBoard reads, unbroken by kills and full disks."""

import json
import os
import pathlib
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing import plugin_event_accumulator
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer
from tensorboard.compat.proto.event_pb2 import Event

from lm_zoo.errors import UserError
from lm_zoo.tasks.task import ValidationSummaries
from lm_zoo.training.clock import NOWHERE, Place
from lm_zoo.training.curves import Curves, go_on_from
from lm_zoo.training.profiler import Profiler
from lm_zoo.training.summaries import RunSummaries
from tests.curves import read_scalars

ROOT = pathlib.Path(__file__).resolve().parents[2]


LOSS = "metrics/loss"


def at(step):
    """Where a run is after some steps: 20 tokens each, which take 30 milliseconds."""
    return Place(step, 20 * step, 30 * step)


def write_run(directory, first, last, rate=0.5):
    """Writes what a small run would; the loss of step s is 10 / s."""
    curves = Curves(directory, at(first - 1), ("loss", "perplexity"), "tokens")
    if first == 1:
        values = {"Model": "x_lm", "Parameters": 9, "Peak learning rate": rate, "seed": 3}
        curves.begin(at(0), values, {"seed": 3, "model.name": "x_lm"})
    for step in range(first, last + 1):
        figures = {"loss": 10 / step, "perplexity": np.float32(step), "bits_per_byte": 1}
        curves.training(at(step), figures, optimizer={"learning_rate": 0.5}, system={"memory": 1})
        if step % 5 == 0:
            curves.validation(at(step), {"loss": 11 / step, "bits_per_byte": 1}, is_best=True)
            curves.samples(at(step), ValidationSummaries(texts={"text": f"text of {step}"}))
    curves.close()


def cut_after(directory, step):
    return go_on_from(directory, at(step) if step >= 0 else NOWHERE)


def expected(first, last, every=1, numerator=10):
    return [(s, float(np.float32(numerator / s))) for s in range(first, last + 1) if s % every == 0]


def event_files(directory):
    return sorted(directory.rglob("events.out.tfevents.*"))


def test_tensorboard_reads_both_curves_under_the_same_tag(tmp_path):
    write_run(tmp_path, 1, 20)
    multiplexer = EventMultiplexer(size_guidance={"tensors": 0}).AddRunsFromDirectory(str(tmp_path))
    multiplexer.Reload()
    for run, every, numerator in (("train", 1, 10), ("validation", 5, 11)):
        points = multiplexer.Tensors(run, LOSS)
        found = [(p.step, float(tf.make_ndarray(p.tensor_proto))) for p in points]
        assert found == expected(1, 20, every, numerator)
    sample = multiplexer.Tensors("validation", "samples/text")[-1]
    assert sample.step == 20 and sample.tensor_proto.string_val == [b"    text of 20"]
    metadata = multiplexer.SummaryMetadata("train", LOSS).plugin_data.plugin_name
    assert metadata == "scalars"
    assert multiplexer.SummaryMetadata(".", "settings").plugin_data.plugin_name == "text"
    for run, tag, length in ((".", "metrics_over_tokens", 20), ("time", "metrics_over_time", 30)):
        points = multiplexer.Tensors(run, f"{tag}/loss_train")
        assert [point.step for point in points] == [length * s for s in range(1, 21)]


def test_scalars_are_read_back(tmp_path):
    write_run(tmp_path, 1, 20)
    assert read_scalars(tmp_path / "train", LOSS) == expected(1, 20)
    assert read_scalars(tmp_path / "validation", LOSS) == expected(1, 20, 5, 11)
    assert read_scalars(tmp_path / "train", "nothing") == []
    assert read_scalars(tmp_path / "nowhere", LOSS) == []


def test_events_are_in_the_file_before_any_flush(tmp_path):
    summaries = RunSummaries(tmp_path, NOWHERE)
    summaries.scalars("train", at(1), {LOSS: 1.5})
    assert read_scalars(tmp_path / "train", LOSS) == [(1, 1.5)]
    summaries.close()
    with pytest.raises(ValueError, match="folder"):
        summaries.scalars("tests", at(1), {LOSS: 1.5})


def test_truncating_and_going_on_gives_the_unbroken_curve(tmp_path):
    write_run(tmp_path, 1, 17)
    cut_after(tmp_path, 12)
    write_run(tmp_path, 13, 19)
    cut_after(tmp_path, 15)
    write_run(tmp_path, 16, 20)
    cut_after(tmp_path, 20)
    assert read_scalars(tmp_path / "train", LOSS) == expected(1, 20)
    assert read_scalars(tmp_path / "validation", LOSS) == expected(1, 20, 5, 11)
    texts = EventAccumulator(str(tmp_path / "validation")).Reload().Tensors("samples/text")
    assert [text.step for text in texts] == [5, 10, 15, 20]
    # The step-0 texts and hyperparameters stay as well.
    assert len(EventAccumulator(str(tmp_path)).Reload().Tensors("settings")) == 1
    for folder, tag, length in (("", "tokens", 20), ("time", "time", 30)):
        points = read_scalars(tmp_path / folder, f"metrics_over_{tag}/loss_train")
        assert points == [(length * step, loss) for step, loss in expected(1, 20)]


def test_a_tensorboard_that_has_read_what_is_removed_forgets_it(tmp_path):
    write_run(tmp_path, 1, 17)
    running, of_validation = (
        plugin_event_accumulator.EventAccumulator(str(tmp_path / split), {"tensors": 0}).Reload()
        for split in ("train", "validation")
    )
    assert len(running.Tensors(LOSS)) == 17 and len(of_validation.Tensors(LOSS)) == 3
    cut_after(tmp_path, 12)
    write_run(tmp_path, 13, 14)
    assert [point.step for point in running.Reload().Tensors(LOSS)] == list(range(1, 15))
    summaries = RunSummaries(tmp_path, at(12))  # whose next point is later than what is gone
    summaries.scalars("validation", at(20), {LOSS: 1.0})
    summaries.close()
    assert [point.step for point in of_validation.Reload().Tensors(LOSS)] == [5, 10, 20]


def test_truncating_to_before_the_first_step_leaves_nothing(tmp_path):
    cut_after(tmp_path / "nowhere", 5)
    write_run(tmp_path, 1, 3)
    cut_after(tmp_path, -1)
    assert event_files(tmp_path) == []


def test_truncating_what_ends_there_changes_no_byte(tmp_path):
    write_run(tmp_path, 1, 10)
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in event_files(tmp_path)}
    cut_after(tmp_path, 10)
    assert before == {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in event_files(tmp_path)}


@pytest.mark.parametrize("cut", [1, 5, 15, 30])
def test_a_record_torn_by_a_kill_is_dropped(tmp_path, cut):
    write_run(tmp_path, 1, 10)
    path = event_files(tmp_path / "train")[0]
    path.write_bytes(path.read_bytes()[:-cut])
    (tmp_path / "train" / ".writing-1-abcdef").write_bytes(b"left by a kill")
    cut_after(tmp_path, 10)
    assert not list(tmp_path.rglob(".writing*"))
    written = RunSummaries(tmp_path, NOWHERE)
    written.scalars("train", at(11), {LOSS: 1.0})
    written.close()
    steps = [step for step, _ in read_scalars(tmp_path / "train", LOSS)]
    assert steps == [*range(1, 10), 11]
    clean = list(tf.data.TFRecordDataset([str(p) for p in event_files(tmp_path / "train")]))
    assert len(clean) == 2 * 2 + 9 + 1  # two headers each; points of 1 to 9, which are whole; 11


def losses(data):
    """Where each record with a loss begins and ends in an event file, by step."""
    places, begin = {}, 0
    while begin < len(data):
        end = begin + int.from_bytes(data[begin : begin + 8], "little") + 16
        event = Event.FromString(data[begin + 12 : end - 4])
        if any(value.tag == LOSS for value in event.summary.value):
            places[event.step] = begin, end
        begin = end
    return places


def flip(data, begin, end):
    return data[:begin] + bytes([data[begin] ^ 1]) + data[begin + 1 :]


@pytest.mark.parametrize(
    "damage, lost",
    [
        (lambda d, p: flip(d, p[4][0] + 30, 0), [4]),  # a content
        (lambda d, p: flip(d, p[4][0], 0), [4]),  # a length
        (lambda d, p: flip(d, p[4][0] + 9, 0), [4]),  # a length's checksum
        (lambda d, p: flip(d, p[4][1] - 2, 0), [4]),  # a content's checksum
        (lambda d, p: d[: p[4][0] + 5] + d[p[4][0] + 9 :], [4]),  # some bytes are gone
        (lambda d, p: d[: p[3][0] + 7] + bytes(p[6][0] - p[3][0]) + d[p[6][0] + 7 :], [3, 4, 5, 6]),
        (lambda d, p: b"\xff" * p[1][1] + d[p[1][1] :], [1]),  # from the beginning on
        (lambda d, p: d[: p[9][0] + 7] + bytes(len(d) - p[9][0] - 7), [9, 10]),  # to the end
    ],
)
def test_of_a_damaged_file_all_whole_events_stay(tmp_path, caplog, damage, lost):
    write_run(tmp_path, 1, 10)
    (path,) = event_files(tmp_path / "train")
    data = path.read_bytes()
    path.write_bytes(damage(data, losses(data)))
    kept = [step for step in range(1, 11) if step not in lost]
    assert cut_after(tmp_path, 10) == {
        "train": set(kept),
        "validation": {5, 10},
        "": set(),
        "time": set(),
    }
    (record,) = caplog.records
    assert record.levelname == "WARNING" and str(path) in record.getMessage()
    assert [step for step, _ in read_scalars(tmp_path / "train", LOSS)] == kept
    assert len(list(tf.data.TFRecordDataset([str(path)]))), "it is whole again"
    caplog.clear()
    assert cut_after(tmp_path, 10)["train"] == set(kept) and not caplog.records


def test_a_file_killed_before_its_first_record_goes(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "events.out.tfevents.1.host.1").write_bytes(b"")
    cut_after(tmp_path, 10)
    assert event_files(tmp_path) == []


def test_a_later_file_has_a_later_name_even_if_the_clock_went_back(tmp_path):
    future = tmp_path / "train" / f"events.out.tfevents.{int(time.time()) + 1000}.host.99999"
    write_run(tmp_path, 1, 2)
    event_files(tmp_path / "train")[0].rename(future)
    write_run(tmp_path, 3, 4)
    files = event_files(tmp_path / "train")
    assert len(files) == 2 and files[0] == future
    assert read_scalars(tmp_path / "train", LOSS) == expected(1, 4)


KILLED = """
import os, sys
from lm_zoo.training.summaries import RunSummaries
from tests.training.test_summaries import LOSS, at, cut_after
directory, checkpoint = sys.argv[1:]
last = int(open(checkpoint).read() or -1)
cut_after(directory, last)
summaries = RunSummaries(directory, at(last))
step = max(last, 0)
print("ready", flush=True)
while True:
    step += 1
    for folder in ("train", "time", ""):
        summaries.scalars(folder, at(step), {LOSS: 10 / step})
    if step % 7 == 0:
        summaries.scalars("validation", at(step), {LOSS: 11 / step})
    if step % 21 == 0:
        summaries.flush()
        with open(checkpoint + ".new", "w") as file:
            file.write(str(step))
        os.replace(checkpoint + ".new", checkpoint)
"""


def test_killed_and_started_again_no_step_is_there_twice_or_missing(tmp_path):
    rng, directory, checkpoint = random.Random(3), tmp_path / "board", tmp_path / "step"
    checkpoint.write_text("")
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, directory, checkpoint],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert process.stdout.readline() == b"ready\n"
        time.sleep(rng.random() * 0.2)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    last = int(checkpoint.read_text())
    cut_after(directory, last)
    assert read_scalars(directory / "train", LOSS) == expected(1, last)
    assert read_scalars(directory / "validation", LOSS) == expected(1, last, 7, 11)
    for folder, length in (("time", 30), ("", 20)):
        points = [(length * step, loss) for step, loss in expected(1, last)]
        assert read_scalars(directory / folder, LOSS) == points


def fill(directory, reason):
    """Writes until it cannot; every event that was accepted must be readable."""
    summaries = RunSummaries(directory, NOWHERE)
    with pytest.raises(UserError, match=f"cannot write TensorBoard's events in .*: {reason}"):
        for step in range(1, 1000):
            summaries.texts("train", at(step), {"sample": "x" * 5000})
            summaries.flush()
    events = EventAccumulator(str(directory / "train"), {"tensors": 0}).Reload().Tensors("sample")
    assert [event.step for event in events] == list(range(1, step))
    whole = tf.data.TFRecordDataset([str(path) for path in event_files(directory)])
    assert len(list(whole)) == 2 + len(events), "no half record is left, which an error would tell"
    cut_after(directory, 10)  # going on needs no more space than there is
    events = EventAccumulator(str(directory / "train")).Reload().Tensors("sample")
    assert [event.step for event in events] == list(range(1, 11))


def test_a_limit_on_file_sizes_is_an_error_and_costs_no_earlier_event(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        fill(tmp_path, "File too large; raise the limit")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_an_error_and_costs_no_earlier_event(tmp_path):
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(tmp_path)]
    if os.geteuid() or not shutil.which("mount") or subprocess.run(mount).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        fill(tmp_path / "run", "No space left on device; free space there")
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


def test_other_files_than_our_own_are_cut_by_step_too(tmp_path):
    """A file whose steps go up and down, as two writers may leave it, keeps what belongs."""
    writer = tf.summary.create_file_writer(str(tmp_path / "train"))
    with writer.as_default():
        for step in (1, 5, 2, 6, 3):
            tf.summary.scalar(LOSS, step, step=step)
    writer.close()
    cut_after(tmp_path, 4)
    assert read_scalars(tmp_path / "train", LOSS) == [(1, 1.0), (2, 2.0), (3, 3.0)]


def test_finishing_twice_marks_the_end_once(tmp_path):
    write_run(tmp_path, 1, 5)
    for _ in range(2):
        summaries = RunSummaries(tmp_path, NOWHERE)
        summaries.finish(at(5))
        summaries.close()
    tags = [v.tag for path in event_files(tmp_path) for v in values(path)]
    assert tags.count("_hparams_/session_end_info") == 1


def values(path):
    for record in tf.data.TFRecordDataset(str(path)):
        yield from Event.FromString(record.numpy()).summary.value


def test_histograms_are_read_back(tmp_path):
    """Of numpy's own numbers, and of numbers that are all the same."""
    arrays = {"kernel": np.arange(90.0).reshape(9, 10), "bias": np.zeros(3)}
    curves = Curves(tmp_path, NOWHERE, ("loss",), "tokens")
    curves.histograms(at(4), {"weights": arrays}, {"kernel": 0.5})
    curves.close()
    running = plugin_event_accumulator.EventAccumulator(str(tmp_path / "train")).Reload()
    (kernel,), (bias,) = (running.Tensors(f"weights/{name}") for name in arrays)
    buckets = tf.make_ndarray(kernel.tensor_proto)  # left, right, count
    assert kernel.step == 4 and buckets.shape == (30, 3) and (buckets[:, 2] == 3).all()
    assert buckets[0, 0] == 0 and buckets[-1, 1] == 89
    assert tf.make_ndarray(bias.tensor_proto)[:, 2].sum() == 3
    assert running.SummaryMetadata("weights/kernel").plugin_data.plugin_name == "histograms"
    assert read_scalars(tmp_path / "train", "weights_update_ratio/kernel") == [(4, 0.5)]


def get(port, path, body=None):
    url = f"http://127.0.0.1:{port}/data/{path}"
    request = urllib.request.Request(
        url, body and json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def wait_for(condition, seconds=40):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if found := condition():
                return found
        except OSError:
            pass
        time.sleep(0.2)
    raise AssertionError("TensorBoard did not answer in time")


def groups_in_order(tags):
    """Groups of tags in the order in which TensorBoard's pages show them, `compareTagNames`.

    A slash or a digit comes before all else on TIME SERIES; on SCALARS, an underscore too.
    """

    def key(breaks):
        return lambda tag: [(sign not in breaks, sign) for sign in tag]

    return [
        list(dict.fromkeys(tag.split("/")[0] for tag in sorted(tags, key=key(breaks))))
        for breaks in ("/0123456789", "/_0123456789")
    ]


def test_a_real_tensorboard_opens_on_loss_and_perplexity(tmp_path):
    """Of runs side by side: the groups that come first are open, and so many columns are shown."""
    for name, rate in (("one", 0.5), ("two", 0.1)):
        write_run(tmp_path / name, 1, 20, rate)
        summaries = RunSummaries(tmp_path / name, at(20))
        summaries.finish(at(20))
        summaries.close()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "tensorboard.main", "--logdir", tmp_path, "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        tags = wait_for(lambda: len(t := get(port, "plugin/scalars/tags")) == 8 and t)
        assert set(tags) == {
            f"{name}{split}" for name in ("one", "two") for split in ("", *SPLITS, "/time")
        }
        assert set(tags["one/train"]) >= {LOSS, "metrics/perplexity", "metrics_other/bits_per_byte"}
        assert set(tags["one/validation"]) == {LOSS, "metrics_other/bits_per_byte"}
        series, scalars = groups_in_order({tag for run in tags.values() for tag in run})
        assert series[:2] == ["metrics", "metrics.best"]
        assert scalars[:2] == ["metrics", "metrics_other"]
        points = get(port, f"plugin/scalars/scalars?tag={LOSS}&run=one/train")
        assert [(step, value) for _, step, value in points] == [
            (s, pytest.approx(v)) for s, v in expected(1, 20)
        ]
        texts = get(port, "plugin/text/text?tag=samples/text&run=one/validation")
        assert [t["step"] for t in texts] == [5, 10, 15, 20] and "text of 20" in texts[-1]["text"]
        table = get(port, "plugin/text/text?tag=settings&run=one")
        assert "<table>" in table[0]["text"]
        texts = {tag for of_run in get(port, "plugin/text/tags").values() for tag in of_run}
        assert groups_in_order(texts)[1] == ["samples", "settings"]
        check_hparams(port)
    finally:
        server.terminate()
        server.wait(10)


SPLITS = ("/train", "/validation")


def check_hparams(port):
    """Runs have their own names; what differs comes first, and metrics that compare."""
    experiment = get(port, "plugin/hparams/experiment", {"experimentName": ""})
    assert [column["name"] for column in experiment["hparamInfos"]] == [
        "Peak learning rate", "Model", "Parameters", "seed",
    ]  # fmt: skip
    metrics = [(m["name"].get("group", ""), m["name"]["tag"]) for m in experiment["metricInfos"]]
    assert metrics[:4] == [
        ("", "metrics.best/bits_per_byte"),
        ("", "metrics.best/loss"),
        ("train", LOSS),
        ("validation", LOSS),
    ]
    request = {"allowedStatuses": ["STATUS_SUCCESS"], "sliceSize": 10, "startIndex": 0}
    groups = get(
        port, "plugin/hparams/session_groups", {"experimentName": "", "colParams": [], **request}
    )["sessionGroups"]
    assert [group["name"] for group in groups] == ["one", "two"]
    assert [group["hparams"]["Peak learning rate"] for group in groups] == [0.5, 0.1]
    values = {
        (m["name"].get("group", ""), m["name"]["tag"]): m["value"]
        for m in groups[0]["metricValues"]
    }
    assert values["validation", LOSS] == values["", "metrics.best/loss"] == pytest.approx(11 / 20)


def test_profiling_ends_with_its_range_or_with_training(tmp_path):
    for name, first, last, steps in (("within", 3, 4, 8), ("cut", 6, 100, 8), ("never", 50, 60, 8)):
        profiler = Profiler(tmp_path / name, first, last)
        for step in range(steps):
            profiler.step(step)
            tf.reduce_sum(tf.ones((10, 10))).numpy()
        profiler.close()
        profiler.close()
        profiles = list((tmp_path / name).glob("train/plugins/profile/*/*.xplane.pb"))
        assert len(profiles) == (name != "never")
    cut_after(tmp_path / "within", -1)
    assert list((tmp_path / "within").glob("train/plugins/profile/*/*.xplane.pb"))
