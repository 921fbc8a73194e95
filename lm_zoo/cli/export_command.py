"""Writes a run's model for other programs, and proves that it does there what it does here.

    lm-zoo export --workdir=runs/quickstart_lstm --output=exports
    lm-zoo export --workdir=runs/quickstart_transformer --output=exports --precision=int8
    lm-zoo export --workdir=runs/quickstart_lstm --output=exports --signatures=score,generate
    lm-zoo export --workdir=runs/translation --output=exports --signatures=translate

A SavedModel takes strings: TensorFlow Serving, `lm-zoo serve` and `tf.saved_model.load` read
OUTPUT/NAME/VERSION. Loading it needs TensorFlow and no lm_zoo.
"""

from absl import flags

from lm_zoo.cli.flags import define_checkpoint_flag, define_special_tokens_flag
from lm_zoo.cli.path_flags import define_path
from lm_zoo.cli.register_flag import define_register_flag
from lm_zoo.export.formats import FORMATS

# Flags that not every form has.
OPTIONS = ("name", "precision", "max_length", "signatures", "shard_bytes", "special_tokens")


def define_flags(flag_values):
    define_path("workdir", None, "Folder of the run.", required=True, flag_values=flag_values)
    define_register_flag(flag_values)
    define_path("output", None, "Folder to write to.", required=True, flag_values=flag_values)
    define_checkpoint_flag(flag_values)
    described = "; ".join(f"{name}: {line}" for name, (_, line) in FORMATS.items())
    flags.DEFINE_enum(
        "format", "saved_model", list(FORMATS), f"{described}.", flag_values=flag_values
    )
    flags.DEFINE_string(
        "name", "", "Name of the model; empty is the workdir's.", flag_values=flag_values
    )
    flags.DEFINE_enum(
        "precision",
        "float32",
        ["float32", "bfloat16", "float16", "int8"],
        "Of the weights as they are stored.",
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        "max_length",
        0,
        "Most tokens of a text that is read whole, and of what the model's state holds; 0 is all it "
        "can.",
        flag_values=flag_values,
    )
    flags.DEFINE_list(
        "signatures",
        None,
        "What the SavedModel can do: some of the predictions of the run's task, as `generate` and "
        "`score` of a language model, or `translate` of one that translates. Default: all.",
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        "shard_bytes",
        0,
        "Most bytes of weights in one file of safetensors; 0 is 5 GiB.",
        lower_bound=0,
        flag_values=flag_values,
    )
    define_special_tokens_flag(flag_values)


def run(flag_values, arguments):
    from lm_zoo.errors import UserError
    from lm_zoo.export.export import export
    from lm_zoo.run import load

    if arguments:
        raise UserError(f"export: unexpected argument {arguments[0]!r}; give it as --name=value.")
    options = {name: flag_values[name].value for name in OPTIONS if flag_values[name].present}
    loaded = load(flag_values.workdir, flag_values.checkpoint)
    path, report = export(loaded, flag_values.output, flag_values.format, **options)
    if report:
        print(report)
    print(f"Wrote {path}")
