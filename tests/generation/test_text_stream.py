"""Streaming: what is given out is certain, and adds up to the text."""

import numpy as np
import pytest

from lm_zoo.generation.text_stream import TextStream
from tests.generation.toy import PieceTokenizer


def stream_bytes(text, stop=(), prompt=()):
    """Streams a text byte by byte; returns the pieces and the stream."""
    tokenizer = PieceTokenizer([bytes([i]) for i in range(256)])
    stream = TextStream(tokenizer, list(prompt), stop)
    pieces = [stream.push(byte) for byte in (text if isinstance(text, bytes) else text.encode())]
    return pieces + [stream.finish()], stream


def test_characters_come_whole():
    pieces, stream = stream_bytes("a€😀b")
    assert pieces == ["a", "", "", "€", "", "", "", "😀", "b", ""]
    assert stream.text == "a€😀b"


def test_an_incomplete_character_becomes_the_replacement_sign_at_the_end():
    pieces, stream = stream_bytes("a€".encode()[:-1])
    assert pieces == ["a", "", "", "\ufffd"]
    assert stream.text == "a\ufffd"


def test_broken_bytes_stream_as_they_decode():
    data = bytes(np.random.default_rng(0).integers(0, 256, 500).tolist())
    pieces, _ = stream_bytes(data)
    assert "".join(pieces) == data.decode("utf-8", errors="replace")


def test_what_might_begin_a_stop_string_is_held_back():
    pieces, stream = stream_bytes("say STATE. STOP now", stop=("STOP",))
    assert pieces[4:8] == ["", "", "STA", "T"]
    assert stream.text == "".join(pieces) == "say STATE. "
    assert stream.stopped


def test_text_held_back_for_a_stop_that_does_not_come_is_given_at_the_end():
    pieces, stream = stream_bytes("the en", stop=("end",))
    assert pieces[-1] == "en" and stream.text == "the en" and not stream.stopped


@pytest.mark.parametrize(
    "text, stop, expected",
    [
        ("xaab", ("aab",), "x"),
        ("xaaab", ("aab",), "xa"),
        ("abcd", ("abcd", "bc"), "a"),  # "bc" is complete first
        ("abc", ("bc", "abc"), ""),  # both at once: the longer takes more away
        ("a\n\nb", ("\n\n",), "a"),
        ("ab€c", ("€",), "ab"),
    ],
)
def test_the_stop_string_that_is_complete_first_counts(text, stop, expected):
    pieces, stream = stream_bytes(text, stop)
    assert stream.text == "".join(pieces) == expected
    whole = TextStream(PieceTokenizer([text]), [], stop)  # the same when it comes in one token
    assert whole.push(0) == expected and whole.stopped


def test_a_stop_string_may_begin_inside_one_token_and_end_inside_another():
    stream = TextStream(PieceTokenizer(["hello wo", "rld and"]), [], ("world",))
    assert stream.push(0) == "hello " and stream.push(1) == ""
    assert stream.stopped and stream.text == "hello "


def test_words_follow_their_prompt_with_a_space():
    class Words(PieceTokenizer):
        def decode_bytes(self, token_ids):
            return b" ".join(self.pieces[i] for i in token_ids)

    tokenizer = Words([f"w{i}" for i in range(300)])
    stream = TextStream(tokenizer, [7], ())
    pieces = [stream.push(i) for i in range(300)]
    assert pieces[:2] == [" w0", " w1"]
    assert stream.text == tokenizer.decode(range(300)).join([" ", ""])


def test_a_fork_grows_on_its_own():
    stream = TextStream(PieceTokenizer(["a", b"\xe2\x82", b"\xac", "b"]), [])
    stream.push(0), stream.push(1)
    other = stream.fork()
    assert other.push(2) == "€" and other.text == "a€"
    assert stream.push(3) == "\ufffdb" and stream.text == "a\ufffdb"
