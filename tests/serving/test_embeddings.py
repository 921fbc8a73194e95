"""`/v1/embeddings`, by the official `openai` client and by hand."""

import numpy as np
import openai
import pytest

from tests.serving.conftest import NAME

TEXTS = ["the cat sat", "möwe 海 said", "the"]


@pytest.fixture(scope="module")
def client(server):
    return openai.OpenAI(base_url=f"{server.address}/v1", api_key="none", max_retries=0)


def test_the_client_gets_the_vectors_of_the_run(client, run):
    expected = run.embed(TEXTS)
    by_default = client.embeddings.create(model=NAME, input=TEXTS)  # it asks for base 64
    as_numbers = client.embeddings.create(model=NAME, input=TEXTS, encoding_format="float")
    for answer in (by_default, as_numbers):
        vectors = np.array([one.embedding for one in answer.data])
        np.testing.assert_allclose(vectors, expected, atol=1e-5)
        assert [one.index for one in answer.data] == [0, 1, 2] and answer.model == NAME
        assert answer.usage.prompt_tokens == answer.usage.total_tokens == 3 + 3 + 1
    (one,) = client.embeddings.create(model=NAME, input=TEXTS[0], dimensions=16).data
    np.testing.assert_allclose(one.embedding, expected[0], atol=1e-5)


def test_token_ids_of_a_text_are_that_text(client, run):
    ids = [run.tokenizer.encode(text).tolist() for text in TEXTS]
    found = client.embeddings.create(model=NAME, input=ids).data
    np.testing.assert_allclose([one.embedding for one in found], run.embed(TEXTS), atol=1e-5)
    (one,) = client.embeddings.create(model=NAME, input=ids[0]).data
    np.testing.assert_allclose(one.embedding, run.embed(TEXTS[0])[0], atol=1e-5)


def test_many_texts_are_in_their_order(client, run):
    texts = [" ".join(["the cat"] * (1 + i % 7)) for i in range(100)]
    found = client.embeddings.create(model=NAME, input=texts).data
    np.testing.assert_allclose([one.embedding for one in found], run.embed(texts), atol=1e-5)


@pytest.mark.parametrize(
    "body, words",
    [
        ({}, ["input", "null"]),
        ({"input": []}, ["input", "[]"]),
        ({"input": 5}, ["input", "5"]),
        ({"input": ["a", 5]}, ["input"]),
        ({"input": [1, "a"]}, ["input"]),
        ({"input": [True]}, ["input", "true"]),
        ({"input": ""}, ["input", "none in number 1"]),
        ({"input": ["the", "  "]}, ["input", "none in number 2"]),
        ({"input": "\ud800"}, ["input", "Unicode"]),
        ({"input": ["a"] * 129}, ["at most 128", "129"]),
        ({"input": "the " * 5000}, ["at most 4,096 tokens", "5,000"]),
        ({"input": [1] * 5000}, ["at most 4,096 tokens", "5,000"]),
        ({"input": [10**9]}, ["token ids", "1000000000"]),
        ({"input": [-1]}, ["token ids"]),
        ({"input": "the", "encoding_format": "hex"}, ["encoding_format", '"hex"']),
        ({"input": "the", "encoding_format": []}, ["encoding_format", "[]"]),
        ({"input": "the", "dimensions": 5}, ["dimensions", "16", "5"]),
        ({"input": "the", "dimension": 16}, ["dimension", "'dimensions'"]),
        ({"input": "the", "\ud800": 16}, ["no such parameter"]),
    ],
)
def test_a_bad_request_is_told_what_is_wrong(server, body, words):
    status, answer = server.ask("POST", "/v1/embeddings", {"model": NAME} | body)
    error = answer["error"]
    assert status == 400 and error["type"] == "invalid_request_error"
    assert all(word in error["message"] for word in words), error


def test_another_model_is_not_there(client):
    with pytest.raises(openai.NotFoundError, match="no model"):
        client.embeddings.create(model="text-embedding-3-small", input="the")
