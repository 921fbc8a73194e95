"""The site of `tools/docs.sh` is complete, and builds without a warning."""

import pathlib
import re
import subprocess
import sys

import pytest

import lm_zoo
from lm_zoo import layers
from lm_zoo.text import tokenizers

ROOT = pathlib.Path(__file__).resolve().parents[1]
DOCS = ROOT / "tools" / "docs"


def test_the_reference_has_every_public_name():
    pages = "\n".join(path.read_text() for path in (DOCS / "reference").glob("*.rst"))
    documented = set(re.findall(r"^\.\. auto\w+:: (\S+)$", pages, re.MULTILINE))
    public = {f"lm_zoo.{name}" for name in lm_zoo.__all__ if name != "__version__"}
    public |= {f"{m.__name__}.{name}" for m in (layers, tokenizers) for name in m.__all__}
    internal = ("TOKENIZERS", "foreign_kind", "load_tokenizer", "train_tokenizer")
    assert public - {f"{tokenizers.__name__}.{name}" for name in internal} <= documented


def test_the_site_has_every_page():
    pages = [*ROOT.glob("*.md"), *DOCS.glob("reference/*.rst"), *DOCS.glob("*.zh.md")]
    for folder in ("lm_zoo", "configs", "docker"):
        pages += (ROOT / folder).rglob("README.md")
    listed = (DOCS / "contents.md").read_text(encoding="utf-8")
    missing = [page for page in pages if str(page.relative_to(ROOT).with_suffix("")) not in listed]
    assert missing == []


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path):
    """Links between pages and to files lead somewhere; docstrings can be read."""
    for module in ("sphinx", "myst_parser", "furo"):
        pytest.importorskip(module)
    options = ["--quiet", "--fail-on-warning", "--fresh-env", f"--conf-dir={DOCS}"]
    command = [sys.executable, "-P", "-m", "sphinx", *options, ROOT, tmp_path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "tools/docs/reference/runs.html").read_text(encoding="utf-8")
    assert "LanguageModelRun.generate" in page and ":param" not in page
