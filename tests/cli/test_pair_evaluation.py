"""`evaluate` and `score` for a run of pairs: what they print, keep and refuse."""

import json
import shutil

import pytest

import lm_zoo
from lm_zoo import config as config_lib
from lm_zoo.cli.main import main
from lm_zoo.config import config_json
from lm_zoo.evaluation.ledger import Ledger
from tests.cli.test_bad_input import refused

sacrebleu = pytest.importorskip("sacrebleu")

SEARCH = ["--num_beams=2", "--max_new_tokens=12"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a run of pairs, what is only the beginning of a language model's, and texts."""
    root = tmp_path_factory.mktemp("place")
    cache = str(root / "cache")
    config = config_lib.ExperimentConfig(
        task=config_lib.TaskConfig("translation", sample_translations=0),
        corpus=config_lib.CorpusConfig("synthetic_translation", pairs=200),
        data=config_lib.DataConfig(cache_dir=cache),
        tokenizer=config_lib.TokenizerConfig(name="word"),
        tokenizers={"source": config_lib.TokenizerConfig(name="character")},
        model=config_lib.ModelConfig(
            "recurrent_encoder_decoder", hidden_dim=8, num_layers=1, embedding_dim=8
        ),
        training=config_lib.TrainingConfig(steps=1),
        evaluation=config_lib.EvaluationConfig(batch_size=16),
    )
    lm_zoo.train(config, root / "run")
    (root / "lm").mkdir()
    (root / "lm" / "config.json").write_text(config_json.dumps(config_lib.ExperimentConfig()))
    sources, targets = zip(*lm_zoo.load(root / "run").records("test"))
    for name, lines in {
        "sources.txt": sources,
        "references.txt": targets,
        "fewer.txt": targets[:-1],
        "blank.txt": ["", *targets[1:]],
        "pairs.tsv": map("\t".join, zip(sources, targets)),
    }.items():
        (root / name).write_text("".join(line + "\n" for line in lines))
    return root


@pytest.fixture(scope="module")
def evaluated(place):
    """The ledger, the scores and the translations that evaluating the test split leaves."""
    assert main(["evaluate", f"--workdir={place}/run", *SEARCH]) == 0
    results = place / "run" / "results"
    ledger, scores = (
        json.loads((results / f"{name}-test.json").read_text())
        for name in ("evaluation", "translation")
    )
    return ledger, scores, (results / "translation-test.txt").read_text().splitlines()


def test_the_results_are_the_ledger_and_what_sacrebleu_finds(place, evaluated):
    ledger, scores, translations = evaluated
    references = (place / "references.txt").read_text().splitlines()
    assert Ledger.from_dict(ledger).context["pairs"] == len(references)
    assert len(translations) == len(references) == scores["num_pairs"]
    assert scores["bleu"] == sacrebleu.corpus_bleu(translations, [references]).score
    assert scores["chrf"] == sacrebleu.corpus_chrf(translations, [references]).score
    assert scores["ter"] == sacrebleu.corpus_ter(translations, [references]).score
    assert scores["options"]["num_beams"] == 2 and scores["step"] == 1


def test_files_are_measured_as_the_split_of_the_same_text(place, evaluated, capsys):
    files = [f"--sources={place}/sources.txt", f"--references={place}/references.txt"]
    options = ["--metrics=bleu", "--lowercase", "--max_pairs=3", *SEARCH]
    assert main(["evaluate", f"--workdir={place}/run", *files, *options]) == 0
    printed = capsys.readouterr().out
    results = place / "run" / "results"
    ledger = json.loads((results / "evaluation-references.txt.json").read_text())
    changed = {"split": "references.txt", "corpus": "files"}
    assert ledger == evaluated[0] | changed
    scores = json.loads((results / "translation-references.txt.json").read_text())
    translations = (results / "translation-references.txt.txt").read_text().splitlines()
    assert translations == evaluated[2][:3]
    assert scores["num_pairs"] == 3 and scores["ter"] is None
    assert "case:lc" in scores["signatures"]["bleu"]
    for shown in (
        "perplexity per token",
        "the whole source, 10 pairs",
        scores["signatures"]["bleu"],
    ):
        assert shown in printed


def test_translations_that_are_there_are_measured_without_the_model(place, capsys):
    ready = [f"--translations={place}/references.txt", "--json"]
    for references in ([], [f"--references={place}/references.txt,{place}/sources.txt"]):
        assert main(["evaluate", f"--workdir={place}/run", *ready, *references]) == 0
        scores = json.loads(capsys.readouterr().out)
        assert scores["bleu"] == pytest.approx(100) and scores["exact_match"] == 100
        assert scores["num_references"] == 1 + len(references)


def test_scores_are_of_lines_beside_their_sources(place, evaluated, capsys):
    command = ["score", f"--workdir={place}/run", "--json"]
    assert main([*command, f"--input={place}/pairs.tsv"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    files = [f"--sources={place}/sources.txt", f"--input={place}/references.txt"]
    assert main([*command, *files]) == 0
    assert rows == [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["source"] for row in rows] == (place / "sources.txt").read_text().splitlines()
    nll_nats = evaluated[0]["nll_nats"]
    assert -sum(row["log_prob"] for row in rows) == pytest.approx(nll_nats, rel=1e-6)


EVALUATE = ("evaluate", "--workdir=ROOT/run")
SCORE = ("score", "--workdir=ROOT/run")
SOURCES = "--sources=ROOT/sources.txt"


@pytest.mark.parametrize(
    "arguments, expected",
    [
        ((*EVALUATE, "--num_beams=0"), ["num_beams: expected", "at least 1", "0"]),
        ((*EVALUATE, "--metrics=blue"), ["metrics", "'blue'", "'bleu'"]),
        ((*EVALUATE, "--tokenize=13"), ["tokenize", "'13'", "13a"]),
        (
            (*EVALUATE, "--context=windows"),
            ["--context", "task language_modeling", "this run is of translation"],
        ),
        ((*EVALUATE, "--split=train"), ["--split", "'train'", "--metrics="]),
        ((*EVALUATE, SOURCES), ["--sources and --references"]),
        (
            (*EVALUATE, SOURCES, "--references=ROOT/fewer.txt"),
            ["fewer.txt' has 9 lines", "sources.txt' of --sources has 10"],
        ),
        (
            (*EVALUATE, "--translations=ROOT/fewer.txt"),
            ["expected 10 lines, one per pair of the test split, received 9"],
        ),
        ((*EVALUATE, "--translations=ROOT/none.txt"), ["--translations", "no file"]),
        (
            ("evaluate", "--workdir=ROOT/lm", "--num_beams=2"),
            ["--num_beams", "task translation", "this run is of language_modeling"],
        ),
        ((*SCORE, "--input=ROOT/sources.txt"), ["line 1", "a tab", "--sources=FILE"]),
        (
            (*SCORE, "--input=ROOT/fewer.txt", SOURCES),
            ["sources.txt' has 10 lines", "fewer.txt' of --input has 9"],
        ),
        (
            ("score", "--workdir=ROOT/lm", "--input=ROOT/fewer.txt", SOURCES),
            ["--sources", "reads a text alone"],
        ),
    ],
)
def test_mistakes_are_refused_in_one_line(place, capsys, arguments, expected):
    message = refused(capsys, place, *arguments)
    for part in expected:
        assert part in message


def test_blank_sources_and_references_are_scored_as_sacrebleu_scores_them(place, capsys, tmp_path):
    sources = (place / "sources.txt").read_text().splitlines()
    references = (place / "references.txt").read_text().splitlines()
    sources[1], references[0], references[2] = "", "", "  "
    (tmp_path / "sources").write_text("\n".join(sources) + "\n")
    (tmp_path / "references").write_text("\n".join(references) + "\n")
    run = shutil.copytree(place / "run", tmp_path / "run")
    files = [f"--sources={tmp_path}/sources", f"--references={tmp_path}/references"]
    assert main(["evaluate", f"--workdir={run}", "--json", *SEARCH, *files]) == 0
    values = json.loads(capsys.readouterr().out)
    path = run / "results" / "translation-references.txt"
    translations = path.read_text().split("\n")[:-1]
    assert len(translations) == len(sources) and translations[1] == ""
    found = values["translation"]
    assert found["bleu"] == sacrebleu.corpus_bleu(translations, [references]).score
    assert found["ter"] == sacrebleu.corpus_ter(translations, [references]).score
    # Every target is scored with its end token, a blank one that alone.
    tokenizer = lm_zoo.load(run).tokenizer
    expected = sum(1 + len(tokenizer.encode(text)) for text in references)
    assert values["tokens_scored"] == expected
    ready = [f"--translations={path}", f"--references={tmp_path}/references"]
    assert main(["evaluate", f"--workdir={run}", "--json", *ready]) == 0
    assert json.loads(capsys.readouterr().out)["bleu"] == found["bleu"]
