import pytest

from lm_zoo.config import CorpusConfig
from lm_zoo.data.corpora import load_corpus
from lm_zoo.text.tokenizers import TOKENIZERS

SIZES = {"bpe": 450, "wordpiece": 500, "sentencepiece_bpe": 600, "sentencepiece_unigram": 600}


@pytest.fixture(scope="session")
def training_text():
    return load_corpus(CorpusConfig("python_reference")).splits["train"][:60_000]


@pytest.fixture(scope="session")
def trained(training_text):
    """Every kind of tokenizer, trained on a little English. `bpe` has learned 200 merges or so."""
    return {
        name: cls.train([training_text], vocab_size=SIZES.get(name, 0))
        for name, cls in TOKENIZERS.items()
    }


@pytest.fixture(params=sorted(TOKENIZERS))
def tokenizer(request, trained):
    return trained[request.param]
