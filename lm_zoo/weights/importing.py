"""Makes a run of another library's files."""

from typing import TYPE_CHECKING, Any

from lm_zoo import files
from lm_zoo.config import (
    IMPORTED,
    CorpusConfig,
    ExperimentConfig,
    ModelConfig,
    TaskConfig,
    TokenizerConfig,
    config_checks,
)
from lm_zoo.errors import UserError, unknown_name
from lm_zoo.files import checksums
from lm_zoo.files.versions import newest_version
from lm_zoo.progress import stage
from lm_zoo.registration import resolve
from lm_zoo.registry import build_model
from lm_zoo.run_folder import RunFolder
from lm_zoo.run_writing import write_run
from lm_zoo.tasks import task_class
from lm_zoo.types import Path
from lm_zoo.weights.import_checks import FORMAT_NAMES, check_import
from lm_zoo.weights.keras import keras_hub
from lm_zoo.weights.tensor_mapping import assign
from lm_zoo.weights.torch import pytorch
from lm_zoo.weights.transformers import hugging_face

if TYPE_CHECKING:
    from lm_zoo.run import Run

MAX_PADDING = 1024  # rows without a token; more, and the tokenizer is taken for another model's
FORMATS = dict(zip(FORMAT_NAMES, (hugging_face, keras_hub, pytorch), strict=True))


def import_run(source: Path, workdir: Path, format: str = "", tokenizer: Any = None) -> "Run":
    """Makes a run of another library's files, as if it had been trained here: step 0.

    Args:
        source: The folder, or the one of its versions. transformers' GPT-2 and Llama (`config.json`, safetensors, tokenizer),
            keras-hub's GPT-2 presets, and safetensors with PyTorch's recurrent layers.
        workdir: The run's folder; new or empty.
        format: `hugging_face`, `keras_hub` or `pytorch`; "" finds it out.
        tokenizer: A `Tokenizer` to use instead of the one in the folder; None means that one.

    Returns:
        The `Run`, as `lm_zoo.load` returns it.

    Raises:
        UserError: If a file is not what it says, the model is not one of ours, the tokenizer is
            missing or has another size, or the workdir is used or cannot be written.
    """
    source, folder = files.expanded(source), RunFolder(workdir)
    check_import(source, folder)
    source = newest_version(source)
    name = format or _format_of(source)
    if name not in FORMATS:
        raise unknown_name("--format", name, FORMATS)
    if (source / checksums.FILE_NAME).exists():  # written by `lm-zoo export`
        advice = f"copy it again, or remove {checksums.FILE_NAME} if you changed it yourself"
        checksums.verify(source, "--from", advice, complete=False)
    with stage("Importing"):
        return _imported(source, folder, name, tokenizer)


def _imported(source, folder, name, tokenizer):
    """Returns the `Run` that it writes of files in a format."""
    foreign = FORMATS[name].read(source, tokenizer)
    with foreign.source:
        foreign = _with_padding(foreign, source, given=tokenizer is not None)
        config = _config(foreign, source)
        model = build_model(
            foreign.name, vocab_size=foreign.tokenizer.vocab_size, **config.model.arguments
        )
        assign(foreign.mappings, foreign.source, model)
    task = task_class(config.task.name)(config, {"text": foreign.tokenizer})
    write_run(folder, task, model, 0, _record(foreign, name, source))
    return resolve(task.run_class)(folder, task, model, step=0)


def _format_of(source):
    for name, module in FORMATS.items():
        if module.recognizes(source):
            return name
    raise UserError(
        f"--from: {source} has neither a config.json from transformers or keras-hub, nor "
        "safetensors of PyTorch's recurrent layers; give another folder, or give its --format."
    )


def _with_padding(foreign, source, given):
    """Returns the `ForeignModel` with the rows that its tokenizer has no token for as padding.

    A tokenizer that was given, and is not the files' own, must fit weights whose rows were rounded
    up: another number of rows says that it is another model's.
    """
    size = foreign.arguments["vocab_size"]
    if foreign.tokenizer is None:
        raise UserError(
            f"tokenizer: {source} has none that lm_zoo can read; expected one with {size} tokens: "
            "give it with --tokenizer."
        )
    padding = size - foreign.tokenizer.vocab_size
    fits = padding < max(MAX_PADDING, size // 16) and (not given or size % 8 == 0)
    if padding and not (padding > 0 and fits):
        raise UserError(
            f"tokenizer: expected {size} tokens, as the weights have, received a "
            f"{foreign.tokenizer.name} tokenizer of {foreign.tokenizer.vocab_size}; give the "
            "model's with --tokenizer."
        )
    if not padding:
        return foreign
    sizes = {"vocab_size": foreign.tokenizer.vocab_size, "vocab_padding": padding}
    return foreign._replace(arguments=foreign.arguments | sizes)


def _config(foreign, source):
    """Returns what a run of this model is: text and training there were elsewhere."""
    arguments = {k: v for k, v in foreign.arguments.items() if k != "vocab_size"}
    limit = arguments.get("context_length")
    windows = {"layout": "windows", "sequence_length": limit} if limit else {}
    return config_checks.resolve(
        ExperimentConfig(
            name=source.resolve().name,
            task=TaskConfig("language_modeling", **windows),
            corpus=CorpusConfig(IMPORTED),
            tokenizer=TokenizerConfig(
                name=foreign.tokenizer.name, vocab_size=foreign.tokenizer.vocab_size
            ),
            model=ModelConfig(foreign.name, **arguments),
        ),
        needs_corpus=False,
    )


def _record(foreign, name, source):
    """Returns what the run keeps of its origin, in the form of a trained run's `data.json`."""
    return {
        "corpus": IMPORTED,
        "source": f"weights of {source.resolve().name} in {name} form",
        "licence": "the weights' own, unknown to lm_zoo",
        "fields": {  # no text of any split was seen here
            "text": {"sha256": {}, "tokenizer_fingerprint": foreign.tokenizer.fingerprint}
        },
        "imported": {
            "format": name,
            "files": {
                str(path.relative_to(source)): files.sha256_file(path) for path in foreign.files
            },
        },
    }
