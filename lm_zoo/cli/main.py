"""The `lm-zoo` command: finds the subcommand, parses its flags, and turns mistakes into one line.

A command is a module with

    a docstring                  what it does and examples; shown by `lm-zoo COMMAND --help`
    FLAGS                        dataclasses of its flags, made by `lm_zoo.checked_fields.field`
    ARGUMENTS                    optional: what its help calls the positional arguments; without,
                                 there are none
    MEANT                        optional: the flag that who gives one means
    first_argument(arguments)    optional: the names that the first one may be, for completion
    default_config(arguments)                   optional: the config where no --config is given
    define_task_flags(flag_values, arguments)   optional: adds those of the run's task
    describe(arguments)                         optional: what its help says besides of the run
    refuse_unknown(name, arguments)             optional: says more of a flag that there is not, or
                                                returns a sentence about the flags that there are
    run(flag_values, arguments)  does it; returns the exit status, None meaning 0

and `run` calls `lm_zoo.cli.loading.load_tensorflow` after what finds mistakes without TensorFlow, so
that help and they are answered at once.
"""

import errno
import importlib
import logging
import os
import re
import shutil
import sys
import textwrap

from absl import flags
from absl import logging as absl_logging

from lm_zoo import __doc__ as ABOUT
from lm_zoo import __version__
from lm_zoo.checked_fields import not_among, type_words
from lm_zoo.cli.config_overrides import load_config
from lm_zoo.cli.option_flags import define_option_flags
from lm_zoo.cli.run_flags import execute_registering, run_of_arguments
from lm_zoo.cli.streams import abandon_stdout, checked_arguments, never_fail_to_encode
from lm_zoo.errors import LostProcess, UserError, did_you_mean
from lm_zoo.files import advice, is_of_system, os_error_of, reason
from lm_zoo.progress import stages_shown
from lm_zoo.tables import definitions

COMMANDS = {
    "prepare": ("lm_zoo.cli.prepare_command", "fetch, clean and tokenize a config's text"),
    "inspect": ("lm_zoo.cli.inspect_command", "look at the data as the model sees it"),
    "launch": ("lm_zoo.cli.launch_command", "a command as several processes that train together"),
    "train": ("lm_zoo.cli.train_command", "train a model, or go on with a run that was stopped"),
    "evaluate": ("lm_zoo.cli.evaluate_command", "perplexity of a run's model, with its ledger"),
    "predict": ("lm_zoo.cli.predict_command", "whatever a run's task can be asked for"),
    "generate": ("lm_zoo.cli.generate_command", "text from a run's model"),
    "translate": ("lm_zoo.cli.translate_command", "text in another language from a run's model"),
    "score": ("lm_zoo.cli.score_command", "log-probability and perplexity of each given text"),
    "export": ("lm_zoo.cli.export_command", "a run's model for other programs"),
    "import": ("lm_zoo.cli.import_command", "a run of weights that were trained elsewhere"),
    "serve": ("lm_zoo.cli.serve_command", "an exported model over HTTP, with a page to try it"),
    "compare": ("lm_zoo.cli.compare_command", "runs side by side"),
    "tokenizer": ("lm_zoo.cli.tokenizer_command", "train, show, use and compare tokenizers"),
    "list": (
        "lm_zoo.cli.list_command",
        "tasks, models, corpora, tokenizers, optimizers, configs, ...",
    ),
    "completion": ("lm_zoo.cli.completion_command", "lets bash or zsh complete by the Tab key"),
}

HELP_FLAGS = ("-h", "-help", "--help", "--helpfull", "--helpshort")
LOST_PROCESS = 75  # sysexits.h: a failure that another try may mend
_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "GRPC_VERBOSITY": "ERROR", "AUTOGRAPH_VERBOSITY": "0"}
_VALUES = {"int": "N", "float": "X", "path": "PATH", "string": "TEXT"}


def main(argv=None):
    """Runs `lm-zoo` with the given arguments (default: the process's); returns the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    program = "lm-zoo"
    never_fail_to_encode()
    try:
        try:
            checked_arguments(arguments)
            if arguments and arguments[0] in COMMANDS:
                program = f"lm-zoo {arguments[0]}"
            with stages_shown():
                status = _dispatch(arguments)
        finally:
            sys.stdout.flush()
    except (UserError, LostProcess) as error:
        print(f"{program}: error: {_one_line(error)}", file=sys.stderr)
        return LOST_PROCESS if isinstance(error, LostProcess) else 2
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # as in `lm-zoo list | head -1`
        abandon_stdout()
        return 141  # what a shell reports for a program that ended by SIGPIPE
    except Exception as error:
        if type(error).__module__.startswith("tensorflow."):
            error = os_error_of(str(error)) or error
        if not isinstance(error, MemoryError) and not is_of_system(error):
            raise
        abandon_stdout()
        print(f"{program}: error: {_of_system(error)}", file=sys.stderr)
        return 2
    return status


def _of_system(error):
    """Says what the system would not give, or let be done, in one line."""
    if isinstance(error, MemoryError):
        return "there is not enough memory; close other programs, or ask for less at once."
    where = error.filename
    if where is None and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        where = "standard output"  # what we write to files names them
    where = where and f"{where!s:.120}"
    said = f"{where}: {reason(error)}" if where else reason(error)
    return _one_line(f"{said}; {advice(error, writing=False)}.")


def command_help(command, module, arguments=()):
    """Returns the help text of a command, made from its flags and its docstring."""
    width = min(shutil.get_terminal_size((100, 24)).columns, 100)
    flag_values = flags_of(module, arguments)
    shown = [flag_values[n] for n in flag_values if n == flag_values[n].name]  # no short names
    required = [_left(flag) for flag in shown if _is_required(flag)]
    positional = [getattr(module, "ARGUMENTS", "")]
    optional = ["[--FLAG=VALUE ...]"] if len(shown) > len(required) else []
    usage = " ".join(filter(None, [*required, *optional, *positional]))
    description = textwrap.dedent(module.__doc__).strip()
    if hasattr(module, "describe"):
        description += "\n" + module.describe(arguments)
    lines = [f"usage: lm-zoo {command} {usage}", "", description, "", "flags:"]
    rows = [*((_left(flag), _right(flag)) for flag in shown), ("--help", "Show this.")]
    return "\n".join([*lines, *definitions(rows, 26, width)])


def parsed_flags(command, arguments):
    """Returns the flags of a command's arguments; None if they ask for help.

    Raises:
        UserError: For arguments that are mistaken.
    """
    if _asks_for_help(arguments):
        return None
    return _parse(command, importlib.import_module(COMMANDS[command][0]), list(arguments))[0]


def _asks_for_help(arguments):
    before_end = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return any(argument in HELP_FLAGS for argument in before_end)


def _dispatch(arguments):
    if not arguments or arguments[0] in HELP_FLAGS:
        print(_overview())
        return 0
    command, *rest = arguments
    if command in ("--version", "-version"):
        print(f"lm-zoo {__version__}")
        return 0
    if command == "help":
        return _dispatch([*rest[:1], "--help"])
    if command not in COMMANDS:
        hint, listed = did_you_mean(command, COMMANDS), ", ".join(COMMANDS)
        raise UserError(f"there is no command {command!r}.{hint} Expected one of: {listed}.")
    module = importlib.import_module(COMMANDS[command][0])
    if _asks_for_help(rest):
        print(command_help(command, module, rest))
        return 0
    flag_values, positional = _parse(command, module, rest)
    _log_warnings_only(f"lm-zoo {command}")
    return module.run(flag_values, positional) or 0


def _overview():
    width = max(map(len, COMMANDS))
    listed = "\n".join(f"  {name:{width}}  {line}" for name, (_, line) in COMMANDS.items())
    return f"""\
usage: lm-zoo COMMAND [--FLAG=VALUE ...]

{ABOUT.splitlines()[0]}

commands:
{listed}

`lm-zoo COMMAND --help` shows a command's flags and examples; `lm-zoo --version` the version."""


def flags_of(module, arguments):
    """Returns a command's flags, in absl `FlagValues` of their own: the global ones stay empty."""
    flag_values = flags.FlagValues()
    for declared in module.FLAGS:
        define_option_flags(declared, flag_values)
    if "register" in flag_values:
        execute_registering(arguments)
    if hasattr(module, "define_task_flags"):
        module.define_task_flags(flag_values, arguments)
    return flag_values


def _parse(command, module, arguments):
    """Returns the parsed flags and the positional arguments of a command."""
    flag_values = flags_of(module, arguments)
    if "register" in flag_values and (folder := run_of_arguments(arguments)):
        folder.check_registered()  # before TensorFlow is loaded
    config = None
    if "config" in flag_values:
        default = getattr(module, "default_config", lambda arguments: None)
        config, arguments = load_config(arguments, default(arguments))
    try:
        positional = flag_values([f"lm-zoo {command}", *arguments])[1:]
    except flags.UnrecognizedFlagError as error:
        more = ""
        if hasattr(module, "refuse_unknown"):
            more = module.refuse_unknown(error.flagname, arguments)
        hint = did_you_mean(error.flagname, flag_values, "--{}")
        raise UserError(
            f"there is no flag --{error.flagname}.{hint}{more} `lm-zoo {command} --help` lists all."
        ) from None
    except flags.Error as error:
        raise UserError(_flag_error(flag_values, str(error))) from None
    if positional and not hasattr(module, "ARGUMENTS"):
        meant = getattr(module, "MEANT", "FLAG")
        raise UserError(f"unexpected argument {positional[0]!r}; give it as --{meant}=VALUE.")
    if config is not None:
        flag_values["config"].value = config
    flags.FLAGS.mark_as_parsed()  # for libraries that read absl's own
    return flag_values, positional


def _flag_error(flag_values, message):
    """Says what absl says about a flag in the words that all our errors use."""
    if match := re.match(r"flag --([\w.]+)=None: .*must have a value other than None", message):
        return f"--{match[1]} is required."
    if match := re.match(r"[Mm]issing value for flag --?([\w.]+)", message):
        return f"--{match[1]}: expected a value, received nothing."
    match = re.match(r"flag --([\w.]+)=(.*?): (.*)", message, re.DOTALL)
    if not match or match[1] not in flag_values:
        return message
    name, received, _ = match.groups()
    parser = flag_values[name].parser
    if choices := getattr(parser, "enum_values", None):
        return f"--{name}: {not_among(choices, received)}"
    expected = type_words(bool) if flag_values[name].boolean else getattr(parser, "expected", None)
    return f"--{name}: expected {expected}, received {received!r}." if expected else message


def _left(flag):
    """A flag as it is written: `--steps=N`, `--[no]json`, `--format=lines|jsonl`."""
    if flag.boolean:
        return f"--[no]{flag.name}"
    choices = getattr(flag.parser, "enum_values", None)
    kind = flag.flag_type().removeprefix("multi ")
    return f"--{flag.name}={'|'.join(choices) if choices else _VALUES.get(kind, 'VALUE')}"


def _is_required(flag):
    return any("must have a value" in validator.message for validator in flag.validators)


def _right(flag):
    """What a flag means, with its default."""
    text, default = " ".join((flag.help or "").split()), flag.default
    text = text.removesuffix("; repeat this option to specify a list of values")
    if _is_required(flag):
        return f"{text} (required)"
    if isinstance(default, (list, tuple)):
        default = ", ".join(map(str, default))
    if default is None or default is False or default == "":
        return text
    return f"{text} (default: {str(default).lower() if flag.boolean else default})"


def _log_warnings_only(program):
    """Sends warnings of ours and of libraries to standard error, one plain line each."""
    absl_logging.set_verbosity(absl_logging.WARNING)
    logging.basicConfig(level=logging.WARNING, format=f"{program}: %(levelname)s: %(message)s")


def _one_line(error):
    return " ".join(str(error).split())
