"""The field's standard corpora of sentence pairs; see `catalogue`.

Checksums are those that others publish for the same files: torchtext and, of WMT's, TensorFlow
Datasets; of IWSLT's archive, which its maker publishes without one, a user of it. Those of Multi30k
unpacked were computed by us from the published files.
"""

import dataclasses
import itertools
from collections.abc import Callable

from lm_zoo.data.corpora.catalogue import CatalogueEntry, Download
from lm_zoo.data.corpora.splitting import ByTurns


@dataclasses.dataclass(frozen=True)
class PairEntry:
    """A standard corpus of sentence pairs.

    Attributes:
        name: The value of `corpus.name`.
        about: Description.
        counts: Published numbers of pairs.
        licence: Its licence.
        origin: Address where it is described.
        directions: Available `(source language, target language)`, the default first.
        parts: Function of the two languages that returns those arguments of a `CatalogueEntry` that
            depend on them; each split's `files` are sources and their targets in turn.
    """

    name: str
    about: str
    counts: str
    licence: str
    origin: str
    directions: tuple
    parts: Callable

    def in_direction(self, source, target):
        """Returns the `CatalogueEntry` with the files of two languages."""
        return CatalogueEntry(
            name=self.name,
            about=self.about,
            tokens=self.counts,
            licence=self.licence,
            **self.parts(source, target),
        )


_MULTI30K = "https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/raw/"
_MULTI30K_SPLITS = {"train": "train", "validation": "val", "test": "test_2016_flickr"}
MULTI30K_MD5 = {  # of the packed files
    "train.de": "81ff90b99829c0cd4b1b587d394afd39",
    "train.en": "0065d13af80720a55ca8153d126e6627",
    "train.fr": "6cb767741dcad3931f966fefbc05203f",
    "train.cs": "d9a5fc268917725a2b0efce3a0cc8607",
    "val.de": "6e0e229eb049e3fc99a1ef02fb2d5f91",
    "val.en": "2b69aa9253948ac9f67e94917272dd40",
    "val.fr": "93fc564584b7e5ba410c761ea5a1c682",
    "val.cs": "83cdc082f646b769095615384cf5c0ca",
    "test_2016_flickr.de": "efd67d314d98489b716b145475101932",
    "test_2016_flickr.en": "ff2c0fcb4893a13bd73414306bc250ae",
    "test_2016_flickr.fr": "08dc7cd4a662f31718412de95ca9bfe3",
    "test_2016_flickr.cs": "3104872229daa1bef3b401d44dd2220b",
}
MULTI30K_SHA256 = {  # of the unpacked ones
    "train.de": "2c2b73fd2b548fbcde3a875e0a78d6ee94d498bfdee6bd3eae3945779e9ddf72",
    "train.en": "460a15fbd157e34a7a9957ee388c1ca247fe47af3ef25fb50442af6c274e0fc6",
    "train.fr": "5925a3c18f1587b6b54b87743106e6e8ab93618edb6f65d19eac0621f853a10d",
    "train.cs": "2be68b38c8d586ff4f54eb13cc6e1baaaa053695b3f070d3038303a47f2268da",
    "val.de": "660e09eb7e1da2f856ea13ee5ad3cf6d36b3d5b0b733c857e94c5747a3dfc660",
    "val.en": "1f2a23d992769b5b3d209b0a10dd0b77c08cceb1f20dfb97ed0aafa49d107227",
    "val.fr": "5304e444d842e962b2dda4d816b70b22a1765b15401642b7ca37a67477e708dc",
    "val.cs": "d53827e469b0a1ca8d57e9e26b2b64c4bc4b33f5479c7b03ae87ae5c882c3e33",
    "test_2016_flickr.de": "4be6b5b3236b79c25475c6bb829800a7ce559e9ba7a1f6c2394fe4d40be46d16",
    "test_2016_flickr.en": "399a4382932c1aadd3ceb9bef1008d388a64c76d4ae4e9d4728c6f4301cac182",
    "test_2016_flickr.fr": "cb3160d69b002bb638e66cc7612fcd56cb0af82eadc9c142dedc438afb885ef6",
    "test_2016_flickr.cs": "45adb85f688de8407fddcbe1b36dca15d12aab868149b337e2576f2d6d2ff8d8",
}


def _multi30k(source, target):
    files = {
        split: tuple(f"{stem}.{language}.gz" for language in (source, target))
        for split, stem in _MULTI30K_SPLITS.items()
    }
    packed = [name for names in files.values() for name in names]
    plain = {name: name.removesuffix(".gz") for name in packed}
    checksums = {name: f"md5:{MULTI30K_MD5[plain[name]]}" for name in packed}
    return {
        "downloads": tuple(
            Download(name, (_MULTI30K + name,), checksum) for name, checksum in checksums.items()
        ),
        "files": files,
        "folders": ("raw", "task1/raw", "data/task1/raw", "multi30k"),
        "other_names": {name: (plain[name],) for name in packed},
        "checksums": checksums
        | {name: f"sha256:{MULTI30K_SHA256[name]}" for name in plain.values()},
    }


_IWSLT_TESTS = ("TED.dev2010", "TEDX.dev2012", "TED.tst2010", "TED.tst2011", "TED.tst2012")


def _iwslt(source, target):
    def both(name):
        return tuple(name.format(language) for language in (source, target))

    tests = (both(f"IWSLT14.{test}.de-en.{{}}.xml") for test in _IWSLT_TESTS)
    files = {
        "train": both("train.tags.de-en.{}"),
        "test": tuple(itertools.chain.from_iterable(tests)),
    }
    return {
        "downloads": (
            Download(
                "de-en.tgz",
                ("https://dl.fbaipublicfiles.com/fairseq/data/iwslt14/de-en.tgz",),
                "md5:10936dfdf616504ddbd844e91b94ef4a",
                members=tuple(
                    f"de-en/{name}" for names in files.values() for name in sorted(names)
                ),
            ),
        ),
        "files": files,
        "folders": ("de-en", "orig/de-en", "iwslt14"),
        "splitting": ByTurns(23),
        "unpacked": "text-de-en",
    }


_STATMT = "http://www.statmt.org/"
_EUROPARL = (
    "training-parallel-europarl-v7.tgz",
    f"{_STATMT}wmt13/training-parallel-europarl-v7.tgz",
    "sha256:0224c7c710c8a063dfd893b0cc0830202d61f4c75c17eb8e31836103d27d96e7",
    657_632_379,
    "training/europarl-v7.{pair}.{language}",
)
_COMMON_CRAWL = (
    "training-parallel-commoncrawl.tgz",
    f"{_STATMT}wmt13/training-parallel-commoncrawl.tgz",
    "sha256:c7a74e2ea01ac6c920123108627e35278d4ccb5701e15428ffa34de86fa3a9e5",
    918_311_367,
    "commoncrawl.{pair}.{language}",
)
_UNITED_NATIONS = (
    "training-parallel-un.tgz",
    f"{_STATMT}wmt13/training-parallel-un.tgz",
    "sha256:29141b5c1eba149a94f7a59d3b1a834b2e47fe0f8758d68dcd77a3d3f497ee47",
    2_365_634_246,
    "un/undoc.2000.{pair}.{language}",
)
_NEWS_COMMENTARY = (
    "training-parallel-nc-v9.tgz",
    f"{_STATMT}wmt14/training-parallel-nc-v9.tgz",
    "sha256:cb8953f292298e6877ae433c98912b927cb0766b303f4540512ddd286c748485",
    80_418_416,
    "training/news-commentary-v9.{pair}.{language}",
)
_GIGA = (
    "training-giga-fren.tar",
    f"{_STATMT}wmt10/training-giga-fren.tar",
    "sha256:3ff8319f6919393520559bfbc7ad6a747ec81b3abc7be9993b338d4b017b4d9a",
    2_595_102_720,
    "giga-fren.release2.fixed.{language}.gz",
)
_DEVELOPMENT = (
    "dev.tgz",
    "http://data.statmt.org/wmt19/translation-task/dev.tgz",
    "sha256:7a7deccf82ebb05ba508dba5eb21356492224e8f630ec4f992132b029b4b25e7",
    38_654_961,
)
WMT14_TRAINING = {
    "de-en": (_EUROPARL, _COMMON_CRAWL, _NEWS_COMMENTARY),
    "fr-en": (_EUROPARL, _COMMON_CRAWL, _UNITED_NATIONS, _NEWS_COMMENTARY, _GIGA),
}


def _wmt14(source, target):
    other = target if source == "en" else source
    pair = f"{other}-en"

    def both(member):
        return tuple(member.format(pair=pair, language=language) for language in (source, target))

    def newstest2014(language):
        role = "ref" if language == "en" else "src"
        return f"dev/newstest2014-{other}en-{role}.{language}.sgm"

    validation = both("dev/newstest2013.{language}")
    test = newstest2014(source), newstest2014(target)
    members = [(part, both(part[-1])) for part in WMT14_TRAINING[pair]]
    members.append((_DEVELOPMENT, (*validation, *test)))
    return {
        "downloads": tuple(
            Download(*part[:1], (part[1],), *part[2:4], members=tuple(sorted(names)))
            for part, names in members
        ),
        "files": {
            "train": tuple(_base(name) for _, names in members[:-1] for name in names),
            "validation": tuple(map(_base, validation)),
            "test": tuple(map(_base, test)),
        },
        "folders": ("training", "dev", "un", pair),
        "unpacked": f"text-{pair}",
    }


def _base(member):
    return member.rsplit("/", 1)[-1]


PAIR_CATALOGUE = (
    PairEntry(
        name="multi30k",
        about="Multi30k (task 1), captions of Flickr30k's pictures and their translations; test is "
        "2016's",
        counts="29,000 / 1,014 / 1,000 pairs",
        licence="CC BY-NC-SA 4.0 according to its authors, there is no licence file",
        origin="https://github.com/multi30k/dataset",
        directions=(("de", "en"), ("en", "de"))
        + tuple(
            direction
            for direction in itertools.permutations(("en", "de", "fr", "cs"), 2)
            if direction not in (("de", "en"), ("en", "de"))
        ),
        parts=_multi30k,
    ),
    PairEntry(
        name="iwslt",
        about="IWSLT 2014, TED talks; every 23rd training pair is validation, test is dev2010, "
        "TEDX.dev2012 and tst2010 to tst2012",
        counts="fairseq's preparation, which also drops pairs that are long or of unequal length, "
        "leaves 160,239 / 7,283 / 6,750",
        licence="CC BY-NC-ND (TED talks)",
        origin="https://dl.fbaipublicfiles.com/fairseq/data/iwslt14/de-en.tgz",
        directions=(("de", "en"), ("en", "de")),
        parts=_iwslt,
    ),
    PairEntry(
        name="wmt14",
        about="WMT 2014, 1.7 GB of archives (6.7 GB for French): Europarl, Common Crawl, News "
        "Commentary, and for French United Nations and Giga; validation is newstest2013, test "
        "newstest2014",
        counts="de-en: 4,508,785 / 3,000 / 3,003 pairs; fr-en: 40,836,715 / 3,000 / 3,003",
        licence="not stated for all parts; intended for research",
        origin="http://www.statmt.org/wmt14/translation-task.html",
        directions=(("de", "en"), ("en", "de"), ("fr", "en"), ("en", "fr")),
        parts=_wmt14,
    ),
)
