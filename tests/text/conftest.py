import io
import json
import random

import pytest

from lm_zoo.config import CorpusConfig, TokenizerConfig
from lm_zoo.data.corpora import load_corpus
from lm_zoo.text.tokenizers import TOKENIZERS, chinese_word, train_tokenizer
from tests.text.strings import STRINGS, WORDPIECE_ALPHABET

SENTENCE_PIECE = ["sentencepiece_bpe", "sentencepiece_unigram"]
# How well-known models are made: T5 and XLNet, Llama, and one that has bare words.
RULES = {
    "default": {},
    "llama": {
        "byte_fallback": True,
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
        "split_digits": True,
    },
    "bare": {"add_dummy_prefix": False, "normalization_rule_name": "nfkc"},
    "keeps spaces": {"remove_extra_whitespaces": False},
}
MIXED = "aB1 +#.%-_&\n\r\t!，。é\u3000\u3400🙂\U00020000豈〇々"
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


@pytest.fixture(scope="session")
def gpt2(shared_data):
    config = TokenizerConfig(name="bpe", path=str(shared_data("gpt2_bpe")))
    return train_tokenizer(config, [])


@pytest.fixture(scope="session")
def published(shared_data):
    """Text and GPT-2's ids for it, from three other implementations' tests."""
    folder = shared_data("gpt2_bpe") / "tests"
    texts = (folder / "llamacpp_gpt2.inp").read_bytes().decode().split("\n__ggml_vocab_test__\n")
    lines = (folder / "llamacpp_gpt2.out").read_text().split("\n")
    cases = [(text, [int(i) for i in line.split()]) for text, line in zip(texts, lines)]
    assert len(cases) == len(texts) == 47
    cases += json.loads((folder / "gpt3_encoder_cases.json").read_text(encoding="utf-8")).items()
    long = json.loads((folder / "swift_encoded_tokens.json").read_text(encoding="utf-8"))
    return cases + [(long["text"], long["token_ids"])]


@pytest.fixture(scope="session")
def wordpiece_vocabulary():
    letters = sorted(
        {c for c in "".join(STRINGS) + "".join(WORDPIECE_ALPHABET) if c.isprintable() and c != " "}
    )
    words = [
        "the",
        "quick",
        "##ing",
        "##re",
        "it",
        "##'",
        "brown",
        "jump",
        "##s",
        "中文",
        "##文",
        "ab",
    ]
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = [*specials, *letters[::2], *("##" + c for c in letters[::3]), *words]
    return list(dict.fromkeys(pieces))


@pytest.fixture(
    scope="session", params=[(name, rules) for name in SENTENCE_PIECE for rules in RULES]
)
def foreign_model(request, training_text):
    """A model as others make it, and how sentencepiece itself reads it."""
    import sentencepiece

    name, rules = request.param
    file = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(training_text.split("\n")),
        model_writer=file,
        model_type=name.removeprefix("sentencepiece_"),
        vocab_size=600,
        minloglevel=2,
        **RULES[rules],
    )
    processor = sentencepiece.SentencePieceProcessor(model_proto=file.getvalue())
    return TOKENIZERS[name](file.getvalue()), processor


@pytest.fixture(scope="session")
def chinese_texts():
    """Words of the dictionary, other characters and Latin, put together at random."""
    rng = random.Random(0)
    words = list(chinese_word.installed_dictionary().frequencies)

    def part():
        return rng.choice([rng.choice(words), chr(rng.randrange(0x4E00, 0xA000)), *MIXED[:2]])

    return STRINGS + [
        "".join(rng.choice([part(), rng.choice(MIXED)]) for _ in range(rng.randrange(14)))
        for _ in range(3000)
    ]


@pytest.fixture(scope="session")
def poems(shared_data):
    path = shared_data("zh_poetry") / "poet.tang.1000.json"
    return ["\n".join(poem["paragraphs"]) for poem in json.loads(path.read_bytes())][:500]
