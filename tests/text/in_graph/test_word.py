"""Words in the graph agree with those outside."""

from lm_zoo.text.in_graph import module_of
from lm_zoo.text.tokenizers import WordTokenizer


def test_wikitext_2_agrees_in_the_graph(shared_data):
    import tensorflow as tf

    text = open(shared_data("wikitext-2") / "valid.txt", encoding="utf-8", newline="").read()
    tokenizer = WordTokenizer.train(text, min_count=3)
    module = module_of(tokenizer)
    ids = module.tokenize(tf.constant([text]))
    assert ids.flat_values.numpy().tolist() == tokenizer.encode(text).tolist()
