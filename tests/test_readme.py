"""README and guides are true: their commands and Python run as they stand, on shortened training."""

import pathlib
import re
import shlex
import subprocess
import sys

import pytest

from lm_zoo.cli.main import main

ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDERS = ("lm_zoo", "configs", "tools", "docker")  # which guides stand in, beside what they are of
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("README*.md")),
]
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in PAGES}
README = TEXTS["README.md"]
PROGRAMS = "lm-zoo|printf|cat"  # those whose lines are run, in the pages' order
SHORT = ["--config.training.steps=2", "--config.model.num_layers=1"]


def commands():
    """The commands of all pages' indented blocks, continued lines put together, once each."""
    joined = "\n".join(TEXTS.values()).replace("\\\n", " ")
    lines = [
        " ".join(line.split()) for line in re.findall(rf"^ {{4}}((?:{PROGRAMS}) .*)$", joined, re.M)
    ]
    return list(dict.fromkeys(lines))


def run(line):
    if not line.startswith("lm-zoo "):
        subprocess.run(["bash", "-c", line], check=True)
        return
    arguments = shlex.split(line)[1:]
    if "train" in arguments and any(a.startswith("--config=") for a in arguments):
        arguments += SHORT
        if "--config=synthetic_translation" not in arguments:
            arguments += ["--config.task.sample_length=8"]
    assert main(arguments) == 0, line


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where a reader of the pages would be: beside them, with the quickstart's second run."""
    folder = tmp_path_factory.mktemp("reader")
    for name, text in TEXTS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("LM_ZOO_CACHE", str(folder / "cache"))
        name = "quickstart_transformer"
        run(f"lm-zoo train --config={name} --workdir=runs/{name}")
        run(f"lm-zoo evaluate --workdir=runs/{name}")
        yield folder


def test_every_command_runs(folder, capsys):
    found = commands()
    assert {line.split()[1] for line in found if line.startswith("lm-zoo")} == {
        "train", "evaluate", "generate", "score", "compare", "prepare", "inspect", "tokenizer",
        "launch",
        "list", "export", "import", "translate", "predict",
    }  # fmt: skip
    for line in found:
        run(line)
    output = capsys.readouterr().out
    assert "perplexity per token" in output and "transformer_decoder" in output


def test_every_piece_of_python_runs(folder):
    pages = [re.findall(r"```python\n(.*?)```", text, re.DOTALL) for text in TEXTS.values()]
    programs = ["\n".join(blocks) for blocks in pages if blocks]  # a page's pieces are one program
    assert len(programs) == 3
    if not (folder / "runs" / "quickstart_lstm").exists():
        run("lm-zoo train --config=quickstart_lstm --workdir=runs/quickstart_lstm")
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
        run(line.replace("quickstart_lstm", "quickstart_transformer"))
