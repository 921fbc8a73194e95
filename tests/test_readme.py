"""README and guides are true: their commands and Python run as they stand, on shortened training."""

import pathlib
import re
import shlex
import subprocess
import sys

import pytest

from lm_zoo.cli.main import main
from lm_zoo.data.corpora.artificial.synthetic_translation import draw_pairs

ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDERS = ("lm_zoo", "configs", "tools", "docker")  # which guides stand in, beside what they are of
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("README*.md")),
]
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in PAGES}
README = TEXTS["README.md"]
SHORT = ["--config.training.steps=2", "--config.model.num_layers=1"]


def commands():
    """The `lm-zoo` commands of all pages' indented blocks, continued lines put together, once each."""
    joined = "\n".join(TEXTS.values()).replace("\\\n", " ")
    lines = [" ".join(line.split()) for line in re.findall(r"^ {4}(lm-zoo .*)$", joined, re.M)]
    return [shlex.split(line) for line in dict.fromkeys(lines)]


def run(command):
    arguments = command[1:]
    if "train" in arguments and any(a.startswith("--config=") for a in arguments):
        arguments += SHORT
        if "--config=synthetic_translation" not in arguments:
            arguments += ["--config.task.sample_length=8"]
    assert main(arguments) == 0, command


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where a reader of the README would be: with the quickstart's second run, and some text."""
    folder = tmp_path_factory.mktemp("reader")
    (folder / "README.md").write_text("The class is an object.\nA function is one too.\n")
    for name, texts in zip(("source", "target"), zip(*draw_pairs(2, seed=9))):
        (folder / f"toy.{name}").write_text("\n".join(texts) + "\n")
    (folder / "mine.txt").write_text("It was a dark and stormy night. " * 1500)
    (folder / "chinese.txt").write_text("春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。\n" * 1500)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("LM_ZOO_CACHE", str(folder / "cache"))
        name = "quickstart_transformer"
        run(["lm-zoo", "train", f"--config={name}", f"--workdir=runs/{name}"])
        run(["lm-zoo", "evaluate", f"--workdir=runs/{name}"])
        yield folder


def test_every_command_runs(folder, capsys):
    found = commands()
    assert {command[1] for command in found} == {
        "train", "evaluate", "generate", "score", "compare", "prepare", "inspect", "tokenizer",
        "launch",
        "list", "export", "import", "translate", "predict",
    }  # fmt: skip
    for command in found:
        run(command)
    output = capsys.readouterr().out
    assert "perplexity per token" in output and "transformer_decoder" in output


def test_every_piece_of_python_runs(folder):
    pages = [re.findall(r"```python\n(.*?)```", text, re.DOTALL) for text in TEXTS.values()]
    programs = ["\n".join(blocks) for blocks in pages if blocks]  # a page's pieces are one program
    assert len(programs) == 3
    if not (folder / "runs" / "quickstart_lstm").exists():
        run(["lm-zoo", "train", "--config=quickstart_lstm", "--workdir=runs/quickstart_lstm"])
    for program in programs:
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=folder,
            env=environment(),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout


def environment():
    import os

    return os.environ | {"PYTHONPATH": str(ROOT)}


def test_the_scripts_it_names_exist_and_are_valid_bash():
    for name in set(re.findall(r"tools/\w+\.sh", "\n".join(TEXTS.values()))):
        subprocess.run(["bash", "-n", ROOT / name], check=True)


@pytest.mark.parametrize("page", TEXTS)
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", TEXTS[page]):
        if not link.startswith(("http:", "https:")):
            assert (ROOT / page).parent.joinpath(link).exists(), link


def test_the_front_page_is_short_and_leads_to_every_guide():
    assert len(README.splitlines()) <= 200
    assert [page for page in TEXTS if page != "README.md" and page not in README] == []


def test_the_quickstarts_commands_are_those_of_the_command_line(folder, capsys):
    """Each `lm-zoo` line of the script, with its variables filled in, is accepted."""
    script = (ROOT / "tools" / "quickstart.sh").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = re.findall(r"^ *(lm-zoo (?:evaluate|compare|generate) .*)$", script, re.MULTILINE)
    assert len(lines) == 3
    for line in lines:
        line = line.replace("$runs", "runs").replace("$model", "transformer")
        line = line.replace("quickstart_lstm", "quickstart_transformer")
        run(shlex.split(line))
