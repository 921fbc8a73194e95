"""A process of its own that runs SavedModels with TensorFlow alone: `python -I` and this file.

It imports nothing of lm_zoo, and cannot: what comes back is what a machine without lm_zoo gets. Its
arguments are two paths: a JSON file of what to call, and where to write the results.

Tensors are written as `{"dtype": name, "shape": [...], "values": [...]}` with the values in a flat
list; bytes as text of Latin-1, which has one character for each byte.
"""

import importlib
import json
import os
import sys

BLOCKED = ("lm_zoo", "keras_hub", "keras_nlp")


def main(request_path, answer_path):
    with open(request_path, encoding="utf-8") as file:
        request = json.load(file)
    sys.path += [path for path in request["paths"] if path not in sys.path]
    for name in BLOCKED:
        sys.modules[name] = None  # importing it is an error now
    needs = request["needs"]
    if not needs:
        sys.modules["keras"] = None  # tensorflow_text alone imports it
    for name in needs:
        importlib.import_module(name)
    import tensorflow as tf

    tf.config.set_visible_devices([], "GPU")  # whoever started this may have all of its memory
    answers = []
    for folder, calls in request["models"]:
        loaded = tf.saved_model.load(folder)
        answers.append([answer(tf, loaded, *call) for call in calls])
    with open(answer_path, "w", encoding="utf-8") as file:
        json.dump(answers, file)


def answer(tf, loaded, name, inputs):
    """Returns the outputs of one call as JSON-ready values."""
    inputs = {key: to_tensor(tf, value) for key, value in inputs.items()}
    if name == "continue_greedily":
        outputs = {"tokens": continue_greedily(tf, loaded, **inputs)}
    elif name in loaded.signatures:
        outputs = loaded.signatures[name](**inputs)
    else:
        outputs = getattr(loaded, name)(*inputs.values())
    return {key: from_tensor(value) for key, value in outputs.items()}


def continue_greedily(tf, loaded, prompts, max_new_tokens, num_slots, eos_id):
    """Returns the likeliest tokens after each prompt, a row each: what servers do, step by step."""
    token_ids, lengths = loaded.encode_prompts(prompts)
    rows = tf.shape(lengths)[0]
    state = loaded.prefill(token_ids, lengths, num_slots)
    tokens = tf.gather(token_ids, lengths - 1, batch_dims=1)
    active = tf.fill([rows], True)
    zeros, ones = tf.zeros_like(lengths), tf.ones([rows])
    greedy = (0 * ones, zeros, ones, zeros)  # temperature, top_k, top_p and keys
    made = []
    index = 0
    while index < max_new_tokens and bool(tf.reduce_any(active)):
        num_steps = tf.minimum(7, max_new_tokens - index)
        last = (*greedy, num_steps, tf.constant(0))
        result = loaded.decode(state, tokens, zeros + index, active, *last)
        state, steps = result["state"], result["tokens"]
        made.append(steps)
        active &= (steps[:, -1] >= 0) & (steps[:, -1] != eos_id)
        tokens = tf.where(active, steps[:, -1], tokens)
        index += steps.shape[1]
    return tf.concat(made, 1)


def to_tensor(tf, value):
    values = value["values"]
    if value["dtype"] == "string":
        values = [text.encode("latin-1") for text in values]
    return tf.reshape(tf.constant(values, value["dtype"]), value["shape"])


def from_tensor(tensor):
    values = tensor.numpy().reshape(-1).tolist()
    if tensor.dtype.name == "string":
        values = [data.decode("latin-1") for data in values]
    return {"dtype": tensor.dtype.name, "shape": tensor.shape.as_list(), "values": values}


os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
main(*sys.argv[1:])
