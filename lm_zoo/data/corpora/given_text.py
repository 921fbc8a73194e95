"""Text that is measured and not learned from: files as a corpus of one split."""

from lm_zoo.checked_fields import Facts
from lm_zoo.data.cache import cache_dir
from lm_zoo.data.corpora.file_corpus import FileCorpus
from lm_zoo.data.corpora.file_lists import find_files
from lm_zoo.data.corpora.splitting import ByFraction
from lm_zoo.data.corpora.text_files import DOCUMENTS


def given_text(files, documents="stream", cache=""):
    """Returns the `Corpus` of files, all of whose text is its split `train`.

    Args:
        files: Files, folders or patterns, read as those of the corpus `text_files`.
        documents: What a document is in a text file, one of `text_files.DOCUMENTS`.
        cache: The cache folder; empty means the default one.

    Raises:
        UserError: For a file that is missing or cannot be read.
    """
    Facts(choices=DOCUMENTS).checked(str, documents, "documents")
    groups = {"train": [(file,) for file in find_files("input", files, "")]}
    return FileCorpus(
        name="given_text",
        source="files " + ", ".join(files),
        licence="not stated",
        groups=groups,
        splitting=ByFraction(0.0, 0.0),
        cache=cache_dir(cache),
        documents=documents,
    )
