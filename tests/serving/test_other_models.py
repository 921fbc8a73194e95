"""The server with carried state, and with tokenizers whose tokens are parts of words."""

import pytest

from tests.serving.conftest import Server, train_and_export

PROMPTS = ["the cat", "möwe 海 sat", "x"]
MODELS = {
    "gru_lm-bpe": (dict(hidden_dim=12, num_layers=2), 280),
    "lstm_lm-sentencepiece_unigram": (dict(hidden_dim=12, num_layers=1), 290),
    "rnn_lm-byte": (dict(hidden_dim=12, num_layers=1), 0),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_texts_and_scores_are_those_of_the_run(name, tmp_path):
    from lm_zoo.runs.run import load
    from lm_zoo.serving.limits import ServingLimits
    from lm_zoo.serving.served_model import ServedModel

    arguments, vocab_size = MODELS[name]
    model, tokenizer = name.split("-")
    train_and_export(tmp_path, model, arguments, tokenizer, vocab_size)
    run = load(tmp_path / "run")
    with Server(ServedModel(tmp_path / "exports" / "tiny"), ServingLimits()) as server:
        options = dict(temperature=0.9, seed=4)
        found = server.complete(prompt=PROMPTS, max_tokens=50, logprobs=3, **options)["choices"]
        expected = run.generate(PROMPTS, max_new_tokens=50, **options)
        assert [choice["text"] for choice in found] == [text.text for text in expected]
        for choice in found:
            assert all(len(top) >= 2 for top in choice["logprobs"]["top_logprobs"])
        text = "the cat sat on 海"
        echo = server.complete(prompt=text, max_tokens=0, echo=True, logprobs=1)["choices"][0]
        surprisals = [s for _, s in run.score(text)[0].tokens]
        assert len(echo["logprobs"]["tokens"]) == len(surprisals)
        assert echo["text"] == text and echo["logprobs"]["token_logprobs"][0] is None
        row = server.predict(instances=[text])["predictions"][0]
        assert row["log_prob"] == pytest.approx(-sum(filter(None, surprisals)), rel=1e-4)
