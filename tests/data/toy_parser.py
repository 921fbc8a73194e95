"""Reads a sentence of the toy source language: no sentence can be read in two ways."""

from lm_zoo.data.corpora.artificial.toy_language import (
    ADJECTIVES,
    ARTICLES,
    INTRANSITIVE,
    NOUNS,
    PAST,
    PLURAL,
    PREPOSITIONS,
    SINGULAR,
    TRANSITIVE,
    Clause,
    Noun,
    Place,
    Sentence,
    plural,
    singular_present,
)

VERBS = (*TRANSITIVE, *INTRANSITIVE)
NUMBERED_NOUNS = {noun: (noun, SINGULAR) for noun in NOUNS}
NUMBERED_NOUNS |= {plural(noun): (noun, PLURAL) for noun in NOUNS}
PRESENT = {verb: (verb, PLURAL) for verb in VERBS}
PRESENT |= {singular_present(verb): (verb, SINGULAR) for verb in VERBS}
OF_PAST = {past: verb for verb, past in PAST.items()}
AUXILIARIES = {  # -> tense, and the subject's number where it has to be one
    "does": ("present", SINGULAR),
    "do": ("present", PLURAL),
    "did": ("past", None),
    "will": ("future", None),
}


def translation_of(source):
    """Returns the one right translation of a sentence.

    Args:
        source: Words of the toy source language with a space between.

    Raises:
        ValueError: If it is no sentence of that language, with the word at which this shows.
    """
    return " ".join(parse(source).target())


def parse(source):
    """Returns the `Sentence` that a source sentence is; raises as `translation_of`."""
    return _Parser(source.split()).sentence()


class _Parser:
    """Recursive descent with one word of foresight."""

    def __init__(self, words):
        self._words = words
        self._place = 0

    def sentence(self):
        subject = self._noun(may_say_more=True)
        tense, negated, verb = self._verb(subject)
        patient = self._noun(may_say_more=subject.more is None) if verb in TRANSITIVE else None
        if self._next() is not None:
            raise self._unexpected("the end")
        return Sentence(subject, verb, patient, tense, negated)

    def _noun(self, may_say_more=False):
        numbers, _ = ARTICLES[self._take(ARTICLES, "an article")]
        article = self._words[self._place - 1]
        adjectives = []
        while self._next() in ADJECTIVES:
            adjectives.append(self._take(ADJECTIVES, "an adjective"))
        fitting = [noun for noun, (_, number) in NUMBERED_NOUNS.items() if number in numbers]
        noun, number = NUMBERED_NOUNS[self._take(fitting, f"a noun that goes with {article!r}")]
        more = None
        if may_say_more and self._next() in PREPOSITIONS:
            more = Place(self._take(PREPOSITIONS, "a preposition"), self._noun())
        elif may_say_more and self._next() == "that":
            self._place += 1
            verb = self._present(number)
            more = Clause(verb, self._noun() if verb in TRANSITIVE else None)
        return Noun(article, tuple(adjectives), noun, number, more)

    def _verb(self, subject):
        """Returns tense, whether it is negated, and the verb."""
        word = self._next()
        if word in OF_PAST:
            self._place += 1
            return "past", False, OF_PAST[word]
        if word not in AUXILIARIES:
            return "present", False, self._present(subject.number)
        tense, number = AUXILIARIES[word]
        if number not in (None, subject.number):
            raise self._unexpected("a verb that goes with the subject")
        self._place += 1
        negated = self._next() == "not"
        if negated or tense != "future":
            self._take(("not",), "'not'")
        return tense, negated, self._take(VERBS, "a verb")

    def _present(self, number):
        fitting = [word for word, (_, its_number) in PRESENT.items() if its_number == number]
        return PRESENT[self._take(fitting, "a verb that goes with the subject")][0]

    def _next(self):
        return self._words[self._place] if self._place < len(self._words) else None

    def _take(self, words, wanted):
        word = self._next()
        if word not in words:
            raise self._unexpected(wanted)
        self._place += 1
        return word

    def _unexpected(self, wanted):
        word = self._next()
        received = "the end" if word is None else repr(word)
        return ValueError(f"word {self._place + 1}: expected {wanted}, received {received}")
