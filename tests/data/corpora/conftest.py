"""What the tests of corpora share: writing files, and reading them back through a config."""

import pytest

from lm_zoo.config import CorpusConfig
from lm_zoo.data.corpora import load_corpus
from lm_zoo.data.corpora.download import fetching, http_attempt
from tests.data.corpora.http_server import serving

SPLITS = ("train", "validation", "test")


@pytest.fixture
def folder(tmp_path):
    """A folder of files, with functions to fill and to read it."""
    return Folder(tmp_path)


class Folder:
    def __init__(self, path):
        self.path = path

    def write(self, name, content):
        """Writes bytes or text, and returns the path as a string."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    def corpus(self, *train_files, **fields):
        """Loads files of this folder; all of the text is training text unless fractions are set."""
        fields = {"validation_fraction": 0.0, "test_fraction": 0.0} | fields
        files = tuple(str(self.path / name) for name in train_files)
        return load_corpus(
            CorpusConfig("text_files", train_files=files, **fields), str(self.path / "cache")
        )

    def texts(self, *train_files, **fields):
        """Returns the training documents, or the parts of the stream, as a list."""
        return list(self.corpus(*train_files, **fields).texts("train"))

    def splits(self, *train_files, **fields):
        """Returns each split's documents as a list."""
        corpus = self.corpus(*train_files, **fields)
        return {split: list(corpus.texts(split)) for split in SPLITS}


@pytest.fixture
def site(monkeypatch):
    """A web server on loopback; fetching from it does not wait long."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(fetching, "FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(http_attempt, "STALL_SECONDS", 0.2)
    with serving() as site:
        yield site
