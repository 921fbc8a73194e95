"""Completions, by the official `openai` client and by hand."""

import asyncio
import math

import numpy as np
import openai
import pytest

from lm_zoo.serving.inference.sequence import NewToken, TextDelta
from lm_zoo.serving.openai.logprobs import LogprobsWriter
from lm_zoo.text.tokenizers import ByteTokenizer
from tests.serving.conftest import NAME

PROMPT = "the cat"


@pytest.fixture(scope="module")
def client(server):
    return openai.OpenAI(base_url=f"{server.address}/v1", api_key="none", max_retries=0)


@pytest.fixture(scope="module")
def complete(client):
    def complete(prompt=PROMPT, **options):
        return client.completions.create(model=NAME, prompt=prompt, **options)

    return complete


def test_the_client_finds_the_model(client):
    assert [model.id for model in client.models.list()] == [NAME]
    assert client.models.retrieve(NAME).owned_by == "lm_zoo"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("other")


@pytest.mark.parametrize("temperature", [0, 0.9])
def test_the_text_is_that_of_generate(complete, run, temperature):
    prompts = [PROMPT, "möwe 海", ""]
    found = complete(prompts, max_tokens=40, temperature=temperature, seed=5)
    expected = run.generate(prompts, max_new_tokens=40, temperature=temperature, seed=5)
    assert [choice.text for choice in found.choices] == [text.text for text in expected]
    assert [choice.index for choice in found.choices] == [0, 1, 2]
    reasons = {"eos": "stop", "stop": "stop", "length": "length"}
    assert [c.finish_reason for c in found.choices] == [reasons[t.finished_by] for t in expected]
    assert found.usage.completion_tokens == sum(len(text.token_ids) for text in expected)
    assert found.usage.prompt_tokens == 2 + 2 + 1
    assert found.object == "text_completion" and found.model == NAME


def test_token_ids_are_a_prompt_too(complete, run):
    ids = run.tokenizer.encode(PROMPT).tolist()
    by_text = complete(max_tokens=10, seed=1).choices[0].text
    assert complete(ids, max_tokens=10, seed=1).choices[0].text == by_text
    both = complete([ids, PROMPT], max_tokens=10, seed=1).choices  # of one prompt, given twice
    several = run.generate(PROMPT, max_new_tokens=10, seed=1, num_return_sequences=2)
    assert [choice.text for choice in both] == [text.text for text in several]
    assert both[0].text == by_text != both[1].text
    assert complete(ids, max_tokens=0, echo=True).choices[0].text == PROMPT


def test_a_stream_is_the_whole_in_pieces(complete):
    options = dict(prompt=[PROMPT, "dog"], max_tokens=30, n=2, seed=7, logprobs=2)
    whole = complete(**options)
    texts, tokens, reasons, usage = [""] * 4, [[] for _ in range(4)], [None] * 4, None
    stream_options = {"include_usage": True}
    for event in complete(**options, stream=True, stream_options=stream_options):
        usage = event.usage or usage
        for choice in event.choices:
            assert reasons[choice.index] is None
            texts[choice.index] += choice.text
            reasons[choice.index] = choice.finish_reason
            if choice.logprobs:
                tokens[choice.index] += choice.logprobs.tokens
    assert texts == [choice.text for choice in whole.choices]
    assert tokens == [choice.logprobs.tokens for choice in whole.choices]
    assert reasons == [choice.finish_reason for choice in whole.choices]
    assert usage == whole.usage


def test_a_prompts_texts_are_the_samples_of_one_seed(complete, run):
    several = complete(max_tokens=20, n=3, seed=7).choices
    samples = run.generate(PROMPT, max_new_tokens=20, num_return_sequences=3, seed=7)
    assert [choice.text for choice in several] == [sample.text for sample in samples]
    assert len({sample.text for sample in samples}) > 1
    unseeded = {complete(max_tokens=20).choices[0].text for _ in range(4)}
    assert len(unseeded) > 1


def test_log_probabilities_are_those_of_the_model(complete, run):
    choice = complete(max_tokens=12, seed=3, logprobs=4).choices[0]
    logprobs, prompt = choice.logprobs, run.tokenizer.encode(PROMPT).tolist()
    assert choice.finish_reason == "stop"  # by an end token, which is a line's end here
    assert "".join(logprobs.tokens) == choice.text + "\n"
    lengths = np.cumsum([0, *map(len, logprobs.tokens)])[:-1]
    assert logprobs.text_offset == (len(PROMPT) + lengths).tolist()
    ids = prompt + run.tokenizer.encode(choice.text + "\n").tolist()
    expected = np.array(run.model(np.array([ids])))[0]
    expected -= np.log(np.exp(expected).sum(-1, keepdims=True))
    for place, token in enumerate(ids[len(prompt) :]):
        row = expected[len(prompt) - 1 + place]
        assert logprobs.token_logprobs[place] == pytest.approx(row[token], abs=1e-4)
        top = logprobs.top_logprobs[place]
        assert sorted(top.values(), reverse=True)[:4] == pytest.approx(
            np.sort(row)[::-1][:4].tolist(), abs=1e-4
        )
        assert top[logprobs.tokens[place]] == logprobs.token_logprobs[place]
        assert 4 <= len(top) <= 5


def test_echo_scores_the_prompt(complete, run):
    text = "the cat sat on mat"
    choice = complete([text, "dog said"], max_tokens=0, echo=True, logprobs=2).choices[0]
    assert choice.text == text and choice.finish_reason == "length"
    found = choice.logprobs
    assert "".join(found.tokens) == text and found.text_offset == [0, 3, 7, 11, 14]
    assert found.token_logprobs[0] is None and found.top_logprobs[0] is None
    ids = run.tokenizer.encode(text)
    expected = np.array(run.model(ids[None]))[0]
    expected -= np.log(np.exp(expected).sum(-1, keepdims=True))
    for place in range(1, 5):
        row = expected[place - 1]
        assert found.token_logprobs[place] == pytest.approx(row[ids[place]], abs=1e-4)
        top = found.top_logprobs[place]
        assert max(top.values()) == pytest.approx(row.max(), abs=1e-4)
        assert (max(top, key=top.get) == found.tokens[place]) == (row.argmax() == ids[place])
    both = complete(text, max_tokens=4, echo=True, logprobs=2, seed=1).choices[0]
    alone = complete(text, max_tokens=4, logprobs=2, seed=1).choices[0]
    assert both.text == text + alone.text
    assert both.logprobs.tokens == found.tokens + alone.logprobs.tokens
    assert both.logprobs.text_offset == found.text_offset + alone.logprobs.text_offset
    start = complete("", max_tokens=0, echo=True, logprobs=1)
    assert start.choices[0].text == "" and start.usage.prompt_tokens == 1
    assert start.choices[0].logprobs.token_logprobs == [None]
    assert start.choices[0].logprobs.text_offset == [0]
    assert complete("the", max_tokens=0, echo=True, logprobs=1).choices[0].logprobs.tokens == [
        "the"
    ]


def test_a_start_token_stands_before_prompts_that_are_text(
    server, complete, model, run, monkeypatch
):
    start, ids = 1, run.tokenizer.encode(PROMPT).tolist()
    options = dict(max_tokens=10, seed=1)
    by_ids = complete([start, *ids], **options).choices[0].text
    without = complete(ids, **options).choices[0].text
    for tokenizer in (model.fields["text"].tokenizer, run.tokenizer):
        monkeypatch.setattr(tokenizer, "bos_id", start)
    found = complete(**options)
    assert found.choices[0].text == by_ids != without and found.usage.prompt_tokens == 3
    assert by_ids == run.generate(PROMPT, max_new_tokens=10, seed=1)[0].text
    assert complete(ids, **options).choices[0].text == without  # ids are what they are
    inputs = dict(prompt=[PROMPT], max_new_tokens=10, seed=1)
    answer = server.predict(signature_name="generate", inputs=inputs)
    assert answer["outputs"]["text"] == [by_ids]
    echo = complete(max_tokens=0, echo=True, logprobs=1).choices[0].logprobs.token_logprobs
    assert echo[0] is None and len(echo) == 3
    assert -sum(echo[1:]) == pytest.approx(sum(s for _, s in run.score(PROMPT)[0].tokens), rel=1e-4)


def test_a_stop_string_ends_the_text_before_it(complete):
    text = complete(max_tokens=30, seed=11, extra_body={"ignore_eos": True}).choices[0].text
    stop = text[9:13]
    cut = text[: text.index(stop)]
    options = dict(max_tokens=30, seed=11, stop=[stop, "nowhere"], logprobs=0)
    choice = complete(**options, extra_body={"ignore_eos": True}).choices[0]
    assert choice.text == cut and choice.finish_reason == "stop"
    assert "".join(choice.logprobs.tokens).startswith(cut)
    assert max(choice.logprobs.text_offset) == len(PROMPT) + len(cut)  # the stop string's tokens
    events = complete(**options, stream=True, extra_body={"ignore_eos": True})
    assert "".join(event.choices[0].text for event in events) == cut


def test_an_end_token_ends_the_text_unless_it_is_ignored(complete, run):
    ended = next(
        choice
        for choice in complete(max_tokens=100, n=20, seed=0).choices
        if choice.finish_reason == "stop"
    )
    assert not ended.text.endswith("\n")
    count = ended.index + 1
    options = dict(max_new_tokens=60, seed=0, num_return_sequences=count, ignore_eos=True)
    expected = run.generate(PROMPT, **options)[-1].text
    more = dict(n=count, seed=0, extra_body={"ignore_eos": True})
    found = complete(max_tokens=60, **more).choices[-1]
    assert found.text == expected and "\n" in expected and found.finish_reason == "length"


def test_texts_do_not_hang_on_what_is_beside_them(server, complete):
    requests = [
        dict(prompt="cat " * (i % 9), max_tokens=3 + 7 * (i % 5), seed=i) for i in range(20)
    ]
    alone = [complete(**request).choices[0].text for request in requests]

    async def all_at_once():
        client = openai.AsyncOpenAI(base_url=f"{server.address}/v1", api_key="none")
        async with client:
            make = client.completions.create
            return await asyncio.gather(*(make(model=NAME, **request) for request in requests))

    steps = server.figure("lm_zoo_batch_rows_count")
    together = asyncio.run(all_at_once())
    assert [answer.choices[0].text for answer in together] == alone
    assert server.figure("lm_zoo_batch_rows_count") - steps < 100


@pytest.mark.parametrize(
    "body, words",
    [
        ({"prompt": 1}, ["prompt", "1"]),
        ({"prompt": []}, ["prompt", "[]"]),
        ({"prompt": ["a", 1]}, ["prompt", '["a", 1]']),
        ({"prompt": [10**6]}, ["prompt", "token ids", "1000000"]),
        ({"prompt": [-1]}, ["prompt", "-1"]),
        ({"prompt": "\ud800"}, ["prompt", "Unicode"]),
        ({"prompt": "the " * 33}, ["prompt", "at most 32", "33"]),
        ({"prompt": ["a"] * 60, "n": 3}, ["128", "60", "n=3"]),
        ({"max_tokens": 0}, ["max_tokens", "0"]),
        ({"max_tokens": -1, "echo": True}, ["max_tokens", "-1"]),
        ({"max_tokens": 10**9}, ["max_tokens", "2048"]),
        ({"max_tokens": "5"}, ["max_tokens", '"5"']),
        ({"max_tokens": True}, ["max_tokens", "true"]),
        ({"temperature": math.nan}, ["temperature", "finite", "NaN"]),
        ({"temperature": -0.5}, ["temperature", "-0.5"]),
        ({"temperature": 1e999}, ["temperature", "Infinity"]),
        ({"top_p": 0}, ["top_p", "0"]),
        ({"top_k": -1}, ["top_k", "-1"]),
        ({"n": 0}, ["n", "0"]),
        ({"stop": [""]}, ["stop", '[""]']),
        ({"stop": 5}, ["stop", "5"]),
        ({"logprobs": 6}, ["logprobs", "5", "6"]),
        ({"stream": "yes"}, ["stream", '"yes"']),
        ({"stream_options": {"x": 1}}, ["stream_options"]),
        ({"seed": 1.5}, ["seed", "1.5"]),
        ({"frequency_penalty": 0.5}, ["frequency_penalty", "not support", "0.5"]),
        ({"logit_bias": {"5": 1}}, ["logit_bias"]),
        ({"suffix": "end"}, ["suffix"]),
        ({"best_of": 3}, ["best_of", "3"]),
        ({"max_token": 3}, ["max_token", "'max_tokens'"]),
    ],
)
def test_a_bad_request_is_told_what_is_wrong(server, body, words):
    status, answer = server.ask("POST", "/v1/completions", {"model": NAME} | body)
    error = answer["error"]
    assert status == 400 and error["type"] == "invalid_request_error", answer
    assert all(word in error["message"] for word in words), answer
    assert error["param"] in body


def test_what_changes_nothing_may_be_asked_for(server):
    neutral = {"frequency_penalty": 0, "presence_penalty": 0.0, "logit_bias": {}, "suffix": None}
    server.complete(**neutral, best_of=1, user="someone", max_tokens=1)


def test_the_clients_errors(client, complete, server):
    with pytest.raises(openai.BadRequestError, match="max_tokens: expected a whole number"):
        complete(max_tokens=0)
    with pytest.raises(openai.NotFoundError, match="no model"):
        client.completions.create(model="gpt", prompt="")
    assert server.ask("POST", "/v1/completions", b"\xff")[0] == 400
    status, answer = server.ask("POST", "/v1/completions", b"x" * 10_000_000)
    assert status == 413 and "100,000" in answer["error"]["message"]
    status, answer = server.ask("POST", "/v1/chat/completions", {"messages": []})
    assert status == 404 and "/v1/completions" in answer["error"]["message"]


def test_tokens_that_are_parts_of_a_character_are_written_as_bytes():
    text = "a€b"
    tokens = [NewToken(token, -1.0, ((token, -1.0), (65, -2.0))) for token in text.encode()]
    writer = LogprobsWriter(ByteTokenizer(), 2, offset=10)
    written = writer.as_object(writer.write(TextDelta(text, tokens), 10 + len(text)))
    assert written["tokens"] == ["a", r"bytes:\xe2", r"bytes:\x82", r"bytes:\xac", "b"]
    assert written["text_offset"] == [10, 11, 11, 11, 12]
    assert written["top_logprobs"][1] == {r"bytes:\xe2": -1.0, "A": -2.0}
