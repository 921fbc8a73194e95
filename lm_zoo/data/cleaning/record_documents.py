"""Records of several fields as one text each: what compares or stores documents works on them."""

from lm_zoo.data.corpora.corpus import Corpus


def as_document(record):
    """Returns a record's texts as the lines of one text.

    Newlines within a text are carried as Unicode's line separators; `record_lines` of the cleaning
    steps makes spaces of both.
    """
    texts = (text.replace("\r\n", "\n").replace("\n", "\u2028") for text in record)
    return "\n".join(texts)


def as_record(document):
    """Returns the texts of a record that `as_document` made one of."""
    return tuple(document.split("\n"))


class RecordDocuments(Corpus):
    """A corpus of records as a corpus of documents; one with a single field is as it was.

    Args:
        corpus: The `Corpus` of records.
    """

    def __init__(self, corpus):
        self._corpus = corpus
        self._take_over(corpus, "name", "has_documents")

    def texts(self, split):
        if len(self._corpus.fields) == 1:
            return self._corpus.texts(split)
        return map(as_document, self._corpus.records(split))
