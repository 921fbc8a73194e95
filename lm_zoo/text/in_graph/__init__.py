"""Tokenizers as TensorFlow ops, inside a SavedModel. Importing this does not import TensorFlow.

A module is a class of two functions, built of a tokenizer and of what special tokens written out in
a text are (`control` or `text`): `tokenize(strings (batch,)) -> int32 RaggedTensor (batch, None)`,
and `detokenize(int32 RaggedTensor (batch, None)) -> strings (batch,)`, as `decode_bytes` writes
them. Strings are UTF-8. TensorFlow is enough to load what is made of them, or else what the
tokenizer's `saved_model_needs` says.
"""

from lm_zoo.errors import UserError
from lm_zoo.registration import resolve
from lm_zoo.text.special_tokens import CONTROL

# Tokenizer's name -> its module: "where:class", imported when it is wanted, or the class itself.
IN_GRAPH = {
    "bpe": "lm_zoo.text.in_graph.bpe:BytePairModule",
    "byte": "lm_zoo.text.in_graph.byte:ByteModule",
    "character": "lm_zoo.text.in_graph.character:CharacterModule",
    "chinese_word": "lm_zoo.text.in_graph.chinese_word:ChineseWordModule",
    "sentencepiece_bpe": "lm_zoo.text.in_graph.sentence_piece:SentencePieceModule",
    "sentencepiece_unigram": "lm_zoo.text.in_graph.sentence_piece:SentencePieceModule",
    "word": "lm_zoo.text.in_graph.word:WordModule",
    "wordpiece": "lm_zoo.text.in_graph.wordpiece:WordPieceModule",
}


def module_of(tokenizer, special_tokens=CONTROL):
    """Returns a `tf.Module` that does what a tokenizer does, inside a SavedModel.

    Hold on to the module while its functions are used: they do not keep it alive.

    Args:
        tokenizer: The `Tokenizer`.
        special_tokens: `control` or `text`: what special tokens written out in a text are.

    Raises:
        UserError: For a kind of tokenizer that has none.
    """
    return module_class(tokenizer)(tokenizer, special_tokens)


def module_class(tokenizer):
    """Returns the class of a tokenizer's module.

    Raises:
        UserError: For a kind of tokenizer that has none.
    """
    found = IN_GRAPH.get(tokenizer.name) or tokenizer.in_graph_class
    if not found:
        raise UserError(
            f"tokenizer: a SavedModel reads text, but {tokenizer.name!r} has no module of "
            "TensorFlow ops; set its in_graph_class, add one to lm_zoo.text.in_graph.IN_GRAPH "
            f"(it has: {', '.join(sorted(IN_GRAPH))}), or export in another format."
        )
    return resolve(found)
