"""`lm-zoo launch -- evaluate` prints the ledger that one process prints, once."""

import json
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SIZES = [
    "--config.corpus.tokens=5000",
    "--config.model.hidden_dim=16",
    "--config.training.steps=10",
    "--config.task.sample_length=0",
]


def lm_zoo(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "lm_zoo", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("split, rows", [("test", 1), ("train", 7)])
def test_two_processes_find_the_ledger_of_one(tmp_path, split, rows):
    run = f"--workdir={tmp_path / 'run'}"
    cache = f"--config.data.cache_dir={tmp_path / 'cache'}"
    lm_zoo("train", "--config=synthetic_gru", run, cache, *SIZES)
    evaluate = ["evaluate", run, f"--split={split}", f"--batch_size={rows}", "--json"]
    one = json.loads(lm_zoo(*evaluate))
    lines = lm_zoo("launch", "--workers=2", "--", *evaluate).splitlines()
    assert all(line.startswith("[worker 0] ") for line in lines), "the chief alone prints"
    two = json.loads("\n".join(line.removeprefix("[worker 0] ") for line in lines))
    assert two.keys() == one.keys()
    for field, value in one.items():
        close = isinstance(value, float)  # sums of matrix products of other heights
        assert two[field] == (pytest.approx(value, rel=1e-7) if close else value), field
    path = tmp_path / "run" / "results" / f"evaluation-{split}.json"
    assert json.loads(path.read_text()) == two


@pytest.mark.slow
def test_two_processes_share_the_translations(tmp_path):
    run, cache = f"--workdir={tmp_path / 'run'}", f"--config.data.cache_dir={tmp_path / 'cache'}"
    pairs = [
        "--config.corpus.name=synthetic_translation",
        "--config.corpus.pairs=220",
        "--config.task.name=translation",
        "--config.model.name=recurrent_encoder_decoder",
        "--config.task.sample_translations=0",
        "--config.tokenizer.name=word",
    ]
    lm_zoo("train", "--config=synthetic_gru", run, cache, *SIZES[1:3], *pairs)
    results = tmp_path / "run" / "results"
    found = []
    for launch in ([], ["launch", "--workers=2", "--"]):
        lm_zoo(*launch, "evaluate", run, "--num_beams=2", "--max_new_tokens=9", "--max_pairs=7")
        ledger, scores = (
            json.loads((results / f"{name}-test.json").read_text())
            for name in ("evaluation", "translation")
        )
        found.append((ledger, scores, (results / "translation-test.txt").read_text()))
        (results / "translation-test.txt").unlink()
    (one, one_scores, one_texts), (two, two_scores, two_texts) = found
    assert one_scores == two_scores and one_texts == two_texts and one_texts.count("\n") == 7
    for figure in ("nll_nats", "perplexity", "bits_per_token", "bits_per_byte"):
        assert two.pop(figure) == pytest.approx(one.pop(figure), rel=1e-7)
    one.pop("perplexity_per_word"), two.pop("perplexity_per_word")
    assert one == two
