"""Times generation: ours in Python and as a SavedModel, beside keras-hub's and transformers'.

    python tools/benchmark_generate.py [--models=nano,gpt2_small] [--transformers_python=PYTHON]

Greedy text, of `--new_tokens` tokens, for each model, batch size and prompt length. Every
contestant is a process of its own and they take turns, so that a machine whose speed drifts is fair
to all; medians of `--repeats` rounds are printed, and the ratio to the fastest of the others: above
1 we are faster. `first` is the time until the first token's text is there. Ours take strings and
give strings, the others take and give token ids.

Weights are random. transformers runs ours, keras-hub its own, which are as many. What is not
installed is left out; `--transformers_python` names the Python of another environment that has
transformers and torch.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import types

ROOT = pathlib.Path(__file__).resolve().parents[1]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

RECURRENT = dict(hidden_dim=650, num_layers=2, vocab_size=10000)
MODELS = {
    "rnn": ("rnn_lm", RECURRENT),
    "gru": ("gru_lm", RECURRENT),
    "lstm": ("lstm_lm", RECURRENT),
    "nano": (
        "transformer_decoder",
        dict(hidden_dim=384, num_layers=6, num_heads=6, context_length=1024, vocab_size=10000),
    ),
    "gpt2_small": (
        "transformer_decoder",
        dict(hidden_dim=768, num_layers=12, num_heads=12, context_length=1024, vocab_size=50257),
    ),
}
OURS = ("python", "saved_model")
CONTESTANTS = (*OURS, "keras_hub", "transformers")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--batch_sizes", default="1,32")
    parser.add_argument("--prompt_lengths", default="16,512")
    parser.add_argument("--new_tokens", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--transformers_python", default=sys.executable)
    parser.add_argument("--contestant", choices=CONTESTANTS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.contestant:
        return contend(arguments.contestant, arguments.models, pathlib.Path(arguments.folder))
    names = arguments.models.split(",")
    unknown = [name for name in names if name not in MODELS]
    if unknown:
        parser.error(f"there is no model {unknown[0]!r}; expected some of {', '.join(MODELS)}")
    header = f"{'model':<11}{'batch':>5}{'prompt':>7}  "
    print(header + "".join(f"{name:>24}" for name in CONTESTANTS) + "   ratio, first")
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            compare(name, folder, arguments)


def compare(name, folder, arguments):
    """Prints a line for each batch size and prompt length of a model."""
    processes = {}
    try:
        for contestant in CONTESTANTS:
            process = started(name, contestant, folder, arguments.transformers_python)
            if process is not None:
                processes[contestant] = process
        for batch_size in map(int, arguments.batch_sizes.split(",")):
            for length in map(int, arguments.prompt_lengths.split(",")):
                times = {contestant: [] for contestant in processes}
                for _ in range(1 + arguments.repeats):
                    for contestant, process in processes.items():
                        times[contestant].append(
                            ask(process, [batch_size, length, arguments.new_tokens])
                        )
                print_line(name, batch_size, length, arguments.new_tokens, times)
    finally:
        for process in processes.values():
            process.kill()
            process.wait()


def started(name, contestant, folder, transformers_python):
    """Returns the contestant's process, or None if it cannot take part."""
    python = transformers_python if contestant == "transformers" else sys.executable
    process = subprocess.Popen(
        [python, __file__, f"--contestant={contestant}", f"--models={name}", f"--folder={folder}"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    answer = process.stdout.readline()
    if answer == "ready\n":
        return process
    process.wait()
    if "no such model" not in answer:
        print(f"{name}: {contestant} is left out: {answer.strip() or 'it is not installed'}")
    return None


def ask(process, case):
    process.stdin.write(json.dumps(case) + "\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def print_line(name, batch_size, length, new_tokens, times):
    medians = {  # the first round compiles
        contestant: [statistics.median(column) for column in zip(*rounds[1:])]
        for contestant, rounds in times.items()
    }
    line = f"{name:<11}{batch_size:>5}{length:>7}  "
    for contestant in CONTESTANTS:
        if contestant in medians:
            first, total = medians[contestant]
            speed = f"{batch_size * new_tokens / total:,.0f} tok/s"
            line += f"{speed:>14}{1000 * first:>7,.0f} ms"
        else:
            line += f"{'-':>24}"
    others = [values for contestant, values in medians.items() if contestant not in OURS]
    if others:
        for contestant in (c for c in OURS if c in medians):
            first, total = medians[contestant]
            best_first, best_total = (min(column) for column in zip(*others))
            line += f"   {best_total / total:.2f}, {best_first / first:.2f}"
    print(line, flush=True)


def contend(contestant, name, folder):
    """Answers each `[batch size, prompt length, new tokens]` on a line with the seconds to the
    first token, and to the last."""
    answers, sys.stdout = sys.stdout, sys.stderr  # libraries may print
    try:
        generate = globals()[f"generate_{contestant}"](*MODELS[name], folder)
    except ImportError as error:
        print(f"{error.name} is not installed", file=answers, flush=True)
        return
    if generate is None:
        print("no such model", file=answers, flush=True)
        return
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        batch_size, length, new_tokens = json.loads(line)
        seconds = []
        for number in (1, new_tokens):
            begun = time.perf_counter()
            generate(batch_size, length, number)
            seconds.append(time.perf_counter() - begun)
        print(json.dumps(seconds), file=answers, flush=True)


def token_ids(batch_size, length, vocab_size):
    import numpy as np

    return np.random.default_rng(0).integers(2, vocab_size, (batch_size, length)).astype(np.int32)


def our_model(name, arguments):
    """Our model, and a tokenizer of as many words that has no end token."""
    from lm_zoo.registry import build_model
    from lm_zoo.text.tokenizers import TOKENIZERS

    words = [f"w{index}" for index in range(2, arguments["vocab_size"])]
    tokenizer = TOKENIZERS["word"](words)
    tokenizer.eos_id = None
    return build_model(name, seed=0, **arguments), tokenizer


def prompts(batch_size, length, vocab_size):
    ids = token_ids(batch_size, length, vocab_size)
    return [" ".join(f"w{token}" for token in row) for row in ids.tolist()]


def generate_python(name, arguments, folder):
    from lm_zoo.generation import GenerationOptions, generate

    model, tokenizer = our_model(name, arguments)
    if name == "transformer_decoder":
        from lm_zoo.weights.transformers import hugging_face

        config = types.SimpleNamespace(model=types.SimpleNamespace(name=name))
        run = types.SimpleNamespace(model=model, tokenizer=tokenizer, config=config)
        hugging_face.write(run, folder / "hugging_face")

    def call(batch_size, length, number):
        options = GenerationOptions(max_new_tokens=number, temperature=0)
        texts = prompts(batch_size, length, model.vocab_size)
        results = generate(model, tokenizer, texts, options, batch_size=batch_size)
        assert all(len(result.token_ids) == number for result in results)

    return call


def generate_saved_model(name, arguments, folder):
    import tensorflow as tf

    from lm_zoo.config import ExperimentConfig
    from lm_zoo.export.in_graph.exported_model import ExportedModel
    from lm_zoo.export.stored_weights import StoredWeights
    from lm_zoo.tasks import task_class

    model, tokenizer = our_model(name, arguments)
    task = task_class("language_modeling")(ExperimentConfig(), {"text": tokenizer})
    exported = ExportedModel(task, model, StoredWeights(model), ["generate"])
    exported.save(folder / "saved_model")
    del model, exported
    function = tf.saved_model.load(folder / "saved_model").signatures["generate"]

    def call(batch_size, length, number):
        out = function(
            prompt=tf.constant(prompts(batch_size, length, arguments["vocab_size"])),
            max_new_tokens=tf.constant(number),
            temperature=tf.constant(0.0),
            top_k=tf.constant(0),
            top_p=tf.constant(1.0),
            seed=tf.constant(0),
            stop=tf.constant(""),
        )
        assert (out["num_tokens"].numpy() == number).all()

    return call


def generate_keras_hub(name, arguments, folder):
    if name != "transformer_decoder":
        return None
    import keras_hub
    import numpy as np

    backbone = keras_hub.models.GPT2Backbone(
        vocabulary_size=arguments["vocab_size"],
        num_layers=arguments["num_layers"],
        num_heads=arguments["num_heads"],
        hidden_dim=arguments["hidden_dim"],
        intermediate_dim=4 * arguments["hidden_dim"],
        max_sequence_length=arguments["context_length"],
    )
    model = keras_hub.models.GPT2CausalLM(backbone=backbone, preprocessor=None)
    model.compile(sampler="greedy")

    def call(batch_size, length, number):
        ids = np.zeros((batch_size, length + number), np.int32)
        ids[:, :length] = token_ids(batch_size, length, arguments["vocab_size"])
        mask = np.zeros_like(ids)
        mask[:, :length] = 1
        model.generate({"token_ids": ids, "padding_mask": mask}, stop_token_ids=None)

    return call


def generate_transformers(name, arguments, folder):
    if name != "transformer_decoder":
        return None
    import torch
    import transformers

    model = transformers.GPT2LMHeadModel.from_pretrained(folder / "hugging_face").eval()
    model.generation_config.eos_token_id = None
    model.generation_config.pad_token_id = 0

    def call(batch_size, length, number):
        ids = torch.tensor(token_ids(batch_size, length, arguments["vocab_size"])).long()
        with torch.no_grad():
            out = model.generate(
                ids, attention_mask=torch.ones_like(ids), max_new_tokens=number, do_sample=False
            )
        assert out.shape == (batch_size, length + number)

    return call


if __name__ == "__main__":
    main()
