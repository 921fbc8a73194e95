"""Learning SentencePiece models that give any text back, by the `sentencepiece` library."""

import io
import re

import numpy as np

from lm_zoo.errors import UserError
from lm_zoo.text.words import utf8

# The trainer leaves out, without a word, a sentence with a tab, a NUL or its sign for unknowns.
BETWEEN_SENTENCES = re.compile("[\n\t\0\u2585]")
SENTENCE_CHARACTERS = 4096
COVERAGE = 0.9995  # SentencePiece's default; the rest is written in bytes
THREADS = 16  # SentencePiece's default, a constant: what is learned depends on it


def train_model(kind, texts, vocab_size):
    """Learns a model; the sentences are the text's lines.

    Args:
        kind: `sentencepiece_unigram` or `sentencepiece_bpe`.
        texts: Iterable of strings. They are all held in memory.
        vocab_size: Number of pieces to have at most.

    Returns:
        The content of a `.model` file.

    Raises:
        UserError: For an impossible vocabulary size, or no text.
    """
    if vocab_size < 270:
        raise UserError(
            f"tokenizer.vocab_size: expected at least 270 for {kind} (256 bytes, <unk>, "
            f"</s>, newline and pieces), received {vocab_size}."
        )
    import sentencepiece

    sentences = list(_sentences(texts))
    sentences = _without_rare_characters(sentences, max(1, (vocab_size - 259) // 2))
    if not sentences:
        raise UserError("tokenizer: there are no lines to learn from; give text to train on.")
    file = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences),
            model_writer=file,
            model_type=kind.removeprefix("sentencepiece_"),
            vocab_size=vocab_size,
            hard_vocab_limit=False,
            character_coverage=1.0,
            byte_fallback=True,
            normalization_rule_name="identity",
            add_dummy_prefix=False,
            remove_extra_whitespaces=False,
            allow_whitespace_only_pieces=True,
            user_defined_symbols=["\n"],
            max_sentence_length=8 * SENTENCE_CHARACTERS,
            unk_id=0,
            eos_id=1,
            bos_id=-1,
            pad_id=-1,
            num_threads=THREADS,
            minloglevel=2,
        )
    except RuntimeError as error:
        reason = " ".join(str(error).split()).rpartition("] ")[2]
        raise UserError(
            f"tokenizer.vocab_size: SentencePiece could not learn {vocab_size} pieces from "
            f"this text ({reason}); give another size, or more text."
        ) from None
    return _with_exact_scores(file.getvalue())


def _sentences(texts):
    for text in texts:
        utf8(text)
        for line in BETWEEN_SENTENCES.split(text):
            line = line.rstrip(" ")  # at a line's end, a space would be learned as a frequent piece
            while len(line) > SENTENCE_CHARACTERS:
                cut = line.rfind(" ", 1, SENTENCE_CHARACTERS)
                cut = cut if cut > 0 else SENTENCE_CHARACTERS
                yield line[:cut]
                line = line[cut:]
            if line:
                yield line


def _with_exact_scores(model):
    """Rounds a model's scores so that adding them up is exact, and segmentation never by rounding.

    Versions of SentencePiece round differently while adding, and choose differently among
    segmentations of equal score ("====" as 1 + 3 or 3 + 1). Multiples of 1/256 are added exactly in
    float32 up to 65,536, which is some 6,000 pieces in one stretch of text. The newline becomes an
    ordinary piece, as the bonus of a user-defined one is no such multiple; no other has it in it.
    """
    from sentencepiece import sentencepiece_model_pb2

    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(model)
    for piece in proto.pieces:
        if piece.type == piece.USER_DEFINED:
            piece.type, piece.score = piece.NORMAL, 0.0
        elif proto.trainer_spec.model_type == proto.trainer_spec.UNIGRAM:
            piece.score = round(piece.score * 256) / 256
    return proto.SerializeToString(deterministic=True)


def _without_rare_characters(sentences, limit):
    """Cuts sentences at the characters that get no piece of their own and are written in bytes.

    These are the rarest, 0.05 % of the text as by SentencePiece's default, and more where the
    others would take more than `limit` pieces, as Chinese does in a small vocabulary. SentencePiece
    itself refuses to leave out more than 2 %.
    """
    counts = np.zeros(0x110000, np.int64)
    for sentence in sentences:
        np.add.at(counts, np.frombuffer(sentence.encode("utf-32-le"), "<u4"), 1)
    by_count = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]  # ties by code point
    covered = np.cumsum(counts[by_count]) / max(1, counts.sum())
    kept = min(limit, int(np.searchsorted(covered, COVERAGE)) + 1)
    rare = {int(code): "\n" for code in by_count[kept:]}
    if not rare:
        return sentences
    return [part for sentence in sentences for part in sentence.translate(rare).split("\n") if part]
