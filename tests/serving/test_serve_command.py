"""`lm-zoo serve`: begins with a line, ends in order, and refuses what cannot be served."""

import dataclasses
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys

import pytest
import tensorflow as tf

from lm_zoo.cli.main import main
from lm_zoo.files import checksums
from lm_zoo.serving.limits import ServingLimits
from lm_zoo.tasks.prediction import CARD_VERSION
from tests.serving.conftest import NAME

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_the_process_finishes_what_is_on_its_way_when_it_is_told_to_end(exported_run):
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "lm_zoo",
            "serve",
            f"--model={exported_run}/exports/{NAME}",
            "--port=0",
        ]
        + ["--log_format=json"],
        cwd=ROOT,
        env=os.environ | {"PYTHONUNBUFFERED": "1", "LM_ZOO_API_KEY": "one-of-a-kind"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        assert line.startswith(f"Serving {NAME}, version 1, on http://127.0.0.1:"), line
        port = int(line.split("127.0.0.1:")[1].split()[0])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/healthz", headers={"Host": f"pages.example:{port}"})
        response = connection.getresponse()
        assert response.status == 403 and b"pages.example" in response.read()
        body = {"prompt": "the", "max_tokens": 600, "ignore_eos": True, "stream": True}
        body["stream_options"] = {"include_usage": True}
        connection.request("POST", "/v1/completions", json.dumps(body))
        response = connection.getresponse()
        assert response.status == 401 and b"Bearer KEY" in response.read()
        headers = {"Authorization": "Bearer one-of-a-kind", "Content-Type": "application/json"}
        connection.request("POST", "/v1/completions", json.dumps(body), headers)
        response = connection.getresponse()
        assert response.readline().startswith(b"data: ")
        process.send_signal(signal.SIGTERM)
        *_, usage, done = response.read().split(b"\n\n")[:-1]
        assert done == b"data: [DONE]"
        assert json.loads(usage.removeprefix(b"data: "))["usage"]["completion_tokens"] == 600
        output, errors = process.communicate(timeout=60)
        *log, last = output.splitlines()
        assert process.returncode == 0 and last == "Ended." and not errors
        assert [json.loads(line)["status"] for line in log] == [403, 401, 200]
    finally:
        process.kill()


@pytest.fixture(scope="module")
def broken(exported_run, tmp_path_factory):
    """Folders that hold no model of ours."""
    root = tmp_path_factory.mktemp("broken")
    export = exported_run / "exports" / NAME / "1"
    (root / "empty").mkdir()
    (root / "file").write_text("")
    tf.saved_model.save(tf.Module(), str(root / "foreign" / "1"))
    shutil.copytree(export / "fields", root / "unsigned" / "1" / "fields")
    shutil.copy(export / "model_card.json", root / "unsigned" / "1")
    shutil.copy(root / "foreign" / "1" / "saved_model.pb", root / "unsigned" / "1")
    for name in ("cut", "card", "older", "tokenizer", "variables", "short", "index"):
        shutil.copytree(export, root / name / "1")
    (root / "cut/1/saved_model.pb").write_bytes((export / "saved_model.pb").read_bytes()[:5000])
    (root / "card/1" / "model_card.json").write_text("{")
    card = json.loads((root / "older/1" / "model_card.json").read_text())
    older = json.dumps(card | {"format_version": 1})
    (root / "older/1" / "model_card.json").write_text(older)
    (root / "tokenizer/1" / "fields/text/tokenizer/lm_zoo_tokenizer.json").unlink()
    shutil.rmtree(root / "variables/1/variables")
    (data,) = (root / "short/1/variables").glob("variables.data-*")
    os.truncate(data, data.stat().st_size // 2)
    os.truncate(root / "index/1/variables/variables.index", 100)
    for name in (path.name for path in root.iterdir() if (path / "1").is_dir()):
        checksums.write(root / name / "1")  # so that it is not they that refuse it
    return root


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([], ["--model is required"]),
        (["--model=ROOT/nowhere"], ["model", "nowhere", "not a folder"]),
        (["--model=ROOT/file"], ["not a folder"]),
        (["--model=ROOT/empty"], ["no exported model", "saved_model.pb"]),
        (["--model=ROOT"], ["no exported model", "ROOT/card"]),
        (["--model=ROOT/foreign"], ["not lm_zoo's"]),
        (["--model=ROOT/unsigned"], ["none of the signatures", "score"]),
        (["--model=ROOT/cut"], ["cannot be loaded"]),
        (["--model=ROOT/card"], ["model_card.json", "damaged"]),
        (
            ["--model=ROOT/older"],
            ["format_version", f"expected {CARD_VERSION}", "received 1", "again"],
        ),
        (["--model=ROOT/tokenizer"], ["lm_zoo_tokenizer.json"]),
        (["--model=ROOT/variables"], ["cannot be loaded"]),
        (["--model=ROOT/short"], ["ROOT/short/1", "cannot be loaded", "copy it again"]),
        (["--model=ROOT/index"], ["cannot be loaded"]),
        (["--model=ROOT/empty", "--port=PORT"], ["host, port", "in use", "PORT"]),
        (["--model=ROOT/empty", "--host=no.such.host.invalid"], ["host, port", "no.such.host"]),
        (["--model=ROOT/empty", "--allowed_hosts=a.org,b.org:80"], ["allowed_hosts", "b.org:80"]),
        (["--model=ROOT/empty", "--cors_origins=a.org"], ["cors_origins", "'a.org'"]),
        (["--model=ROOT/empty", "--api_key_file=ROOT/nowhere"], ["api_key_file", "nowhere"]),
        (["--model=ROOT/empty", "--api_key_file=ROOT/file"], ["api_key_file", "nothing"]),
        (["--model=ROOT/empty", "--log_format=xml"], ["--log_format", "xml", "json"]),
        (["--model=ROOT/empty", "--max_connections=0"], ["max_connections", "0"]),
        (["--model=ROOT/empty", "--write_seconds=-1"], ["write_seconds", "-1"]),
        (["--model=ROOT/empty", "--port=70000"], ["--port", "70000"]),
        (["--model=ROOT/empty", "--max_batch_size=0"], ["--max_batch_size", "0"]),
        (["--model=ROOT/empty", "--max_body_bytes=0"], ["max_body_bytes", "0"]),
        (["--model=ROOT/empty", "--request_seconds=nan"], ["request_seconds", "nan"]),
        (["--model=ROOT/empty", "--max_queue=5"], ["max_queue", "max_rows", "5"]),
        (["--model=ROOT/empty", "more"], ["'more'"]),
    ],
)
def test_what_cannot_be_served_is_refused_in_one_line(capsys, broken, arguments, words):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        def filled(text):
            return text.replace("ROOT", str(broken)).replace("PORT", port)

        arguments = [filled(argument) for argument in arguments]
        if not any("--port" in argument for argument in arguments):
            arguments.append("--port=0")
        assert main(["serve", *arguments]) == 2
    output, errors = capsys.readouterr()
    assert errors.count("\n") == 1 and not output, errors
    assert all(filled(word) in errors for word in words), errors


def test_of_several_versions_the_highest_is_served(exported_run, tmp_path):
    from lm_zoo.serving.model_folder import find_version

    for version in ("2", "10", "notes"):
        (tmp_path / NAME / version).mkdir(parents=True)
        (tmp_path / NAME / version / "saved_model.pb").touch()
    (tmp_path / NAME / "11").mkdir()  # no SavedModel in it
    assert find_version(tmp_path / NAME)[:2] == (NAME, 10)
    assert find_version(f"{tmp_path}/{NAME}/2/")[:2] == (NAME, 2)
    assert (
        find_version(exported_run / "exports" / NAME)[2]
        == exported_run.resolve() / "exports" / NAME / "1"
    )


def test_the_help_names_every_limit_with_its_default(capsys):
    assert main(["serve", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for field in dataclasses.fields(ServingLimits):
        found = re.search(rf"--{field.name}=[NX] (.*?)\(default: ([^)]*)\)", text)
        assert found and float(found[2]) == field.default, field.name
    for word in ("TLS", "proxy", "LM_ZOO_API_KEY", "--cors_origins", "--log_format"):
        assert word in text
