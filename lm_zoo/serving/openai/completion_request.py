"""A request for completions, in the form of the OpenAI API, checked."""

import dataclasses
import secrets

from lm_zoo.generation.options import GenerationOptions
from lm_zoo.serving.http.request_error import RequestError, refused, shown, unexpected
from lm_zoo.serving.input_shapes import too_many_rows
from lm_zoo.serving.limits import MAX_STRING_BYTES, MAX_STRINGS
from lm_zoo.serving.openai.request_fields import (
    begins_with_id,
    check_model,
    check_names,
    is_whole,
)
from lm_zoo.serving.text_lengths import require_length
from lm_zoo.tasks.prediction import inputs_of

MAX_LOGPROBS, SEEDS = 5, 2**31
NUMBERS = inputs_of(GenerationOptions, "temperature", "top_p")

# What the API has and we do not, and the values that mean it is not asked for.
NOT_OFFERED = {
    "frequency_penalty": (None, 0),
    "presence_penalty": (None, 0),
    "logit_bias": (None, {}),
    "suffix": (None, ""),
}
PARAMETERS = (
    *("model", "prompt", "max_tokens", "temperature", "top_p", "top_k", "n", "stop", "seed"),
    *("stream", "stream_options", "logprobs", "echo", "ignore_eos"),
    *("user", "best_of"),  # of which nothing is made; best_of is checked against n
)


@dataclasses.dataclass
class CompletionRequest:
    """What a client wants.

    `top_k` and `ignore_eos` are not in the OpenAI API; they mean what they mean for `generate`.

    Attributes:
        prompts: Strings, or lists of token ids.
        options: The `GenerationOptions` of each text; with a `max_new_tokens` of 0, the prompt
            alone is scored. The `n` texts of a prompt are those that `generate` makes of its seed.
        n: Texts per prompt.
        stream: Whether text is sent as it appears.
        include_usage: Whether a stream ends with the token counts.
        logprobs: How many likeliest tokens to give with each token; None: no log-probabilities.
        echo: Whether the prompt is part of the text.
    """

    prompts: list
    options: GenerationOptions
    n: int
    stream: bool
    include_usage: bool
    logprobs: int | None
    echo: bool

    @classmethod
    def parse(cls, body, model_name, limits):
        """Checks a request's JSON object.

        Raises:
            RequestError: Naming the field, what was expected and what was received.
        """
        _check_parameters(body)
        check_model(body, model_name)
        echo = _truth(body, "echo")
        seed = _whole(body, "seed", secrets.randbelow(SEEDS), -(2**63), 2**63 - 1)
        options = GenerationOptions(
            max_new_tokens=_whole(body, "max_tokens", 16, 0 if echo else 1, limits.max_new_tokens),
            temperature=_number(body, "temperature"),
            top_k=_whole(body, "top_k", 0, 0, 2**31 - 1),
            top_p=_number(body, "top_p"),
            seed=seed % SEEDS,
            stop=_stop(body.get("stop")),
            ignore_eos=_truth(body, "ignore_eos"),
        )
        request = cls(
            prompts=_prompts(body.get("prompt"), limits),
            options=options,
            n=_whole(body, "n", 1, 1, limits.max_rows),
            stream=_truth(body, "stream"),
            include_usage=_include_usage(body.get("stream_options")),
            logprobs=_whole(body, "logprobs", None, 0, MAX_LOGPROBS),
            echo=echo,
        )
        if body.get("best_of") not in (None, request.n):
            raise RequestError(
                f"best_of: expected n ({request.n}) or nothing, received "
                f"{shown(body['best_of'])}: the server does not choose among texts.",
                param="best_of",
            )
        if len(request.prompts) * request.n > limits.max_rows:
            received = f"{len(request.prompts)} prompts times n={request.n}"
            raise refused("prompt", f"at most {limits.max_rows} texts a request", received)
        return request


def _check_parameters(body):
    """Refuses what is unknown, and what we do not offer unless it changes nothing."""
    check_names(body, (*PARAMETERS, *NOT_OFFERED))
    for name, nothing in NOT_OFFERED.items():
        if name in body and body[name] not in nothing:
            raise RequestError(
                f"{name}: this server does not support it; leave it out, received "
                f"{shown(body[name])}.",
                param=name,
            )


def _prompts(value, limits):
    """Returns a list of strings and lists of token ids; counts before it looks at the members."""
    if value is None:
        return [""]
    value = [value] if isinstance(value, str) or begins_with_id(value) else value
    if isinstance(value, list) and value:
        if len(value) > limits.max_rows:
            raise too_many_rows("prompt", limits.max_rows, len(value))
        for prompt in value:
            if isinstance(prompt, list):
                require_length("prompt", len(prompt), limits.max_prompt_tokens)
        if all(isinstance(prompt, str) or _are_ids(prompt) for prompt in value):
            return value
    value = value[0] if isinstance(value, list) and len(value) == 1 else value
    expected = "a string, a list of strings, a list of token ids, or a list of such lists"
    raise unexpected("prompt", expected, value)


def _are_ids(value):
    return begins_with_id(value) and all(map(is_whole, value))


def _whole(body, name, default, least, most):
    value = body.get(name)
    if value is None:
        return default
    if not is_whole(value) or not least <= value <= most:
        raise unexpected(name, f"a whole number from {least} to {most}", value)
    return value


def _number(body, name):
    """Returns one of the `NUMBERS`."""
    (each,) = (each for each in NUMBERS if each.name == name)
    value = body.get(name)
    if value is None:
        return each.default
    is_number = is_whole(value) or isinstance(value, float)
    if not is_number or value > 1e30 or not each.fits(value):
        raise unexpected(name, each.expected, value)
    return float(value)


def _truth(body, name):
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise unexpected(name, "true or false", value)
    return bool(value)


def _include_usage(options):
    if options is None:
        return False
    if not isinstance(options, dict) or options.keys() - {"include_usage", "include_obfuscation"}:
        raise unexpected("stream_options", '{"include_usage": true}', options)
    return _truth(options, "include_usage")


def _stop(value):
    stops = [value] if isinstance(value, str) else value or []
    if isinstance(stops, list) and len(stops) <= MAX_STRINGS and all(map(_is_stop, stops)):
        return tuple(stops)
    raise unexpected(
        "stop",
        f"a string, or a list of at most {MAX_STRINGS}, none of them empty or of more than "
        f"{MAX_STRING_BYTES:,} bytes of UTF-8",
        value,
    )


def _is_stop(value):
    try:
        return isinstance(value, str) and 0 < len(value.encode("utf-8")) <= MAX_STRING_BYTES
    except UnicodeEncodeError:
        return False
