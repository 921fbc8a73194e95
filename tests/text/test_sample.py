"""What subword tokenizers are trained on: a sample spread over the text, always the same."""

from lm_zoo.config import TokenizerConfig
from lm_zoo.text.tokenizers import sample, train_tokenizer
from lm_zoo.text.tokenizers.sample import spread

DOCUMENTS = [f"document {i:04} " + "x" * (i % 37) for i in range(2000)]
SIZE = sum(map(len, DOCUMENTS))


def test_a_text_within_the_limit_is_taken_whole():
    for limit in (0, SIZE, SIZE + 1):
        assert list(spread(DOCUMENTS, limit, SIZE)) == DOCUMENTS


def test_documents_come_from_everywhere_and_fill_the_limit():
    taken = list(spread(DOCUMENTS, SIZE // 10, SIZE))
    assert abs(sum(map(len, taken)) - SIZE // 10) < 100
    places = [DOCUMENTS.index(text) for text in taken]
    assert places == sorted(places)
    gaps = [b - a for a, b in zip(places, places[1:])]
    assert max(gaps) < 25 and places[0] == 0 and places[-1] > 1970
    assert list(spread(iter(DOCUMENTS), SIZE // 10, SIZE)) == taken


def test_without_a_known_size_the_beginning_is_taken_and_the_limit_holds():
    for known in (0, SIZE // 4):  # or with one that is too small, as of compressed files
        taken = list(spread(DOCUMENTS, 5000, known))
        assert 5000 <= sum(map(len, taken)) < 5100
    assert list(spread(DOCUMENTS, 5000)) == DOCUMENTS[: len(list(spread(DOCUMENTS, 5000)))]


def test_a_stream_is_sampled_in_pieces(monkeypatch):
    monkeypatch.setattr(sample, "SAMPLE_CHARACTERS", 50)
    text = "\n".join(DOCUMENTS)
    taken = list(spread([text], SIZE // 10, SIZE))
    assert len(taken) > 50 and all(part in text for part in taken)
    assert "document 0000" in taken[0] and "document 19" in taken[-1]


def test_subword_tokenizers_are_trained_on_it_and_others_on_everything():
    texts = ["only here zyzzyva " * 3] + ["a common text " * 3] * 200
    texts = texts[::-1]
    size = sum(map(len, texts))
    config = TokenizerConfig(name="bpe", vocab_size=1000, training_bytes=size // 10)
    assert not any("zyz" in token for token in train_tokenizer(config, texts, size).vocabulary)
    config = TokenizerConfig(name="word", training_bytes=size // 10)
    assert "zyzzyva" in train_tokenizer(config, texts, size).words
