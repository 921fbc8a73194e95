"""Which words of the text became `<unk>`."""

import collections

from lm_zoo.text.words import split_words, utf8

MAX_WORDS = 20  # listed
MAX_CHARACTERS = 1 << 26  # of text looked through for unknown words


def unknown_words(corpus, split, tokenizer, most_characters=MAX_CHARACTERS):
    """Returns the most frequent unknown words, or characters, JSON-ready.

    A word that becomes `<unk>` as a whole is listed as it is. Where a part of one does, those of
    its characters are that are unknown by themselves; others cannot be known from the text alone.

    Args:
        corpus: The `Corpus`.
        split: Name of the split.
        tokenizer: The tokenizer.
        most_characters: After about so many characters of text it stops.

    Returns:
        A dict: `characters` looked at, and `words`, each with its `text` and `count`.
    """
    counts, characters = collections.Counter(), 0
    for text in corpus.texts(split):
        counts.update(split_words(utf8(text)))
        characters += len(text)
        if characters >= most_characters:
            break
    unknown = collections.Counter()
    for data, count in counts.items():
        word = data.decode("utf-8")
        ids = tokenizer.encode(word).tolist()
        if tokenizer.unk_id not in ids:
            continue
        if len(ids) == 1:
            unknown[word] += count
        else:
            for character in word:
                if tokenizer.unk_id in tokenizer.encode(character):
                    unknown[character] += count
    ranked = sorted(unknown.items(), key=lambda item: (-item[1], item[0]))
    words = [{"text": word, "count": count} for word, count in ranked[:MAX_WORDS]]
    return {"characters": characters, "words": words}
