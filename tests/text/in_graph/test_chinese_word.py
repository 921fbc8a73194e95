"""Chinese words in the graph agree with those outside."""

from lm_zoo.text.in_graph import module_of
from lm_zoo.text.tokenizers import ChineseWordTokenizer


def test_the_graph_cuts_alike(chinese_texts, poems):
    import tensorflow as tf

    every = chinese_texts + poems
    tokenizer = ChineseWordTokenizer.train(every)
    module = module_of(tokenizer)
    rows = module.tokenize(tf.constant(every)).to_list()
    for text, row in zip(every, rows, strict=True):
        assert row == tokenizer.encode(text).tolist(), repr(text[:80])
        assert tokenizer.decode(row) == text
