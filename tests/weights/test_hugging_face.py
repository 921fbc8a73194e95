"""transformers' folders become runs that compute the same, and runs become such folders."""

import io
import json
import re
import shutil

import ml_dtypes
import numpy as np
import pytest
import sentencepiece
import tensorflow as tf
from safetensors.numpy import load_file, save_file

import lm_zoo
from lm_zoo.cli import main as cli
from lm_zoo.export.in_graph.exported_model import ExportedModel
from lm_zoo.export.stored_weights import StoredWeights
from lm_zoo.text.tokenizers import SentencePieceBPETokenizer
from lm_zoo.weights.importing import import_run
from lm_zoo.weights.transformers import hugging_face
from lm_zoo.weights.transformers.hugging_face_card import model_card
from tests.conformance.models import VARIANTS
from tests.weights.material import (
    GPT2,
    LLAMA,
    byte_pairs,
    characters,
    largest_difference,
    new_run,
    reference,
    token_ids,
    write_folder,
)

MODERN = VARIANTS["transformer_decoder_modern"][1]


def imported(folder, workdir, **options):
    options = {"tokenizer": characters(61), **options}
    return import_run(folder, workdir, **options)


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory):
    """A folder of GPT-2 in transformers' form, in float16 as the fixture has it."""
    tensors, *_ = reference("gpt2")
    return write_folder(tmp_path_factory.mktemp("gpt2") / "tiny_gpt2", GPT2, tensors)


@pytest.fixture(scope="module")
def run_of_gpt2(gpt2, tmp_path_factory):
    return imported(gpt2, tmp_path_factory.mktemp("runs") / "gpt2")


@pytest.mark.parametrize("name, config", [("gpt2", GPT2), ("llama", LLAMA)])
def test_an_imported_model_gives_the_logits_of_transformers(name, config, tmp_path):
    tensors, ids, logits = reference(name)
    if name == "llama":
        tensors = {key: value.astype(np.float32) for key, value in tensors.items()}
    run = imported(write_folder(tmp_path / "from", config, tensors), tmp_path / "run")
    assert run.step == 0
    assert largest_difference(run, ids, logits) < 1e-5


@pytest.mark.parametrize("name, config", [("gpt2", GPT2), ("llama", LLAMA)])
def test_what_is_written_are_the_tensors_that_were_read(name, config, tmp_path):
    tensors, *_ = reference(name)
    run = imported(write_folder(tmp_path / "from", config, tensors), tmp_path / "run")
    hugging_face.write(run, tmp_path / "back")
    back = load_file(tmp_path / "back" / "model.safetensors")
    assert back.keys() == tensors.keys()
    for key, value in tensors.items():
        np.testing.assert_array_equal(back[key], value.astype(np.float32), strict=True)
    written = json.loads((tmp_path / "back" / "config.json").read_text())
    for key, value in config.items():
        assert written[key] == value


def test_several_files_are_read_and_written_as_one(run_of_gpt2, tmp_path):
    hugging_face.write(run_of_gpt2, tmp_path / "several", shard_bytes=4000)
    index = json.loads((tmp_path / "several" / "model.safetensors.index.json").read_text())
    files = sorted((tmp_path / "several").glob("*.safetensors"))
    assert sorted(set(index["weight_map"].values())) == [file.name for file in files]
    assert files[0].name == f"model-00001-of-{len(files):05d}.safetensors"
    sizes = [sum(array.nbytes for array in load_file(file).values()) for file in files]
    assert len(files) > 3 and sum(sizes) == index["metadata"]["total_size"]
    again = imported(tmp_path / "several", tmp_path / "run", tokenizer=None)
    for mine, theirs in zip(again.model.variables, run_of_gpt2.model.variables, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_old_files_have_no_prefix_and_hold_masks_and_the_tied_table_twice(run_of_gpt2, tmp_path):
    tensors, ids, logits = reference("gpt2")
    tensors = {name.removeprefix("transformer."): value for name, value in tensors.items()}
    tensors["lm_head.weight"] = tensors["wte.weight"]
    for layer in range(2):
        tensors[f"h.{layer}.attn.bias"] = np.tril(np.ones((1, 1, 16, 16), np.uint8))
        tensors[f"h.{layer}.attn.masked_bias"] = np.array(-1e4, np.float16)
    run = imported(write_folder(tmp_path / "from", GPT2, tensors), tmp_path / "run")
    assert largest_difference(run, ids, logits) < 1e-5


def test_bfloat16_is_widened(tmp_path):
    tensors, ids, _ = reference("gpt2")
    rounded = {name: value.astype(ml_dtypes.bfloat16) for name, value in tensors.items()}
    widened = {name: value.astype(np.float32) for name, value in rounded.items()}
    narrow = imported(write_folder(tmp_path / "bf16", GPT2, rounded), tmp_path / "a")
    wide = imported(write_folder(tmp_path / "f32", GPT2, widened), tmp_path / "b")
    np.testing.assert_array_equal(narrow.model(ids), wide.model(ids))


@pytest.mark.parametrize("rope", [{"rope_theta": 500.0}, {"rope_parameters": {"rope_theta": 500}}])
def test_both_generations_of_transformers_say_the_base_of_the_wavelengths(rope, tmp_path):
    tensors, *_ = reference("llama")
    run = imported(write_folder(tmp_path / "from", LLAMA | rope, tensors), tmp_path / "run")
    assert run.model.rope_theta == 500.0
    hugging_face.write(run, tmp_path / "back")
    written = json.loads((tmp_path / "back" / "config.json").read_text())
    assert written["rope_theta"] == written["rope_parameters"]["rope_theta"] == 500.0


def test_the_published_tiny_gpt2_gives_the_logits_of_onnxruntime(shared_data, tmp_path):
    source = shared_data("tiny_random_gpt2")
    expected = np.load(source / "tiny_random_gpt2_expected_logits.npz")
    config = json.loads((source / "expected_ids.json").read_text())["config"]
    tensors = dict(np.load(source / "tiny_random_gpt2_weights.npz"))
    folder = write_folder(tmp_path / "from", {"model_type": "gpt2", **config}, tensors)
    run = imported(folder, tmp_path / "run", tokenizer=byte_pairs_of(1000))
    assert run.model.num_parameters == 111_968
    assert largest_difference(run, expected["input_ids"], expected["logits"]) < 1e-5


def byte_pairs_of(vocab_size):
    """Returns a tokenizer of exactly so many tokens, most of them for nothing."""
    tokenizer = byte_pairs(260)
    vocabulary = dict(tokenizer.vocabulary)
    for index in range(vocab_size - len(vocabulary)):
        vocabulary["q" * (index + 2)] = len(vocabulary)
    return type(tokenizer)(vocabulary, tokenizer.merges)


@pytest.mark.parametrize(
    "changes, kind",
    [
        ({}, "gpt2"),
        ({"use_bias": False}, "gpt2"),  # its biases are zeros there
        ({"feed_forward": "relu", "tie_embeddings": False, "intermediate_dim": 48}, "gpt2"),
        (MODERN, "llama"),
        (MODERN | {"use_bias": True}, "llama"),
    ],
    ids=["gpt2", "no_bias", "relu", "llama", "llama_with_biases"],
)
def test_a_run_that_was_written_and_read_computes_the_same(changes, kind, tmp_path):
    arguments = VARIANTS["transformer_decoder"][1] | changes
    run = new_run(byte_pairs(), "transformer_decoder", **arguments)
    hugging_face.write(run, tmp_path / "to")
    assert json.loads((tmp_path / "to" / "config.json").read_text())["model_type"] == kind
    back = imported(tmp_path / "to", tmp_path / "run", tokenizer=None)
    ids = token_ids(run)
    assert largest_difference(back, ids, run.model(ids).numpy()) < 1e-6
    assert back.tokenizer.fingerprint == run.tokenizer.fingerprint
    assert list(back.tokenizer.start_ids) == list(run.tokenizer.start_ids)


@pytest.mark.parametrize(
    "name, changes, message",
    [
        ("lstm_lm", {}, "--format=pytorch"),
        ("transformer_decoder", {"position": "rope"}, "gpt2 has position='learned', not 'rope'"),
        ("transformer_decoder", {"num_kv_heads": 2}, "gpt2 has num_kv_heads=0 or 4, not 2"),
    ],
)
def test_what_transformers_has_no_form_for_is_refused(name, changes, message, tmp_path):
    run = new_run(characters(61), name, **VARIANTS[name][1] | changes)
    with pytest.raises(lm_zoo.UserError, match=message):
        hugging_face.write(run, tmp_path / "to")
    assert not (tmp_path / "to").exists()


def test_an_imported_run_is_a_run_as_any_other(gpt2, tmp_path, capsys):
    characters(61).save(tmp_path / "tokenizer")
    workdir = tmp_path / "runs" / "gpt2"
    flags = [f"--from={gpt2}", f"--tokenizer={tmp_path / 'tokenizer'}", f"--workdir={workdir}"]
    assert cli.main(["import", *flags]) == 0
    assert "as a transformer_decoder" in capsys.readouterr().out
    record = json.loads((workdir / "data.json").read_text())
    assert record["imported"]["format"] == "hugging_face"
    assert record["imported"]["files"].keys() == {"config.json", "model.safetensors"}
    assert cli.main(["generate", f"--workdir={workdir}", "--prompt=a", "--max_new_tokens=3"]) == 0
    assert len(capsys.readouterr().out) == len("aXYZ\n")
    run = lm_zoo.load(workdir)
    assert run.score("abc")[0].num_tokens == 3
    assert cli.main(["evaluate", f"--workdir={workdir}"]) == 2
    error = capsys.readouterr().err
    assert "imported without a test text" in error and error.count("\n") == 1


def test_the_export_command_writes_what_the_import_command_reads(run_of_gpt2, tmp_path, capsys):
    flags = [f"--workdir={run_of_gpt2.folder.path}", f"--output={tmp_path}"]
    assert cli.main(["export", *flags, "--format=pytorch"]) == 2
    assert cli.main(["export", *flags, "--format=keras_hub", "--shard_bytes=9"]) == 2
    assert capsys.readouterr().err.count("\n") == 2 and not list(tmp_path.iterdir())
    assert (
        cli.main(["export", *flags, "--format=hugging_face", "--shard_bytes=9000", "--name=to"])
        == 0
    )
    assert "every tensor, read back, equals the run's" in capsys.readouterr().out
    card = (tmp_path / "to" / "1" / "README.md").read_text(encoding="utf-8")
    front, text = card.removeprefix("---\n").split("\n---\n")
    front = {key: json.loads(value) for key, value in (f.split(": ", 1) for f in front.split("\n"))}
    assert front["library_name"] == "transformers" and "gpt2" in front["tags"]
    assert f"{run_of_gpt2.model.num_parameters:,} parameters after 0 steps" in text
    assert "from_pretrained" in text and "None: the run has" in text
    assert cli.main(["import", f"--from={tmp_path / 'to'}", f"--workdir={tmp_path / 'run'}"]) == 0
    tensors, ids, logits = reference("gpt2")
    assert largest_difference(lm_zoo.load(tmp_path / "run"), ids, logits) < 1e-5


def test_the_card_names_the_texts_of_each_split(run_of_gpt2, monkeypatch):
    folder = run_of_gpt2.folder
    record = folder.data_record()
    record["fields"]["text"]["sha256"] = {"train": "ab" * 32}
    monkeypatch.setattr(type(folder), "data_record", lambda self: record)
    card = model_card(run_of_gpt2, "gpt2", "GPT2LMHeadModel")
    assert f"- train: sha256 {'ab' * 32}\n" in card


def test_gpt2_begins_texts_with_its_end_token(tmp_path):
    run = new_run(byte_pairs(), "transformer_decoder", **VARIANTS["transformer_decoder"][1])
    hugging_face.write(run, tmp_path / "to")
    (tmp_path / "to" / "lm_zoo_tokenizer.json").unlink()  # as others write it
    newline_first = imported(tmp_path / "to", tmp_path / "a", tokenizer=None)
    assert newline_first.tokenizer.decode(newline_first.tokenizer.start_ids) == "\n"
    path = tmp_path / "to" / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"bos_token_id": run.tokenizer.eos_id}))
    end_first = imported(tmp_path / "to", tmp_path / "b", tokenizer=None)
    assert list(end_first.tokenizer.start_ids) == [run.tokenizer.eos_id]
    assert list(lm_zoo.load(tmp_path / "b").tokenizer.start_ids) == [run.tokenizer.eos_id]


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    """A folder of Llama and its tokenizer as others write it, and the run that it was made of."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["the cat sat on the mat and ate the dinner of the cat"] * 20),
        model_writer=model,
        model_type="bpe",
        vocab_size=40,
        minloglevel=2,
    )
    tokenizer = SentencePieceBPETokenizer(model.getvalue())
    assert tokenizer.token_text(1) == "<s>" and list(tokenizer.start_ids) != [1]
    run = new_run(tokenizer, "transformer_decoder", **MODERN)
    folder = tmp_path_factory.mktemp("llama") / "tiny_llama"
    hugging_face.write(run, folder)
    (folder / "lm_zoo_tokenizer.json").unlink()
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"bos_token_id": 1}))
    (folder / "tokenizer_config.json").write_text('{"add_bos_token": true}')
    return folder, run


def test_llama_begins_texts_and_prompts_with_its_start_token(llama, tmp_path):
    folder, run = llama
    back = imported(folder, tmp_path / "run", tokenizer=None)
    assert list(back.tokenizer.start_ids) == [1] and back.tokenizer.start_text == ""
    ids = [1, *run.tokenizer.encode("the cat")]
    log_probs = tf.nn.log_softmax(back.model(np.array([ids]))[0]).numpy()
    expected = sum(log_probs[place, token] for place, token in enumerate(ids[1:]))
    assert back.score("the cat")[0].log_prob == pytest.approx(expected, abs=1e-4)
    exported = ExportedModel(back.task, back.model, StoredWeights(back.model))
    assert exported.encode_prompts(["the cat", ""])[0].numpy().tolist() == [ids, [1, 0, 0]]
    generated = back.generate("the cat", max_new_tokens=8, temperature=0.0, ignore_eos=True)[0]
    for token in generated.token_ids:
        assert run.model(np.array([ids]))[0, -1].numpy().argmax() == token
        ids.append(token)


def test_the_start_token_is_where_transformers_has_it(llama, tmp_path):
    transformers = pytest.importorskip("transformers")
    folder, _ = llama
    back = imported(folder, tmp_path / "run", tokenizer=None)
    hugging_face.write(back, tmp_path / "to")
    for place in (folder, tmp_path / "to"):
        theirs = transformers.AutoTokenizer.from_pretrained(place)
        for text in ("the cat sat", "", "cats"):
            assert theirs(text)["input_ids"] == back.tokenizer.encode_prompt(text).tolist()
    without = shutil.copytree(folder, tmp_path / "without")
    (without / "tokenizer_config.json").write_text('{"add_bos_token": false}')
    theirs = transformers.AutoTokenizer.from_pretrained(without)
    tokenizer = hugging_face.read(without).tokenizer
    assert theirs("the cat")["input_ids"] == tokenizer.encode_prompt("the cat").tolist()


def test_other_names_of_the_one_file_will_do(gpt2, tmp_path):
    tensors, ids, logits = reference("gpt2")
    folder = write_folder(tmp_path / "from", GPT2, tensors)
    (folder / "model.safetensors").rename(folder / "weights.safetensors")
    assert largest_difference(imported(folder, tmp_path / "run"), ids, logits) < 1e-5
    save_file({"other": np.zeros(1)}, folder / "more.safetensors")
    with pytest.raises(lm_zoo.UserError, match="found 2 other .safetensors files"):
        imported(folder, tmp_path / "other")


def test_the_run_that_an_import_gives_is_the_one_that_is_loaded(gpt2, tmp_path):
    run = imported(gpt2, tmp_path / "run")
    again = lm_zoo.load(tmp_path / "run")
    assert (type(run), run.step, run.config) == (type(again), 0, again.config)
    ids = token_ids(run)
    np.testing.assert_array_equal(run.model(ids), again.model(ids))
    parameters = f"{run.model.num_parameters:,}"
    assert repr(run) == repr(again)
    assert re.search(
        f"<LanguageModelRun .*run: transformer_decoder, {parameters} .*step 0>", repr(run)
    )
