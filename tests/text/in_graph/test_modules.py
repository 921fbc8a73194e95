"""What the module of every tokenizer promises."""

import json
import subprocess
import sys

import numpy as np
import pytest

from lm_zoo.errors import UserError
from lm_zoo.text.in_graph import IN_GRAPH, module_of
from lm_zoo.text.tokenizers import TOKENIZERS, ByteTokenizer
from tests.text.strings import STRINGS
from tests.text.test_special_tokens import TEXTS


@pytest.fixture(scope="module")
def in_graph(trained):
    return {name: module_of(tokenizer) for name, tokenizer in trained.items()}


def test_in_graph_and_offline_give_the_same_ids(tokenizer, in_graph):
    import tensorflow as tf

    ids = in_graph[tokenizer.name].tokenize(tf.constant(STRINGS)).to_list()
    for text, row in zip(STRINGS, ids, strict=True):
        assert row == tokenizer.encode(text).tolist(), repr(text[:80])


def test_in_graph_and_offline_write_the_same_text(tokenizer, in_graph):
    import tensorflow as tf

    rows = [tokenizer.encode(text) for text in STRINGS]
    rows.append(np.arange(tokenizer.vocab_size))  # every token, in an order that is no text
    rows.append(np.arange(tokenizer.vocab_size)[::-1])
    ids = tf.RaggedTensor.from_row_lengths(np.concatenate(rows), [len(row) for row in rows])
    written = in_graph[tokenizer.name].detokenize(tf.cast(ids, tf.int32)).numpy()
    for row, data in zip(rows, written, strict=True):
        assert data == tokenizer.decode_bytes(row)
        assert data.decode("utf-8", errors="replace") == tokenizer.decode(row)


def test_in_graph_takes_an_empty_batch_and_a_batch_of_empty_strings(tokenizer, in_graph):
    import tensorflow as tf

    module = in_graph[tokenizer.name]
    for strings in ([], [""], ["", "", ""]):
        ids = module.tokenize(tf.constant(strings, tf.string))
        assert ids.dtype == tf.int32 and ids.to_list() == [[] for _ in strings]
        assert module.detokenize(ids).numpy().tolist() == [b"" for _ in strings]


def test_in_graph_refuses_ids_outside_the_vocabulary(tokenizer, in_graph):
    import tensorflow as tf

    for wrong in (-1, tokenizer.vocab_size):
        with pytest.raises(tf.errors.InvalidArgumentError):
            in_graph[tokenizer.name].detokenize(tf.ragged.constant([[wrong]], dtype=tf.int32))


RELOAD = """
import importlib, json, sys
import tensorflow as tf
for name, (path, needs) in json.loads(sys.argv[1]).items():
    if needs:
        importlib.import_module(needs)
    module = tf.saved_model.load(path)
    strings = json.load(open(sys.argv[2]))
    ids = module.tokenize(tf.constant(strings))
    written = [data.hex() for data in module.detokenize(ids).numpy()]
    json.dump([ids.to_list(), written], open(path + "/result.json", "w"))
    allowed = {"tensorflow_text", "keras", needs} if needs else {"keras"}
    others = {"tensorflow_text", "keras_hub", "tokenizers", "sentencepiece", "rjieba", "lm_zoo"}
    assert not (others - allowed) & set(sys.modules)
"""


def test_a_saved_model_needs_tensorflow_and_what_the_tokenizer_says(trained, in_graph, tmp_path):
    import tensorflow as tf

    paths = {name: str(tmp_path / name) for name in trained}
    for name, path in paths.items():
        tf.saved_model.save(in_graph[name], path)
    (tmp_path / "strings.json").write_text(json.dumps(STRINGS))
    needs = {name: (path, trained[name].saved_model_needs) for name, path in paths.items()}
    needs = dict(sorted(needs.items(), key=lambda item: item[1][1]))  # those without come first
    command = [sys.executable, "-I", "-c", RELOAD, json.dumps(needs), tmp_path / "strings.json"]
    finished = subprocess.run(command, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    for name, path in paths.items():
        ids, written = json.load(open(path + "/result.json"))
        rows = [trained[name].encode(text) for text in STRINGS]
        assert ids == [row.tolist() for row in rows]
        assert written == [trained[name].decode_bytes(row).hex() for row in rows]


def test_every_tokenizer_has_one():
    assert set(IN_GRAPH) == set(TOKENIZERS)


def test_special_tokens_written_out_are_tokens_or_text_as_asked(tokenizer):
    import tensorflow as tf

    for mode in ("text", "control"):
        module = module_of(tokenizer, mode)
        rows = module.tokenize(tf.constant(TEXTS)).to_list()
        assert rows == [tokenizer.encode(text, mode).tolist() for text in TEXTS]


class Reversed(ByteTokenizer):
    """A tokenizer of a user's own."""

    name = "reversed"


def test_a_tokenizer_without_one_is_told_in_one_line():
    with pytest.raises(
        UserError, match="^tokenizer: .*'reversed' has no module .*IN_GRAPH"
    ) as told:
        module_of(Reversed())
    assert "\n" not in str(told.value)


def test_a_class_of_a_users_own_is_one(monkeypatch):
    import tensorflow as tf

    from lm_zoo.text.in_graph.byte import ByteModule

    monkeypatch.setitem(IN_GRAPH, "reversed", ByteModule)
    assert module_of(Reversed()).tokenize(tf.constant(["ab"])).to_list() == [[97, 98]]


def test_importing_them_by_name_does_not_import_tensorflow():
    code = "import sys, lm_zoo.text.in_graph; assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
