"""Two small languages and the one right translation between them: a synchronous grammar.

The source is a small English: "the small dogs that see a cat did not follow some birds". The target
is made up. It puts the verb last and marks the object by `ke` behind it; adjectives follow their
noun in mirrored order; prepositions become postpositions, and these phrases and relative clauses,
closed by `qui`, stand before the noun that they belong to; negation opens the sentence as `van`.
Nouns have a gender, which articles, adjectives and the verb take over, with the number:

    the small dog sees a red bird         lo kano piro na pilla rossa ke vidas
    the small dogs will not see the cat   van li kani piri la mirra ke vidis sur
"""

import dataclasses

SINGULAR, PLURAL = 0, 1
MASCULINE, FEMININE = 0, 1

NOUNS = {  # -> the target's stem and gender
    "dog": ("kan", MASCULINE),
    "cat": ("mirr", FEMININE),
    "bird": ("pill", FEMININE),
    "horse": ("torv", MASCULINE),
    "girl": ("sell", FEMININE),
    "boy": ("rabb", MASCULINE),
    "teacher": ("dorn", MASCULINE),
    "sailor": ("marg", FEMININE),
    "house": ("dom", FEMININE),
    "tree": ("bork", MASCULINE),
    "river": ("lumm", FEMININE),
    "stone": ("tekk", MASCULINE),
}
ADJECTIVES = {
    "small": "pir",
    "big": "grond",
    "red": "ross",
    "old": "vett",
    "quiet": "silv",
    "happy": "jell",
}
TRANSITIVE = {
    "see": "vid",
    "follow": "segg",
    "help": "jut",
    "hear": "udd",
    "find": "trov",
    "love": "amm",
}
INTRANSITIVE = {"sleep": "dorm", "laugh": "ridd", "wait": "sped", "arrive": "venn"}
PAST = {
    "see": "saw",
    "follow": "followed",
    "help": "helped",
    "hear": "heard",
    "find": "found",
    "love": "loved",
    "sleep": "slept",
    "laugh": "laughed",
    "wait": "waited",
    "arrive": "arrived",
}
PREPOSITIONS = {"near": "beri", "behind": "dopo", "under": "sotu"}
ARTICLES = {  # -> which numbers it goes with, and the target's stem
    "the": ((SINGULAR, PLURAL), "l"),
    "a": ((SINGULAR,), "n"),
    "some": ((PLURAL,), "n"),
}
TENSES = {"present": "", "past": "ta", "future": "sur"}  # -> what follows the target's verb
OBJECT, RELATIVE, NEGATION = "ke", "qui", "van"
NOMINAL_ENDINGS = (("o", "i"), ("a", "e"))  # of articles, nouns and adjectives: [gender][number]
VERBAL_ENDINGS = (("as", "is"), ("an", "en"))


def plural(noun):
    return noun + "s"


def singular_present(verb):
    return verb + "s"


@dataclasses.dataclass(frozen=True)
class Noun:
    """An article, adjectives and a noun, with at most one phrase or clause that says more of it.

    Attributes:
        article: A key of `ARTICLES` that goes with the number.
        adjectives: Keys of `ADJECTIVES`.
        noun: A key of `NOUNS`.
        number: `SINGULAR` or `PLURAL`.
        more: A `Place`, a `Clause` or None.
    """

    article: str
    adjectives: tuple
    noun: str
    number: int
    more: object = None

    @property
    def gender(self):
        return NOUNS[self.noun][1]

    def source(self):
        noun = plural(self.noun) if self.number == PLURAL else self.noun
        more = self.more.source(self) if self.more else []
        return [self.article, *self.adjectives, noun, *more]

    def target(self):
        ending = NOMINAL_ENDINGS[self.gender][self.number]
        stems = [
            ARTICLES[self.article][1],
            NOUNS[self.noun][0],
            *(ADJECTIVES[adjective] for adjective in reversed(self.adjectives)),
        ]
        more = self.more.target(self) if self.more else []
        return [*more, *(stem + ending for stem in stems)]


@dataclasses.dataclass(frozen=True)
class Place:
    """`near the house`: where a noun is."""

    preposition: str
    noun: Noun

    def source(self, head):
        return [self.preposition, *self.noun.source()]

    def target(self, head):
        return [*self.noun.target(), PREPOSITIONS[self.preposition]]


@dataclasses.dataclass(frozen=True)
class Clause:
    """`that see a cat`: what a noun does, in the present."""

    verb: str
    object: Noun | None

    def source(self, head):
        verb = self.verb if head.number == PLURAL else singular_present(self.verb)
        return ["that", verb, *(self.object.source() if self.object else [])]

    def target(self, head):
        return [*target_object(self.object), target_verb(self.verb, head), RELATIVE]


@dataclasses.dataclass(frozen=True)
class Sentence:
    """A subject, a verb and, with a transitive one, its object.

    Attributes:
        subject: A `Noun`.
        verb: A key of `TRANSITIVE` or `INTRANSITIVE`.
        object: A `Noun`, or None.
        tense: A key of `TENSES`.
        negated: Whether it says that this is not so.
    """

    subject: Noun
    verb: str
    object: Noun | None
    tense: str
    negated: bool

    def source(self):
        """Returns the source's words."""
        negation = ["not"] if self.negated else []
        if self.tense == "future":
            verb = ["will", *negation, self.verb]
        elif self.negated:
            present = "do" if self.subject.number == PLURAL else "does"
            verb = ["did" if self.tense == "past" else present, *negation, self.verb]
        elif self.tense == "past":
            verb = [PAST[self.verb]]
        else:
            plain = self.subject.number == PLURAL
            verb = [self.verb if plain else singular_present(self.verb)]
        return [*self.subject.source(), *verb, *(self.object.source() if self.object else [])]

    def target(self):
        """Returns the target's words."""
        return [
            *([NEGATION] if self.negated else []),
            *self.subject.target(),
            *target_object(self.object),
            target_verb(self.verb, self.subject),
            *filter(None, [TENSES[self.tense]]),
        ]


def target_object(noun):
    return [*noun.target(), OBJECT] if noun else []


def target_verb(verb, subject):
    stem = (TRANSITIVE | INTRANSITIVE)[verb]
    return stem + VERBAL_ENDINGS[subject.gender][subject.number]
