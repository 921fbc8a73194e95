"""Log-probabilities of echoed prompts: one entry for each token, where it stands in the text."""

import itertools
import json
import urllib.request

import numpy as np
import pytest

from lm_zoo.serving.token_ends import token_ends
from lm_zoo.text.tokenizers import TOKENIZERS, train_tokenizer
from tests.serving.conftest import NAME

TEXT = "the cat sat on the mat"


def log_softmax(logits):
    logits = np.asarray(logits, np.float64)
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def greedy(run, ids):
    """The next token's id, by the model itself."""
    return int(np.argmax(np.array(run.model(np.array([ids])))[0, -1]))


def test_the_arithmetic_of_lm_evaluation_harness(server, run):
    """Its `local-completions`: `sum(token_logprobs[ctxlen:-1])`, and `is_greedy` by `top_logprobs`."""
    ids = run.tokenizer.encode(TEXT).tolist()
    assert greedy(run, ids) == run.tokenizer.eos_id  # what is generated after it is an end token
    prompts = [ids, ids[:4], run.tokenizer.encode("the dog said mat").tolist()]
    answer = server.complete(
        prompt=prompts, model=NAME, max_tokens=1, logprobs=1, echo=True, temperature=0, seed=1234
    )
    for choice, prompt, context in zip(answer["choices"], prompts, (2, 1, 3), strict=True):
        found = choice["logprobs"]
        expected = log_softmax(np.array(run.model(np.array([prompt])))[0])
        rows = range(context - 1, len(prompt) - 1)
        wanted = sum(expected[row, prompt[row + 1]] for row in rows)
        assert sum(found["token_logprobs"][context:-1]) == pytest.approx(wanted, abs=1e-4)
        is_greedy = all(
            log_prob == max(top.values())
            for log_prob, top in zip(
                found["token_logprobs"][context:-1], found["top_logprobs"][context:-1], strict=True
            )
        )
        assert is_greedy == all(expected[row].argmax() == prompt[row + 1] for row in rows)


@pytest.mark.parametrize(
    "options",
    [
        {"max_tokens": 0},
        {"max_tokens": 1},
        {"max_tokens": 60},
        {"max_tokens": 60, "ignore_eos": True},
        {"max_tokens": 60, "ignore_eos": True, "stop": [" mat"]},
        {"max_tokens": 60, "ignore_eos": True, "stop": ["cat\nthe", "at said", "t o"]},
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_each_token_that_usage_counts_has_an_entry(server, options, stream):
    for prompt, echo in itertools.product(["", TEXT, "the   cat \n xyz", " "], [False, True]):
        if not (echo or options["max_tokens"]):
            continue
        body = {"prompt": prompt, "echo": echo, "logprobs": 1, "seed": 3} | options
        if stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
            *events, last = events_of(server, body)
            assert [event["usage"] for event in events] == [None] * len(events)
            usage, choices = last["usage"], [choice for e in events for choice in e["choices"]]
        else:
            answer = server.complete(**body)
            usage, choices = answer["usage"], answer["choices"]
        text = "".join(choice["text"] for choice in choices)
        found = [choice["logprobs"] for choice in choices]
        offsets = [offset for part in found for offset in part["text_offset"]]
        counted = usage["completion_tokens"] + (usage["prompt_tokens"] if echo else 0)
        assert len(offsets) == counted == sum(len(part["tokens"]) for part in found)
        assert offsets == sorted(offsets)
        end = len(text) if echo else len(prompt) + len(text)
        assert not offsets or offsets[-1] <= end


def events_of(server, body):
    request = urllib.request.Request(
        f"{server.address}/v1/completions",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        *blocks, done = response.read().decode().split("\n\n")[:-1]
    assert done == "data: [DONE]"
    return [json.loads(block.removeprefix("data: ")) for block in blocks]


def test_without_include_usage_no_event_speaks_of_it(server):
    for event in events_of(server, {"prompt": TEXT, "stream": True, "max_tokens": 3}):
        assert "usage" not in event


def test_offsets_are_places_in_the_prompt_as_it_was_given(server):
    prompt = "the    cat \n\n  xyz\t sat  "
    found = server.complete(prompt=prompt, max_tokens=1, echo=True, logprobs=0, seed=1)
    found = found["choices"][0]["logprobs"]
    assert found["tokens"][:-1] == ["the", " cat", "\n", "\n", "<unk>", " sat"]
    parts = ["the", "    cat", " \n", "\n", "  xyz", "\t sat"]  # and two spaces more
    lengths = list(map(len, parts))
    assert found["text_offset"] == [0, *np.cumsum(lengths[:-1]).tolist(), len(prompt)]


def test_a_stop_string_loses_no_token_of_the_text(server):
    """Its prompt loses four spaces: offsets that lag behind the text made its last tokens vanish."""
    options = dict(max_tokens=30, seed=11, logprobs=0, ignore_eos=True)
    prompt = "the     cat"
    whole = server.complete(prompt=prompt, **options)["choices"][0]
    for stop in (whole["text"][12:16], whole["text"][20:22], whole["text"][5:7]):
        for echo in (False, True):
            cut = server.complete(prompt=prompt, stop=stop, echo=echo, **options)["choices"][0]
            text = cut["text"].removeprefix(prompt) if echo else cut["text"]
            assert text == whole["text"][: whole["text"].index(stop)]
            tokens = cut["logprobs"]["tokens"][2 if echo else 0 :]
            assert tokens == whole["logprobs"]["tokens"][: len(tokens)]
            assert "".join(tokens).startswith(text + stop)


TEXTS = [
    "the cat sat on the mat",
    "  the   cat\n\n sat\t on \r\n the mat  ",
    "zebra THE cát xyzzy, 海möwe the zz\n",
    "möwe 海海 € said",
    "the",
    "",
    " ",
    "\n",
]


def test_special_tokens_that_are_text_are_pieces_of_it():
    tokenizer, text = made("loaded wordpiece"), "the [SEP] cat"
    for read_as, expected in (("control", [3, 9, 13]), ("text", [3, 5, 8, 9, 13])):
        ids = tokenizer.encode(text, read_as).tolist()
        assert token_ends(tokenizer, text, ids, read_as) == expected


@pytest.mark.parametrize("kind", [*TOKENIZERS, "loaded wordpiece", "loaded sentencepiece"])
def test_ends_of_tokens(kind):
    """Each token's stretch of the text is encoded as that token, where tokens stand alone."""
    tokenizer = made(kind)
    for text in TEXTS:
        ids = tokenizer.encode(text).tolist()
        ends = token_ends(tokenizer, text, ids)
        assert len(ends) == len(ids) and ends == sorted(ends)
        assert all(0 <= end <= len(text) for end in ends)
        if tokenizer.decode(ids) == text:
            assert ends == [
                len(tokenizer.decode(ids[: i + 1]).rstrip("\ufffd")) for i in range(len(ids))
            ]
        begins = [0, *ends[:-1]]
        for token, begin, end in zip(ids, begins, ends):
            stretch, piece = text[begin:end], tokenizer.decode([token])
            if token == tokenizer.unk_id or "\ufffd" in piece:
                continue
            assert folded(piece).strip() in folded(stretch), (text, stretch, piece)


def folded(text):
    import unicodedata

    text = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in text if not unicodedata.combining(c))


def made(kind):
    from lm_zoo import config as c
    from lm_zoo.text.tokenizers import SentencePieceUnigramTokenizer, WordPieceTokenizer

    training = "\n".join(TEXTS[:1] * 20 + ["möwe 海 said €"] * 20)
    if kind == "loaded wordpiece":
        pieces = [
            "[UNK]",
            "[SEP]",
            "the",
            "cat",
            "sat",
            "on",
            "mat",
            "##z",
            "z",
            "##e",
            "said",
            ",",
        ]
        return WordPieceTokenizer(pieces, lowercase=True)
    if kind == "loaded sentencepiece":
        import io

        import sentencepiece

        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter([*TEXTS[:3] * 20]),
            model_writer=model,
            vocab_size=50,
            hard_vocab_limit=False,
            minloglevel=2,
        )
        return SentencePieceUnigramTokenizer(model.getvalue())
    sizes = {"word": 0, "character": 0, "byte": 0, "chinese_word": 0, "wordpiece": 40}
    config = c.TokenizerConfig(name=kind, vocab_size=sizes.get(kind, 290))
    return train_tokenizer(config, [training])
