"""Reports of figures side by side, best first; unlike ones are refused."""

import json

import pytest

import lm_zoo
from lm_zoo.cli.main import main
from lm_zoo.errors import UserError
from lm_zoo.evaluation.compare_figures import compare_figures
from lm_zoo.evaluation.figures_report import FiguresReport
from tests.evaluation.test_ledger import make_ledger


def report(accuracy=0.5, **changes):
    values = {
        "task": "toy",
        "model": "lstm_lm",
        "parameters": 12,
        "split": "test",
        "text_sha256": {"text": "a" * 64, "label": "b" * 64},
        "tokenizers": {"text": "c" * 64, "label": "d" * 64},
        "examples": 40,
        "examples_not_scored": 0,
        "figures": {"loss": 1 - accuracy, "accuracy": accuracy},
        "better": {"loss": "min", "accuracy": "max"},
        "step": 3,
    }
    return FiguresReport(**values | changes)


def test_the_best_comes_first_by_what_is_better():
    named = {"a": report(0.5).to_dict(), "b": report(0.75).to_dict(), "c": report(0.6).to_dict()}
    found = compare_figures(named)
    assert found.by == "accuracy" and [row["name"] for row in found.rows] == ["b", "c", "a"]
    table = str(found).splitlines()
    assert "0.7500" in table[1] and table[4] == "Best first, by accuracy."
    assert table[7].split() == ["b", "lstm_lm", "12", "3", "-", "-"]
    losses = {n: v | {"better": {"loss": "min"}} for n, v in named.items()}
    assert [row["name"] for row in compare_figures(losses).rows] == ["b", "c", "a"]


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"task": "other"}, "task differs.*'toy' in a, 'other' in b"),
        ({"text_sha256": {"text": "f" * 64}}, "text_sha256 differs"),
        ({"examples": 39, "examples_not_scored": 1}, "examples differs.*40 in a, 39 in b"),
    ],
)
def test_unlike_reports_are_refused(changes, message):
    with pytest.raises(UserError, match=message):
        compare_figures({"a": report().to_dict(), "b": report(**changes).to_dict()})


def test_the_command_reads_files_and_refuses_a_ledger_beside_figures(tmp_path, capsys, caplog):
    paths = []
    for name, values in (("a", report(0.5)), ("b", report(0.7)), ("ledger", make_ledger())):
        paths.append(str(tmp_path / f"{name}.json"))
        (tmp_path / f"{name}.json").write_text(json.dumps(values.to_dict()))
    assert main(["compare", *paths[:2], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"][0]["accuracy"] == 0.7
    reports = {path: report(value) for path, value in zip(paths, (0.5, 0.7))}
    assert str(lm_zoo.compare(reports)) == str(lm_zoo.compare(paths[:2]))
    (tmp_path / "notes.txt").write_text("no run")
    assert main(["compare", *paths[:2], str(tmp_path), str(tmp_path / "notes.txt")]) == 0
    left_out = f"left out, since it is no run: {tmp_path}, {tmp_path / 'notes.txt'}"
    assert left_out in " ".join(record.getMessage() for record in caplog.records)
    assert main(["compare", paths[0], paths[2]]) == 2
    assert "is not a report of figures (there is no task in it)" in capsys.readouterr().err
