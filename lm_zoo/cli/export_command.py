"""Writes a run's model for other programs, and proves that it does there what it does here.

    lm-zoo export --workdir=runs/quickstart_lstm --output=exports
    lm-zoo export --workdir=runs/quickstart_transformer --output=exports --precision=int8
    lm-zoo export --workdir=runs/quickstart_lstm --output=exports --signatures=score,generate
    lm-zoo export --workdir=runs/translation --output=exports --signatures=translate

Written is OUTPUT/NAME/VERSION, the version one more than the highest there, with README.md and
SHA256SUMS in it. A SavedModel takes strings: TensorFlow Serving, `lm-zoo serve` and
`tf.saved_model.load` read it. Loading it needs TensorFlow and no lm_zoo.
"""

import dataclasses

from lm_zoo.checked_fields import field
from lm_zoo.cli.flags import RunFlags
from lm_zoo.cli.loading import check_checkpoint, load_tensorflow
from lm_zoo.export.checks import check_export
from lm_zoo.export.formats import FORMATS
from lm_zoo.generation.options import special_tokens_option
from lm_zoo.tasks import declaration


@dataclasses.dataclass
class FormFlags:
    """What not every form has."""

    name: str = field(
        "",
        help="Name of the model; by default the workdir's, with -FORMAT after it for all but "
        "SavedModels.",
    )
    precision: str = field(
        "float32",
        choices=("float32", "bfloat16", "float16", "int8"),
        help="Of the weights as they are stored.",
    )
    max_length: int = field(
        0,
        at_least=0,
        help="Most tokens of a text that is read whole, and of what the model's state holds; 0 is "
        "all it can.",
    )
    signatures: tuple[str, ...] | None = field(
        None,
        help="What the SavedModel can do: some of the predictions of the run's task, as `generate` "
        "and `score` of a language model, or `translate` of one that translates. Default: all.",
    )
    shard_bytes: int = field(
        0, at_least=0, help="Most bytes of weights in one file of safetensors; 0 is 5 GiB."
    )
    special_tokens: str = special_tokens_option()


@dataclasses.dataclass
class ExportFlags:
    output: str = field(None, is_path=True, required=True, help="Folder to write to.")
    format: str = field(
        "saved_model",
        choices=tuple(FORMATS),
        help="; ".join(f"{name}: {line}" for name, (_, line) in FORMATS.items()) + ".",
    )


FLAGS = (RunFlags, ExportFlags, FormFlags)
MEANT = "name"


def run(flag_values, arguments):
    from lm_zoo.export.export import export
    from lm_zoo.run_folder import RunFolder

    config = RunFolder(flag_values.workdir).require().config()
    given = [flag_values[option.name] for option in dataclasses.fields(FormFlags)]
    options = {flag.name: flag.value for flag in given if flag.present}
    output, form = flag_values.output, flag_values.format
    check_export(config, declaration(config.task.name).predictions, output, form, options)
    check_checkpoint(flag_values)
    load_tensorflow()
    from lm_zoo.run import load

    loaded = load(flag_values.workdir, flag_values.checkpoint)
    path, report = export(loaded, output, form, **options)
    if report:
        print(report)
    print(f"Wrote {path}")
