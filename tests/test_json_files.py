"""JSON that others changed: what is refused, and what a description of fields accepts."""

import json

import pytest

from lm_zoo.files.json_files import (
    NotJson,
    check,
    file_name,
    natural,
    parse_json,
    read_json,
)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("[" * 100_000, "nested more than 100 deep"),
        ('{"a":' * 100_000, "nested more than 100 deep"),
        ("[" * 101 + "]" * 101, "nested more than 100 deep"),
        ('{"a": 1e400}', "1e400, which is too large"),
        ("-1" + "0" * 400, "too large"),
        ("1" * 5000, "too large"),
        ("[NaN]", "NaN, which is not a JSON number"),
        ("[-Infinity]", "-Infinity, which is not a JSON number"),
        ('{"a": 1, "b": {"a": 1, "a": 2}}', "two values for 'a'"),
        ('["\\ud800"]', "half a character"),
        (b"\xff", "not UTF-8 (byte offset 0)"),
        ("", "not JSON (Expecting value, line 1, column 1)"),
    ],
)
def test_what_is_refused(text, expected):
    with pytest.raises(NotJson) as caught:
        parse_json(text)
    assert expected in str(caught.value) and "\n" not in str(caught.value)


def test_all_else_is_what_the_library_reads():
    for text in ("[" * 100 + "]" * 100, '["\\ud83d\\ude00"]', "[1e308, -0.5, 3]", '{"": null}'):
        assert parse_json(text) == json.loads(text)
    assert parse_json("[NaN, 1e400]", finite=False)[1] == float("inf")


def test_a_file_is_read_up_to_a_size(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"step": 3}')
    assert read_json(path, {"step": natural}) == {"step": 3}
    with pytest.raises(OSError, match="more than the maximum of 10 bytes"):
        read_json(path, most=10)


FIELDS = {
    "step": natural,
    "files?": {file_name: {"size": natural}},
    "list?": [[int]],
    "either?": (str, None),
    "number?": float,
}


@pytest.mark.parametrize(
    "value, expected",
    [
        ({}, "there is no step in it"),
        ([], "expected an object, received []"),
        ({"step": -1}, "step: expected a whole number from 0"),
        ({"step": True}, "step: expected a whole number from 0"),
        ({"step": 2**63}, "step: expected a whole number from 0"),
        ({"step": 1, "files": {"a": {}}}, "there is no files.a.size in it"),
        ({"step": 1, "files": {"../a": {"size": 1}}}, "files '../a': expected the name of a file"),
        ({"step": 1, "files": {"a\\b": {"size": 1}}}, "expected the name of a file"),
        ({"step": 1, "list": [[1], [1, None]]}, "list[1][1]: expected a whole number"),
        ({"step": 1, "either": 1}, "either: expected a text"),
        ({"step": 1, "number": "1"}, "number: expected a number"),
    ],
)
def test_fields_of_the_wrong_kind_are_named(value, expected):
    with pytest.raises(NotJson) as caught:
        check(value, FIELDS)
    assert expected in str(caught.value)


def test_fields_of_the_right_kind_and_others_are_taken():
    check({"step": 1, "other": 1}, FIELDS)
    check({"step": 0, "files": {"a": {"size": 1}}, "list": [[], [1]], "number": 1}, FIELDS)
    check({"step": 0, "either": None}, FIELDS)
