"""Every part of a `tokenizer.json` that changes ids is done as transformers does, or refused."""

import json

import numpy as np
import pytest
import tokenizers
from tokenizers import Regex, decoders, models, pre_tokenizers, processors, trainers

from lm_zoo.errors import UserError
from lm_zoo.text.in_graph import module_of
from lm_zoo.text.tokenizers.bpe_splits import SPLITS
from lm_zoo.weights.importing import import_run
from lm_zoo.weights.transformers import hugging_face
from lm_zoo.weights.transformers.hugging_face_tokenizer import (
    read_tokenizer,
    write_tokenizer,
)
from tests.conformance.models import VARIANTS
from tests.text.strings import STRINGS
from tests.weights.material import byte_pairs, characters, new_run
from tests.weights.test_tokenizers import write

transformers = pytest.importorskip("transformers")

MODERN = VARIANTS["transformer_decoder_modern"][1]
TEXTS = STRINGS + [
    "The cat's mat; IT'S the CAT'S, 12345 cats!\n\n\nAnd 'ſ 'LL: yes!!\r\n \r\n  x\t\ty",
    "a<|begin_of_text|>b<|eot_id|><|eot_id|> [PAD]<|end_of_text|>",
    "dinner dinner<|endoftext|>",
]
LLAMA3_SPECIALS = ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", "<|eot_id|>>"]


def template(token, number, **single):
    single = {"single": [token, "$A"], "pair": [token, "$A", f"{token}:1", "$B:1"], **single}
    return processors.TemplateProcessing(**single, special_tokens=[(token, number)])


def llama3_library(split="llama3"):
    """Returns what Llama 3's `tokenizer.json` is: a split of its own, whole pieces, a template."""
    library = tokenizers.Tokenizer(models.BPE(ignore_merges=True))
    library.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLITS[split].pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    library.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False)
    library.train_from_iterator(["the cat sat; on the mat!\n\n12 345 and ate\n" * 9], trainer)
    values = json.loads(library.to_str())
    vocabulary = values["model"]["vocab"]
    for token in ("Ġdinner", "dinner", "ĊĊĊ"):  # no merge makes these
        vocabulary[token] = len(vocabulary)
    library = tokenizers.Tokenizer.from_str(json.dumps(values))
    start = len(vocabulary)
    library.add_special_tokens(LLAMA3_SPECIALS)
    library.post_processor = processors.Sequence(
        [processors.ByteLevel(trim_offsets=False), template(LLAMA3_SPECIALS[0], start)]
    )
    return library


def byte_pair_library(post_processor=None):
    library = byte_pairs().library()
    library.decoder = decoders.ByteLevel()
    library.post_processor = post_processor or processors.ByteLevel(trim_offsets=False)
    return library


def with_padding():
    library = byte_pair_library()
    library.add_special_tokens(["[PAD]"])
    return library


END = byte_pairs().eos_id
LIBRARIES = {
    "start_token": lambda: byte_pair_library(template("<|endoftext|>", END)),
    "padding": with_padding,
    "llama3": llama3_library,
    "qwen2": lambda: llama3_library("qwen2"),
    "plain": byte_pair_library,
}


def folder_of(library, folder, **settings):
    folder.mkdir()
    library.save(str(folder / "tokenizer.json"))
    if settings:
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


def same_ids(tokenizer, folder):
    """Sees that a tokenizer gives transformers' ids of every text, in the graph too."""
    import tensorflow as tf

    for mode in ("control", "text"):
        theirs = transformers.PreTrainedTokenizerFast.from_pretrained(
            folder, split_special_tokens=mode == "text"
        )
        expected = [theirs(text, add_special_tokens=False)["input_ids"] for text in TEXTS]
        assert [tokenizer.encode(text, mode).tolist() for text in TEXTS] == expected
        module = module_of(tokenizer, mode)
        assert module.tokenize(tf.constant(TEXTS)).to_list() == expected
        for text, ids in zip(TEXTS, expected):
            if text:
                assert tokenizer.encode_prompt(text, mode).tolist() == theirs(text)["input_ids"]
            assert tokenizer.decode(ids) == text == theirs.decode(ids)


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_tokenizer_gives_the_ids_of_transformers_there_and_back(name, tmp_path):
    folder = folder_of(LIBRARIES[name](), tmp_path / "from")
    tokenizer = read_tokenizer(folder)
    same_ids(tokenizer, folder)
    assert (tokenizer.bos_id is not None) == (name in ("start_token", "llama3", "qwen2"))
    write_tokenizer(tokenizer, tmp_path / "to", 64)
    same_ids(tokenizer, tmp_path / "to")
    for path in (tmp_path / "to").iterdir():
        if path.name not in ("tokenizer.json", "tokenizer_config.json"):
            path.unlink()
    back = read_tokenizer(tmp_path / "to", eos_ids=[tokenizer.eos_id])
    assert back.fingerprint == tokenizer.fingerprint and back.bos_id == tokenizer.bos_id


def test_the_case_that_was_read_without_its_start_token():
    tokenizer = byte_pairs()
    ids = [tokenizer.eos_id, *tokenizer.encode("the cat")]
    library = byte_pair_library(template("<|endoftext|>", END))
    assert library.encode("the cat").ids == ids


TOKEN_OF_SETTINGS = {"__type": "AddedToken", "content": "<|endoftext|>", "special": True}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"add_bos_token": False, "bos_token": "<|endoftext|>"},
        {"add_bos_token": True, "add_eos_token": True, "bos_token": "<|endoftext|>"},
        {"add_bos_token": True, "bos_token": TOKEN_OF_SETTINGS},
    ],
)
@pytest.mark.parametrize("with_template", [True, False])
def test_the_template_goes_before_the_settings(settings, with_template, tmp_path):
    post_processor = template("<|endoftext|>", END) if with_template else None
    folder = folder_of(byte_pair_library(post_processor), tmp_path / "from", **settings)
    theirs = transformers.PreTrainedTokenizerFast.from_pretrained(folder)
    tokenizer = read_tokenizer(folder, bos_id=END)
    for text in ("the cat", "<|endoftext|>cat"):
        assert tokenizer.encode_prompt(text, "control").tolist() == theirs(text)["input_ids"]
    assert tokenizer.starts_prompts == with_template


@pytest.mark.parametrize("starts", [True, False, None])
def test_without_a_template_the_settings_say_how_texts_begin(starts, tmp_path):
    tokenizer = byte_pairs()
    folder = write(tokenizer, tmp_path / "from")
    (folder / "config.json").write_text('{"model_type": "gpt2"}')
    for name in ("lm_zoo_tokenizer.json", "tokenizer.json"):
        (folder / name).unlink()
    settings = {"tokenizer_class": "GPT2Tokenizer", "add_bos_token": starts}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    read = read_tokenizer(folder, bos_id=tokenizer.eos_id)
    assert read.encode_prompt("the cat").tolist() == theirs("the cat")["input_ids"]
    assert read.starts_prompts == bool(starts)


def test_special_tokens_beside_the_two_old_files_are_read(tmp_path):
    tokenizer = byte_pairs()
    folder = write(tokenizer, tmp_path / "from")
    for name in ("lm_zoo_tokenizer.json", "tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    (folder / "added_tokens.json").write_text(json.dumps({"[PAD]": tokenizer.vocab_size}))
    read = read_tokenizer(folder)
    assert read.encode("a[PAD]").tolist() == [*tokenizer.encode("a"), tokenizer.vocab_size]
    assert read.encode("a[PAD]", "text").tolist() == tokenizer.encode("a[PAD]").tolist()
    assert read.eos_id == tokenizer.eos_id


def added(content, number, **flags):
    return {"content": content, "id": number, "special": True, **flags}


SIZE = byte_pairs().vocab_size
SPLIT = {"type": "Split", "pattern": {"Regex": r"\d"}, "behavior": "Isolated", "invert": False}
ROBERTA = {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0]}
TEMPLATE = json.loads(byte_pair_library(template("<|endoftext|>", END)).to_str())["post_processor"]
OWN, TOKEN = {"Sequence": {"id": "A", "type_id": 0}}, TEMPLATE["single"][0]


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda v: v.update(normalizer={"type": "NFC"}), "normalizer changes text: NFC"),
        (
            lambda v: v.update(
                normalizer={
                    "type": "Sequence",
                    "normalizers": [{"type": "Prepend"}, {"type": "Replace"}],
                }
            ),
            "Prepend, Replace",
        ),
        (lambda v: v.update(pre_tokenizer={"type": "Metaspace"}), "end in ByteLevel: Metaspace"),
        (
            lambda v: v.update(
                pre_tokenizer={"type": "Sequence", "pretokenizers": [SPLIT, v["pre_tokenizer"]]}
            ),
            "its pre_tokenizer is Split, ByteLevel",
        ),
        (
            lambda v: v.update(
                pre_tokenizer={
                    "type": "Sequence",
                    "pretokenizers": [SPLIT, v["pre_tokenizer"] | {"use_regex": False}],
                }
            ),
            "splits with another pattern",
        ),
        (
            lambda v: v.update(
                pre_tokenizer={
                    "type": "Sequence",
                    "pretokenizers": [{"type": "Digits"}, v["pre_tokenizer"]],
                }
            ),
            "Digits, ByteLevel",
        ),
        (lambda v: v["model"].update(dropout=0.1), "its model has dropout = 0.1"),
        (lambda v: v["model"].update(end_of_word_suffix="</w>"), "end_of_word_suffix"),
        (lambda v: v["model"].update(continuing_subword_prefix="##"), "continuing_subword_prefix"),
        (lambda v: v["model"].update(byte_fallback=True), "byte_fallback"),
        (lambda v: v["model"].update(news=1), "its model has news"),
        (lambda v: v.update(news=1), "it has 'news'"),
        (lambda v: v.update(decoder={"type": "WordPiece"}), "decoder is not just ByteLevel"),
        (lambda v: v.update(post_processor=ROBERTA), "post_processor is 'RobertaProcessing'"),
        (
            lambda v: v.update(post_processor=TEMPLATE | {"single": [OWN, TOKEN]}),
            "puts '<|endoftext|>' after each text",
        ),
        (
            lambda v: v.update(post_processor=TEMPLATE | {"single": [TOKEN, TOKEN, OWN]}),
            "before each text",
        ),
        (lambda v: v.update(post_processor=TEMPLATE | {"single": [TOKEN]}), "or not at all"),
        (lambda v: v.update(post_processor=TEMPLATE | {"single": 3}), "expected a template"),
        (
            lambda v: v.update(
                post_processor={"type": "Sequence", "processors": [TEMPLATE, TEMPLATE]}
            ),
            "two templates",
        ),
        (lambda v: v["added_tokens"].append(added("<a>", SIZE, lstrip=True)), "'<a>' has lstrip"),
        (lambda v: v["added_tokens"].append(added("<a>", SIZE, rstrip=True)), "'<a>' has rstrip"),
        (
            lambda v: v["added_tokens"].append(added("<a>", SIZE, single_word=True)),
            "'<a>' has single_word",
        ),
        (
            lambda v: v["added_tokens"].append(added("<a>", SIZE, special=False)),
            "'<a>' is text, not a special token",
        ),
        (
            lambda v: v["added_tokens"].append(added(">|", SIZE, normalized=True)),
            "'>|' overlap",
        ),
        (lambda v: v["added_tokens"].append(added("<a>", SIZE + 1)), "run from 0 without gaps"),
        (lambda v: v["added_tokens"].append(added("a", SIZE)), "'a' has another id in vocab"),
        (lambda v: v["added_tokens"].append({"id": 3}), "expected content and id"),
        (
            lambda v: v["added_tokens"].append(added("a\nb", SIZE)),
            "special tokens without line breaks",
        ),
    ],
)
def test_what_ours_does_not_do_is_refused_by_name(change, message, tmp_path):
    folder = folder_of(byte_pair_library(), tmp_path / "from")
    values = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    change(values)
    (folder / "tokenizer.json").write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read_tokenizer(folder)
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"add_prefix_space": True}, "add_prefix_space"),
        ({"add_bos_token": "yes"}, "add_bos_token: expected true or false"),
        ({"additional_special_tokens": ["<s>"]}, "special token '<s>' is in no vocabulary"),
        ({"added_tokens_decoder": {"280": added("<s>", 0)}}, "added token '<s>'"),
        ({"added_tokens_decoder": {"0": {"content": "<|endoftext|>", "lstrip": True}}}, "lstrip"),
        ({"added_tokens_decoder": {"x": {}}}, "expected id to token"),
    ],
)
def test_settings_that_change_ids_are_refused_by_name(settings, message, tmp_path):
    folder = folder_of(byte_pair_library(), tmp_path / "from", **settings)
    with pytest.raises(UserError) as caught:
        read_tokenizer(folder)
    assert message in str(caught.value)
    assert str(folder / "tokenizer_config.json") in str(caught.value)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"add_eos_token": True}, "add_eos_token"),
        ({"add_bos_token": True, "bos_token": "<s>"}, "expected a bos_token of the vocabulary"),
        ({"add_prefix_space": True}, "add_prefix_space"),
    ],
)
def test_without_a_template_more_settings_count(settings, message, tmp_path):
    folder = write(byte_pairs(), tmp_path / "from")
    for name in ("lm_zoo_tokenizer.json", "tokenizer.json"):
        (folder / name).unlink()
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(UserError, match=message):
        read_tokenizer(folder)


def test_truncation_and_padding_in_the_file_are_transformers_own_no_more_than_ours(tmp_path):
    library = byte_pair_library()
    library.enable_truncation(max_length=3)
    library.enable_padding(length=9, pad_id=END, pad_token="<|endoftext|>")
    folder = folder_of(library, tmp_path / "from")
    same_ids(read_tokenizer(folder), folder)


def test_a_model_of_llama_3s_form_is_imported_with_its_tokens(tmp_path):
    library = llama3_library()
    folder = folder_of(library, tmp_path / "from")
    tokenizer = read_tokenizer(folder)
    run = new_run(tokenizer, "transformer_decoder", **MODERN)
    hugging_face.write(run, folder)
    (folder / "lm_zoo_tokenizer.json").unlink()
    config = json.loads((folder / "config.json").read_text())
    ends = [library.token_to_id("<|end_of_text|>"), library.token_to_id("<|eot_id|>")]
    (folder / "config.json").write_text(json.dumps(config | {"eos_token_id": ends}))
    back = import_run(folder, tmp_path / "run")
    assert back.tokenizer.eos_id == ends[0]
    assert list(back.tokenizer.start_ids) == [library.token_to_id("<|begin_of_text|>")]
    ids = np.array([back.tokenizer.encode_prompt("the CAT'S 12345!\n")])
    assert ids[0].tolist() == library.encode("the CAT'S 12345!\n").ids
    np.testing.assert_allclose(back.model(ids), run.model(ids), atol=1e-6)


def test_a_stream_of_text_is_not_cut_where_such_a_tokenizer_would_cross(tmp_path):
    tokenizer = read_tokenizer(folder_of(llama3_library(), tmp_path / "from"))
    assert not tokenizer.in_streams and characters(9).in_streams
    text = "the cat!\n\n12345 a\nb \n(c)\n" * 9000
    assert tokenizer.encode(text).tolist() == tokenizer.library().encode(text).ids
