"""Times a step, and the sum of the gradients in it, on one and on several replicas and processes.

    python tools/benchmark_scaling.py [--steps=20] [--replicas=2] [MODEL ...]
    python tools/benchmark_scaling.py --gpu --peak_tflops=494 --peak_tflops_bfloat16=989

The global batch is the same everywhere, so perfect efficiency is a step n times as fast. On CPUs
each replica has one core: the replicas of one process share n cores, each of several processes is
pinned to one. The all-reduce is timed by itself; its bytes are what each replica puts into it.

With --gpu larger models run on one GPU in float32 and bfloat16. The peaks are the GPU's, of dense
matrices; TensorFlow multiplies float32 as TF32 where a GPU can, so the first is that of TF32 (here
those of an H100).
"""

import argparse
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from lm_zoo.distribution.launch.launcher import Launcher
from lm_zoo.distribution.launch.private_network import NoPrivateNetwork, PrivateNetwork

# Name: vocabulary, batch, length, arguments.
RECURRENT = {"hidden_dim": 200, "num_layers": 2}
MODELS = {
    "rnn_lm": (10_000, 20, 35, RECURRENT),
    "gru_lm": (10_000, 20, 35, RECURRENT),
    "lstm_lm": (10_000, 20, 35, RECURRENT),
    "transformer_decoder": (
        65,
        12,
        64,
        {"hidden_dim": 128, "num_layers": 4, "num_heads": 4, "context_length": 64},
    ),
}
GPU_RECURRENT = {"hidden_dim": 1500, "num_layers": 2}
GPU_MODELS = {
    "rnn_lm": (10_000, 64, 35, GPU_RECURRENT),
    "gru_lm": (10_000, 64, 35, GPU_RECURRENT),
    "lstm_lm": (10_000, 64, 35, GPU_RECURRENT),
    "transformer_decoder": (
        32_000,
        32,
        1024,
        {"hidden_dim": 768, "num_layers": 12, "num_heads": 12, "context_length": 1024},
    ),
}
MARK = "RESULT "


def measure(name, runtime, steps, size, precision="float32"):
    """Returns the times of one model in this process, on the strategy that `runtime` asks for."""
    import numpy as np
    import tensorflow as tf

    from lm_zoo import config as config_lib
    from lm_zoo.config import config_checks
    from lm_zoo.data.batching.batches import Batch
    from lm_zoo.distribution.strategies import make_distribution
    from lm_zoo.registry import build_model
    from lm_zoo.training.train_step import TrainStep

    distribution = make_distribution(config_lib.RuntimeConfig(**runtime))
    vocab_size, rows, length, arguments = size
    config = config_lib.ExperimentConfig(
        task=config_lib.TaskConfig("language_modeling", sequence_length=length, layout="windows"),
        data=config_lib.DataConfig(batch_size=rows),
    )
    config.training.precision = precision
    config = config_checks.resolve(config)
    with distribution.strategy.scope():
        model = build_model(
            name, vocab_size=vocab_size, dtype=config_lib.PRECISIONS[precision], **arguments
        )
    step = TrainStep(model, config, distribution)
    ids = np.random.default_rng(0).integers(0, vocab_size, (rows, length + 1)).astype(np.int32)
    mine = ids[step.layout.local_rows]
    batch = Batch(mine[:, :-1], mine[:, 1:], np.ones((len(mine), length), np.float32), True)

    def train(number):
        step(number, 1e-3, batch)
        step.sums["steps"].numpy()

    def replica():
        gradients = [tf.identity(tf.ones(v.shape)) for v in model.trainable_variables]
        return step._reduce(tf.identity(1.0), tf.identity(1.0), gradients)

    reduce = tf.function(lambda: distribution.strategy.run(replica), autograph=False)

    def reduce_once(number):
        distribution.local(reduce()[0])[0].numpy()

    return distribution, {
        "step": _median_seconds(train, steps),
        "reduce": _median_seconds(reduce_once, steps) if distribution.num_replicas > 1 else 0.0,
        "bytes": 4 * (2 + model.num_parameters) if distribution.num_replicas > 1 else 0,
        "tokens": rows * length,
        "flops": 3 * model.flops_per_token(length) * rows * length,
    }


def _median_seconds(function, count, warm_up=3):
    times = []
    for number in range(count + warm_up):
        start = time.perf_counter()
        function(number)
        times.append(time.perf_counter() - start)
    return statistics.median(times[warm_up:])


def work(job):
    """Measures in this process, which is pinned before TensorFlow counts its cores."""
    task = json.loads(os.environ.get("TF_CONFIG") or "{}").get("task", {"index": 0})
    if job["cores"]:
        os.sched_setaffinity(0, job["cores"][task["index"]])
    distribution, result = measure(**job["arguments"])
    if distribution.is_chief:
        print(MARK + json.dumps(result), flush=True)


def run(cores, processes=1, **arguments):
    """Measures in processes of their own; `cores` has those of each process."""
    job = json.dumps({"cores": cores, "arguments": arguments})
    command = [sys.executable, str(pathlib.Path(__file__).resolve()), "--work", job]
    lines = []
    if processes == 1:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        lines, status = (done.stdout + done.stderr).splitlines(), done.returncode
    else:
        with private_network() as network:
            launcher = Launcher(
                command,
                processes,
                max_restarts=0,
                on_line=lambda name, line, error: lines.append(line),
                network=network,
            )
            status = launcher.run().status
    found = [line[len(MARK) :] for line in lines if line.startswith(MARK)]
    if status or not found:
        sys.exit("\n".join(lines))
    return json.loads(found[0])


def private_network():
    """The processes' own network, or else the machine's, with a line that says so."""
    try:
        return PrivateNetwork()
    except NoPrivateNetwork as error:
        print(f"The processes' ports are open to the network ({error}).", file=sys.stderr)
        return contextlib.nullcontext()


def on_cpus(names, steps, n):
    """Prints a table of one core, n replicas in one process, and n processes."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < n:
        sys.exit(f"--replicas={n} needs {n} cores to pin to, and there are {len(cores)}")
    several = {"strategy": "mirrored", "logical_cpus": n}
    layouts = {
        "1 replica, 1 process": (1, [cores[:1]], 1, {"strategy": "one_device"}),
        f"{n} replicas, 1 process": (n, [cores[:n]], 1, several),
        f"{n} processes": (n, [[c] for c in cores[:n]], n, {"strategy": "multi_worker"}),
    }
    print("| model | layout | step | all-reduce | bytes | tokens/s | efficiency |")
    print("|---|---|---|---|---|---|---|")
    for name in names:
        alone = None
        for layout, (count, pinned, processes, runtime) in layouts.items():
            found = run(
                pinned, processes, name=name, runtime=runtime, steps=steps, size=MODELS[name]
            )
            alone = alone or found["step"]
            print(
                f"| {name} | {layout} | {1e3 * found['step']:.1f} ms | "
                f"{1e3 * found['reduce']:.1f} ms | {found['bytes']:,} | "
                f"{found['tokens'] / found['step']:,.0f} | "
                f"{alone / count / found['step']:.0%} |",
                flush=True,
            )


def on_gpu(names, steps, peaks):
    """Prints a table of one GPU; `peaks` is its FLOP/s by precision."""
    print("| model | precision | step | tokens/s | FLOP/s | of the peak |")
    print("|---|---|---|---|---|---|")
    for name in names:
        for precision, peak in peaks.items():
            found = run(
                [],
                name=name,
                runtime={"strategy": "one_device", "devices": ["GPU:0"]},
                steps=steps,
                size=GPU_MODELS[name],
                precision=precision,
            )
            rate = found["flops"] / found["step"]
            share = f"{rate / peak:.1%}" if peak else "-"
            print(
                f"| {name} | {precision} | {1e3 * found['step']:.1f} ms | "
                f"{found['tokens'] / found['step']:,.0f} | {rate:.3g} | {share} |",
                flush=True,
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", metavar="MODEL", help=", ".join(MODELS))
    parser.add_argument("--steps", type=int, default=20, help="timed steps; medians are printed")
    parser.add_argument("--replicas", type=int, default=2)
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("--peak_tflops", type=float, default=0.0, help="in float32 (TF32)")
    parser.add_argument("--peak_tflops_bfloat16", type=float, default=0.0)
    parser.add_argument("--work", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        return work(arguments.work)
    names = arguments.models or list(MODELS)
    for name in names:
        if name not in MODELS:
            parser.error(f"no model {name!r}; there are {', '.join(MODELS)}")
    if arguments.gpu:
        peaks = {
            "float32": 1e12 * arguments.peak_tflops,
            "bfloat16": 1e12 * arguments.peak_tflops_bfloat16,
        }
        on_gpu(names, arguments.steps, peaks)
    else:
        on_cpus(names, arguments.steps, arguments.replicas)


if __name__ == "__main__":
    main()
