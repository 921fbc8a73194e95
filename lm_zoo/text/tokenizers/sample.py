"""A sample of a large text for the tokenizers whose training holds it in memory."""

from lm_zoo.text.cuts import split_text
from lm_zoo.text.words import utf8

SAMPLE_CHARACTERS = 1 << 16


def spread(texts, limit, num_bytes=0):
    """Takes about `limit` bytes out of texts, evenly spread over all of them; always the same ones.

    Args:
        texts: Iterable of strings: documents, or parts of a stream.
        limit: How many bytes to take, UTF-8; 0 means all.
        num_bytes: About how many bytes the texts have; 0 if not known, and then the sample is their
            beginning. If they turn out to have more, the sample still ends at `limit`.

    Returns:
        An iterator of strings, whole documents where these are short.
    """
    if not limit or 0 < num_bytes <= limit:
        yield from texts
        return
    seen = taken = 0
    for text in texts:
        for part in split_text(text, SAMPLE_CHARACTERS):
            if taken >= limit:
                return
            size = len(utf8(part))
            if taken * max(num_bytes, limit) <= limit * seen:
                yield part
                taken += size
            seen += size
