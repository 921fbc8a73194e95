"""The folder of one run: everything that going on, evaluating, generating and scoring need."""

import contextlib
import fcntl
import json
import shlex
import shutil

from lm_zoo import files, registration
from lm_zoo.config import config_checks, config_json
from lm_zoo.data.cache import WORK_PREFIX, writing
from lm_zoo.data.corpora.corpus import SPLITS
from lm_zoo.data.examples import Examples, load_preprocessors, save_preprocessors
from lm_zoo.data.held_out import HELD_OUT, read_held_out, write_held_out
from lm_zoo.data.tokens.token_files import copy_splits, open_tokens
from lm_zoo.errors import UserError
from lm_zoo.files.json_files import NotJson, natural, read_json, read_kept_json, sha256


class RunFolder:
    """Names and reads the parts of a workdir.

        config.json    the resolved config, data and never executed
        data.json      checksums of the corpus and of the tokenizer that the run began with, and
                       what cleaning did
        fields/NAME/   of each field of a record (`text`; or `source` and `target`):
            tokenizer/     its tokenizer, unless it is that of another field
            held_out/      token ids of the validation and test splits
        held_out.jsonl of records with several fields: those of validation and test as text
        checkpoints/   step-00001234/ ..., best.json
        train/, validation/, time/, events.out.tfevents...   for TensorBoard
        results/       the ledgers that evaluation wrote
        audit/         with --audit_data, what each worker trained on at each step

    It is all that evaluating, generating, scoring and loading need, wherever it is moved to.
    """

    def __init__(self, workdir):
        self.path = files.expanded(workdir)
        self.config_path = self.path / "config.json"
        self.data_path = self.path / "data.json"
        self.fields = self.path / "fields"
        self.held_out_records = self.path / "held_out.jsonl"
        self.checkpoints = self.path / "checkpoints"
        self.results = self.path / "results"
        self.audit = self.path / "audit"

    def exists(self):
        """Whether there is a run here that can be read."""
        return self.config_path.is_file()

    def begun(self):
        """Whether a run was begun here; it may have lost its config since."""
        return self.exists() or any(self.checkpoints.glob("step-*"))

    def require(self):
        """Raises a `UserError` unless a run was begun here; returns the folder."""
        if not self.path.is_dir():
            raise UserError(f"workdir: {self.path} does not exist; train a model in it first.")
        if not self.exists():
            if self.begun():
                raise self.lost_config("workdir")
            raise UserError(
                f"workdir: {self.path} is not a run (no config.json); expected a folder that "
                "`lm-zoo train --workdir=` wrote."
            )
        return self

    def config(self):
        """Returns the run's `ExperimentConfig`.

        Raises:
            UserError: If it cannot be read; or if its task, model or a tokenizer is a user's own,
                which is registered nowhere.
        """
        values = read_kept_json("workdir", self.config_path, dict, "restore it")
        self.check_registered()
        config = config_json.from_saved(values, f"workdir: {self.config_path}")
        return config_checks.resolve(config, needs_corpus=False)

    def check_registered(self):
        """Raises a `UserError` if something of a user's is missing that every use of a run needs."""
        try:
            registered = read_json(self.data_path, _DATA_RECORD).get("registered", [])
        except (OSError, NotJson):
            return  # whatever needs the record reports it
        registration.note_run(registered)
        for entry in registered:
            kind = entry["kind"]
            if kind in ("task", "model", "tokenizer"):
                registration.registry(kind).require(f"config.{kind}.name", entry["name"])

    def data_record(self):
        """Returns what `begin` was given as the record of the data."""
        return read_kept_json("workdir", self.data_path, _DATA_RECORD, "restore it")

    def lost_config(self, field):
        """Builds the error for a run without its config, which somebody has removed."""
        if "imported" in self.data_record():
            way = "import the weights again, into another --workdir"
        else:
            workdir = shlex.quote(str(self.path))
            way = (
                f"`lm-zoo train --workdir={workdir} --config=...` with the config that the run "
                "began with, including overrides, continues it"
            )
        return UserError(f"{field}: {self.path} has checkpoints but no config.json; {way}.")

    def check_for(self, config, writes=True):
        """Raises a `UserError` unless a config can be trained here, or its run gone on with.

        Args:
            config: An `ExperimentConfig`.
            writes: Whether this process will write.
        """
        if writes:
            files.check_writable(self.path)
        if self.begun():
            self.check_config(config)
        else:
            self.check_unused()

    def check_config(self, config):
        """Raises a `UserError` unless training with `config` can go on here, naming what differs."""
        if "saved" in self.data_record():
            raise UserError(
                f"workdir: {self.path} has a model that `Run.save` wrote, without optimizer "
                "state; expected a folder that `lm-zoo train` wrote, or a new one."
            )
        if not self.exists():
            digest = self.data_record().get("config_sha256")
            if digest is not None and digest != config_json.fingerprint(config):
                raise UserError(
                    f"workdir: {self.path} has no config.json, and its run began with a different "
                    "config; give the same one, including overrides."
                )
            return
        changed = config_json.differences(self.config(), config)
        if changed:
            listed = "; ".join(f"{key}: {old!r} there, {new!r} now" for key, old, new in changed)
            raise UserError(
                f"workdir: {self.path} holds a run with another config ({listed}); give the same "
                "config to continue it, or another --workdir."
            )

    def check_examples(self, examples, splits=SPLITS):
        """Raises a `UserError` if a split's text is not the one that the run began with.

        Args:
            examples: The `Examples` of the text as it is now.
            splits: Names of the splits that are looked at.
        """
        fields = self.data_record()["fields"]
        for split in splits:
            for name, now in examples.split(split).text_sha256.items():
                before = fields.get(name, {}).get("sha256", {}).get(split)
                if before != now:
                    corpus = examples.fields[name].manifest["corpus"]["name"]
                    raise UserError(
                        f"data: the {split} text of {corpus} has changed since the run in "
                        f"{self.path} began (sha256 {before} then, {now} now); restore the text, "
                        "or train in another --workdir."
                    )

    def check_unused(self):
        """Raises a `UserError` if the folder holds anything that is not a run's."""
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"workdir: {self.path} is a file; expected a folder.")
        if self.path.is_dir() and not self.exists():
            if self.begun():
                raise self.lost_config("workdir")
            names = [path.name for path in self.path.iterdir()]
            strangers = [
                name
                for name in names
                if name not in _UNFINISHED and not name.startswith(_TEMPORARY)
            ]
            if strangers:
                raise UserError(
                    f"workdir: {self.path} is not empty and is not a run (found "
                    f"{sorted(strangers)[0]!r}); give an empty or new folder."
                )

    def tokenizer_path(self, name):
        """Returns the folder of the tokenizer of a field that has one of its own."""
        return self.fields / name / "tokenizer"

    def held_out_path(self, name):
        """Returns the folder of a field's token ids of the validation and test splits."""
        return self.fields / name / "held_out"

    def preprocessors(self, fields):
        """Returns field name -> `Tokenizer`; fields that share one have the same object.

        Args:
            fields: The `Field`s of the run's records.

        Raises:
            UserError: If one is missing or damaged.
        """
        return load_preprocessors(fields, self.tokenizer_path)

    def held_out_examples(self, preprocessors, split):
        """Returns the `ExampleSplit` of validation or test.

        Args:
            preprocessors: Field name -> `Tokenizer`.
            split: `validation` or `test`.

        Raises:
            UserError: If token files are missing or damaged.
        """
        remedy = "restore it from a backup of the run"  # no cache has it
        tokens = {
            name: open_tokens(self.held_out_path(name), tokenizer, remedy=remedy)
            for name, tokenizer in preprocessors.items()
        }
        return Examples(tokens).split(split)

    def held_out_texts(self, fields, split):
        """Returns the records of validation or test as text, a list of tuples.

        Args:
            fields: The `Field`s of the run's records, which are several.
            split: `validation` or `test`.

        Raises:
            UserError: If the file is missing or damaged.
        """
        names = [field.name for field in fields]
        count = self.data_record().get("examples", {}).get(split)
        return read_held_out(self.held_out_records, names, split, count)

    def begin(self, task, examples, corpus, data_record):
        """Writes what the run is. The config comes last: it makes the folder a run's.

        Args:
            task: The `Task`, whose config and preprocessors are the run's.
            examples: The `Examples`.
            corpus: The cleaned `Corpus`.
            data_record: What `lm_zoo.data.examples.data_record` returned.
        """
        with writing(self.path, "workdir"):
            self.path.mkdir(parents=True, exist_ok=True)
            save_preprocessors(task.fields, task.preprocessors, self.tokenizer_path)
            self.hold_out(examples, corpus)
        record = data_record | {"config_sha256": config_json.fingerprint(task.config)}
        files.write_atomically(self.data_path, json.dumps(record, indent=2) + "\n")
        self.write_config(task.config)

    def write_config(self, config):
        """Writes the config, which makes the folder a run's."""
        files.write_atomically(self.config_path, config_json.dumps(config))

    def hold_out(self, examples, corpus):
        """Copies the validation and test splits: each field's token ids, and records as text."""
        for name, tokens in examples.fields.items():
            directory = self.held_out_path(name)
            shutil.rmtree(directory, ignore_errors=True)  # a start that was killed left it
            copy_splits(tokens, HELD_OUT, directory)
        if len(corpus.fields) > 1:
            write_held_out(corpus, self.held_out_records)

    def results_with(self, figure):
        """Returns what `lm-zoo evaluate` left here with a figure in it, by file name."""
        found = {}
        for path in sorted(self.results.glob("*.json")):
            values = read_kept_json("results", path, dict, "evaluate the run again")
            if figure in values:
                found[path.stem] = values
        return found

    def write_result(self, name, values):
        """Writes a file of `results/`, JSON-ready values or a text, and returns its path."""
        path = self.results / name
        files.make_folder_for(path)
        if not isinstance(values, str):
            values = json.dumps(values, indent=2, ensure_ascii=False) + "\n"
        files.write_atomically(path, values)
        return path

    @contextlib.contextmanager
    def locked(self):
        """Holds the folder for one training process; a second one gets a `UserError`."""
        with writing(self.path, "workdir"):
            self.path.mkdir(parents=True, exist_ok=True)
            lock = open(self.path / ".lock", "w")  # noqa: SIM115
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(
                    f"workdir: another process is training in {self.path}; stop it first, or give "
                    "another --workdir."
                ) from None
            yield


_DATA_RECORD = {  # what is read again of `lm_zoo.data.examples.data_record`
    "corpus": str,
    "source": str,
    "fields": {str: {"sha256": {str: sha256}}},
    "examples?": {str: natural},
    "registered?": [{"kind": str, "name": str, "file": str}],
}


# What a start that was killed may leave.
_UNFINISHED = (".lock", "data.json", "fields", "held_out.jsonl")
_TEMPORARY = (files.TEMPORARY_PREFIX, WORK_PREFIX)
