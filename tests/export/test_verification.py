"""An export is proved by another process, and what is wrong does not pass."""

import numpy as np
import pytest

from lm_zoo.cli.main import main
from lm_zoo.errors import UserError
from lm_zoo.export.exported_model import ExportedModel
from lm_zoo.export.saved_model import PreparedExport
from lm_zoo.export.verification import Verification, array, run_alone, tensor
from lm_zoo.run import load


def test_tensors_are_the_same_after_json():
    for value in ("\u20ac\x00", ["a", ""], [], 3, [1.5, float("nan")], [[1, 2], [3, 4]]):
        given = np.asarray(value)
        back = array(tensor(value))
        assert back.shape == given.shape
        if given.dtype.kind == "U":
            assert [text.decode() for text in back.reshape(-1)] == given.reshape(-1).tolist()
        else:
            np.testing.assert_array_equal(back, given)


@pytest.fixture(scope="module")
def asked(exported):
    """The `Verification` of the export, the names of its calls, and what came back."""
    verification = PreparedExport(load(exported.run), precision="int8").verification
    return verification, [name for name, _ in verification.calls()], exported.answers


def test_what_is_right_passes(asked):
    verification, names, answers = asked
    parity = verification.check(answers)
    assert set(parity.largest_difference) == set(names) - {"continue_greedily"}
    assert max(parity.largest_difference.values()) < 1e-5
    assert parity.equal_texts == parity.prompts == len(verification.prompts) > 2


@pytest.mark.parametrize(
    "name, output, change",
    [
        ("score", "log_prob", lambda value: value * 1.001),
        ("score", "num_tokens", lambda value: value + 1),
        ("score", "perplexity", lambda value: value * 1.01),
        ("token_logprobs", "log_probs", lambda value: value - 0.001),
        ("token_logprobs", "tokens", lambda value: "x"),
        ("token_logprobs", "row_lengths", lambda value: value + 1),
        ("next_token", "log_probs", lambda value: value - 0.001),
        ("next_token", "tokens", lambda value: "x"),
        ("embed", "vector", lambda value: value * 1.001),
        ("generate", "text", lambda value: value[:-1]),
        ("generate", "log_prob", lambda value: value * 1.001),
        ("generate", "num_tokens", lambda value: value - 1),
        ("continue_greedily", "tokens", lambda value: max(value - 1, 0)),
    ],
)
def test_every_output_that_differs_is_found(asked, name, output, change):
    verification, names, answers = asked
    values = answers[names.index(name)][output]
    wrong = {**values, "values": [change(value) for value in values["values"]]}
    altered = list(answers)
    altered[names.index(name)] = {**answers[names.index(name)], output: wrong}
    shown = "generate" if name == "continue_greedily" else name
    with pytest.raises(UserError, match=rf"export: {shown} of .* in the SavedModel, but .* in Py"):
        verification.check(altered)


def test_a_tie_that_rounding_decides_is_no_difference(exported):
    run = load(exported.run)
    table = run.model.token_embedding.embeddings  # tied: a token's row is its output too
    table.assign(np.concatenate([table[:1], table[:1], table[2:]]))
    verification = Verification(run.model, run.tokenizer, ("generate",), [], ["the"])
    ids = run.tokenizer.encode("the").tolist()
    assert verification._is_tie(ids, [3, 0, 5], [3, 1, 2])
    assert not verification._is_tie(ids, [3, 4], [3, 5])
    assert not verification._is_tie(ids, [3, 4], [3, 4, 5])


def test_an_export_that_differs_is_not_there(exported, tmp_path, monkeypatch, capsys):
    save = ExportedModel.save

    def save_another(self, folder):
        for weight, *_ in self.weights.stored:
            weight.assign(weight + 0.01 * np.sign(weight))
        save(self, folder)

    monkeypatch.setattr(ExportedModel, "save", save_another)
    arguments = [f"--workdir={exported.run}", f"--output={tmp_path}/out", "--signatures=score"]
    assert main(["export", *arguments]) == 2
    output, errors = capsys.readouterr()
    assert "score of" in errors and errors.count("\n") == 1 and not output
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_fails_is_said(exported):
    with pytest.raises(UserError, match="by a process of its own .*status 1: .*'no_such_package'"):
        run_alone([(str(exported.version), [])], ["no_such_package"])
