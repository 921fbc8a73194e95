"""Serves an exported model over HTTP: a page to try it, and two interfaces for programs.

    lm-zoo serve --model=exports/quickstart_lstm
    lm-zoo serve --model=exports/quickstart_lstm/2 --port=8080 --host=0.0.0.0

    curl http://127.0.0.1:8501/v1/completions --json '{"prompt": "The", "max_tokens": 20}'
    curl http://127.0.0.1:8501/v1/embeddings --json '{"input": "A text."}'
    curl http://127.0.0.1:8501/v1/models/quickstart_lstm:predict --json '{"instances": ["A text."]}'
    curl http://127.0.0.1:8501/v1/models/translation:predict --json '{"instances": ["Ein Hund."]}'

The interfaces are OpenAI's for completions and embeddings, and TensorFlow Serving's REST forms. Of
several versions the highest is served. A SavedModel is a program: serve what you exported, or what
comes from whom you would run a program of. That its files are those of the export is verified by
their checksums before anything is loaded. / is the page, /metrics is for Prometheus, /healthz for
health checks. Ends at SIGTERM or Ctrl+C, when what is on its way is done.

Everything is limited, by the flags below. Left to what stands outside: TLS and the rate of each
client are a proxy's work (nginx, Caddy), in front of a server that listens to this machine alone.
An API key is read from --api_key_file or from the environment (LM_ZOO_API_KEY), for it would be seen
on a command line; without TLS it can be overheard. With one, all but / and /healthz ask for it.
"""

import dataclasses
import os
import re
import sys

from lm_zoo.checked_fields import field
from lm_zoo.cli.flags import RegisterFlag
from lm_zoo.cli.loading import load_tensorflow
from lm_zoo.cli.option_flags import options_of_flags
from lm_zoo.errors import UserError
from lm_zoo.progress import stage
from lm_zoo.serving.http.api_key import read_api_key
from lm_zoo.serving.limits import ServingLimits
from lm_zoo.serving.model_folder import find_version
from lm_zoo.text.special_tokens import SPECIAL_TOKENS, SPECIAL_TOKENS_HELP


@dataclasses.dataclass
class ServeFlags:
    model: str = field(
        None,
        is_path=True,
        required=True,
        help="Folder of the exported model: NAME or NAME/VERSION.",
    )
    sha256: str = field(
        "",
        help="What the SHA-256 of its SHA256SUMS has to be, as `lm-zoo export` printed it: then it "
        "is that export, whoever had it in between.",
    )
    trust_unverified: bool = field(
        False,
        help="Load the model though it has no checksums, or others; whoever made it can do on this "
        "machine what you can.",
    )
    host: str = field(
        "127.0.0.1",
        help="Address to listen on; the default admits this machine alone, 0.0.0.0 everyone.",
    )
    port: int = field(8501, at_least=0, at_most=65535, help="Port; 0 takes a free one.")
    allowed_hosts: tuple[str, ...] = field(
        (),
        help="Host names that requests may be for, besides localhost; * is any. By default the "
        "loopback address answers for localhost alone, so that no web page can point a domain of "
        "its own at it, and any other address for every name.",
    )
    cors_origins: tuple[str, ...] = field(
        (),
        help="Origins of web pages elsewhere that may ask, such as https://pages.example; * is "
        "any. By default none but the server's own page.",
    )
    api_key_file: str | None = field(
        None,
        is_path=True,
        help="File with the key that clients must send as `Authorization: Bearer KEY`; by default "
        "the environment's LM_ZOO_API_KEY, if there is one.",
    )
    log_format: str = field(
        "text",
        choices=("text", "json", "none"),
        help="How each request is logged on standard output: when, who, what, status, seconds and "
        "bytes; never what was said.",
    )
    max_batch_size: int = field(
        32, at_least=1, help="Most texts that the model works on at once; 1 is no batching."
    )
    batch_wait_ms: float = field(
        0.0,
        at_least=0,
        at_most=1000,
        help="How long a prediction waits for others to share a call with, when the model is idle.",
    )
    special_tokens: str | None = field(
        None,
        choices=SPECIAL_TOKENS,
        help=f"Of completions: {SPECIAL_TOKENS_HELP} Default: as the model was exported, and as "
        "its signatures read them.",
    )


FLAGS = (ServeFlags, ServingLimits, RegisterFlag)
MEANT = "model"


def run(flag_values, arguments):
    sha256, trust = flag_values.sha256, flag_values.trust_unverified
    if sha256 and (trust or not re.fullmatch("[0-9a-fA-F]{64}", sha256)):
        received = "--trust_unverified as well" if trust else repr(sha256)
        raise UserError(f"--sha256: expected 64 hexadecimal digits alone, received {received}.")
    limits = options_of_flags(ServingLimits, flag_values).validate()
    key = read_api_key(flag_values.api_key_file, os.environ)
    try:
        from lm_zoo.serving import server
        from lm_zoo.serving.http.access_log import AccessLog
        from lm_zoo.serving.http.allowed_hosts import allowed_hosts
        from lm_zoo.serving.http.allowed_origins import allowed_origins
        from lm_zoo.serving.http.open_files import allowed_connections
    except ModuleNotFoundError as error:
        package = error.name.partition(".")[0]
        raise UserError(
            f"serve: the package {package} is missing; pip install 'lm_zoo[serve]' brings it."
        ) from None
    origins = allowed_origins(flag_values.cors_origins)
    connections = allowed_connections(limits.max_connections)
    if connections < limits.max_connections:
        print(
            f"serve: the system allows too few open files (ulimit -n) for --max_connections="
            f"{limits.max_connections}; {connections} are taken.",
            file=sys.stderr,
        )
        limits = dataclasses.replace(limits, max_connections=connections)
    bound = server.bind(flag_values.host, flag_values.port)
    hosts = allowed_hosts(bound.getsockname()[0], flag_values.allowed_hosts)
    find_version(flag_values.model)
    load_tensorflow()
    from lm_zoo.serving.app import make_app
    from lm_zoo.serving.served_model import ServedModel

    special_tokens = flag_values.special_tokens or ""
    with stage(f"Loading {flag_values.model}"):
        model = ServedModel(flag_values.model, sha256, trust, special_tokens)
    with stage("Warming up"):
        model.warm_up()
    wait_seconds = flag_values.batch_wait_ms / 1000
    log = AccessLog(flag_values.log_format, sys.stdout)
    size = flag_values.max_batch_size
    app = make_app(model, limits, size, wait_seconds, hosts, origins, key, log)
    where = server.address_of(bound)

    def on_ready():
        print(f"Serving {model.name}, version {model.version}, on {where}", flush=True)

    server.serve(app, limits, bound, on_ready)
    log.close()
    print("Ended.")
