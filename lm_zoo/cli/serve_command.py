"""Serves an exported model over HTTP: a page to try it, and two interfaces for programs.

    lm-zoo serve --model=exports/quickstart_lstm
    lm-zoo serve --model=exports/quickstart_lstm/2 --port=8080 --host=0.0.0.0

    curl http://127.0.0.1:8501/v1/completions -d '{"prompt": "The", "max_tokens": 20}'
    curl http://127.0.0.1:8501/v1/models/quickstart_lstm:predict -d '{"instances": ["A text."]}'
    curl http://127.0.0.1:8501/v1/models/translation:predict -d '{"instances": ["Ein Hund."]}'

The interfaces are OpenAI's for completions and TensorFlow Serving's REST forms. Of several versions
the highest is served. A SavedModel is a program: serve what you exported, or what comes from
whom you would run a program of. That its files are those of the export is verified by their
checksums before anything is loaded. / is the page, /metrics is for Prometheus, /healthz for health checks. Ends
at SIGTERM or Ctrl+C, when what is on its way is done.
"""

import dataclasses
import re

from absl import flags

from lm_zoo.cli.path_flags import define_path
from lm_zoo.serving.limits import ServingLimits
from lm_zoo.text.special_tokens import SPECIAL_TOKENS, SPECIAL_TOKENS_HELP

_HELP = {
    "max_body_bytes": "Most bytes of a request's body.",
    "max_prompt_tokens": "Most tokens of a prompt, or of a source.",
    "max_new_tokens": "Most tokens generated per text.",
    "max_beam_size": "Most beams of a translation.",
    "max_rows": "Most texts of one request.",
    "max_queue": "Most texts that wait; one more is answered with 503.",
    "request_seconds": "After so long a request is given up and answered with 504.",
}


def define_flags(flag_values):
    define_path(
        "model",
        None,
        "Folder of the exported model: NAME or NAME/VERSION.",
        required=True,
        flag_values=flag_values,
    )
    flags.DEFINE_string(
        "sha256",
        "",
        "What the SHA-256 of its SHA256SUMS has to be, as `lm-zoo export` printed it: then it is "
        "that export, whoever had it in between.",
        flag_values=flag_values,
    )
    flags.DEFINE_boolean(
        "trust_unverified",
        False,
        "Load the model though it has no checksums, or others; whoever made it can do on this "
        "machine what you can.",
        flag_values=flag_values,
    )
    flags.DEFINE_string(
        "host",
        "127.0.0.1",
        "Address to listen on; the default admits this machine alone, 0.0.0.0 everyone.",
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        "port",
        8501,
        "Port; 0 takes a free one.",
        lower_bound=0,
        upper_bound=65535,
        flag_values=flag_values,
    )
    flags.DEFINE_list(
        "allowed_hosts",
        [],
        "Host names that requests may be for, besides localhost; * is any. By default the loopback "
        "address answers for localhost alone, so that no web page can point a domain of its own at "
        "it, and any other address for every name.",
        flag_values=flag_values,
    )
    flags.DEFINE_integer(
        "max_batch_size",
        32,
        "Most texts that the model works on at once; 1 is no batching.",
        lower_bound=1,
        flag_values=flag_values,
    )
    flags.DEFINE_float(
        "batch_wait_ms",
        0.0,
        "How long a prediction waits for others to share a call with, when the model is idle.",
        lower_bound=0.0,
        upper_bound=1000.0,
        flag_values=flag_values,
    )
    flags.DEFINE_enum(
        "special_tokens",
        None,
        list(SPECIAL_TOKENS),
        f"Of completions: {SPECIAL_TOKENS_HELP} Default: as the model was exported, and as its "
        "signatures read them.",
        flag_values=flag_values,
    )
    for field in dataclasses.fields(ServingLimits):
        define = flags.DEFINE_float if field.type is float else flags.DEFINE_integer
        define(field.name, field.default, _HELP[field.name], flag_values=flag_values)


def run(flag_values, arguments):
    from lm_zoo.errors import UserError

    if arguments:
        raise UserError(f"serve: unexpected argument {arguments[0]!r}; give it as --model=...")
    sha256, trust = flag_values.sha256, flag_values.trust_unverified
    if sha256 and (trust or not re.fullmatch("[0-9a-fA-F]{64}", sha256)):
        received = "--trust_unverified as well" if trust else repr(sha256)
        raise UserError(f"--sha256: expected 64 hexadecimal digits alone, received {received}.")
    limits = ServingLimits(
        **{field.name: flag_values[field.name].value for field in dataclasses.fields(ServingLimits)}
    ).validate()
    try:
        from lm_zoo.serving import server
        from lm_zoo.serving.allowed_hosts import allowed_hosts
        from lm_zoo.serving.app import make_app
    except ModuleNotFoundError as error:
        package = error.name.partition(".")[0]
        raise UserError(
            f"serve: the package {package} is missing; pip install 'lm_zoo[serve]' brings it."
        ) from None
    from lm_zoo.serving.served_model import ServedModel

    bound = server.bind(flag_values.host, flag_values.port)
    hosts = allowed_hosts(bound.getsockname()[0], flag_values.allowed_hosts)
    special_tokens = flag_values.special_tokens or ""
    model = ServedModel(flag_values.model, sha256, trust, special_tokens)
    model.warm_up()
    wait_seconds = flag_values.batch_wait_ms / 1000
    app = make_app(model, limits, flag_values.max_batch_size, wait_seconds, hosts)
    where = server.address_of(bound)

    def on_ready():
        print(f"Serving {model.name}, version {model.version}, on {where}", flush=True)

    server.serve(app, bound, on_ready)
    print("Ended.")
