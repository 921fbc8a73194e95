"""A request for completions, in the form of the OpenAI API, checked."""

import dataclasses
import secrets

from lm_zoo.errors import nearest
from lm_zoo.generation.options import GenerationOptions
from lm_zoo.serving.input_shapes import too_many_rows
from lm_zoo.serving.limits import MOST_STRING_BYTES, MOST_STRINGS
from lm_zoo.serving.request_body import field, shown
from lm_zoo.serving.request_error import RequestError, other_model
from lm_zoo.serving.text_lengths import require_length
from lm_zoo.tasks.prediction import inputs_of

MOST_LOGPROBS, SEEDS = 5, 2**31
NUMBERS = inputs_of(GenerationOptions, "temperature", "top_p")

# What the API has and we do not, and the values that mean it is not asked for.
NOT_OFFERED = {
    "frequency_penalty": (None, 0),
    "presence_penalty": (None, 0),
    "logit_bias": (None, {}),
    "suffix": (None, ""),
}
IGNORED = ("user", "best_of")  # best_of is checked against n


@dataclasses.dataclass
class CompletionRequest:
    """What a client wants.

    `top_k` and `ignore_eos` are not in the OpenAI API; they mean what they mean for `generate`.

    Attributes:
        prompts: Strings, or lists of token ids.
        max_tokens: Most tokens generated per text; 0, with `echo`, scores the prompt alone.
        temperature: Divides the logits; 0 takes the likeliest token.
        top_p: Nucleus sampling; 1 is off.
        top_k: 0 is off.
        n: Texts per prompt.
        stream: Whether text is sent as it appears.
        include_usage: Whether a stream ends with the token counts.
        stop: Strings that end a text.
        seed: The `n` texts of a prompt are the samples that `generate` makes with this seed.
        logprobs: How many likeliest tokens to give with each token; None: no log-probabilities.
        echo: Whether the prompt is part of the text.
        ignore_eos: Whether a text goes on after its end token.
    """

    prompts: list
    max_tokens: int
    temperature: float
    top_p: float
    top_k: int
    n: int
    stream: bool
    include_usage: bool
    stop: tuple
    seed: int
    logprobs: int | None
    echo: bool
    ignore_eos: bool

    @classmethod
    def parse(cls, body, model_name, limits):
        """Checks a request's JSON object.

        Raises:
            RequestError: Naming the field, what was expected and what was received.
        """
        _check_names(body)
        model = body.get("model", model_name)
        if model != model_name:
            raise other_model(model_name, shown(model))
        echo = _truth(body, "echo")
        request = cls(
            prompts=_prompts(body.get("prompt"), limits),
            max_tokens=_whole(body, "max_tokens", 16, 0 if echo else 1, limits.max_new_tokens),
            temperature=_number(body, "temperature"),
            top_p=_number(body, "top_p"),
            top_k=_whole(body, "top_k", 0, 0, 2**31 - 1),
            n=_whole(body, "n", 1, 1, limits.max_rows),
            stream=_truth(body, "stream"),
            include_usage=_include_usage(body.get("stream_options")),
            stop=_stop(body.get("stop")),
            seed=_whole(body, "seed", secrets.randbelow(SEEDS), -(2**63), 2**63 - 1),
            logprobs=_whole(body, "logprobs", None, 0, MOST_LOGPROBS),
            echo=echo,
            ignore_eos=_truth(body, "ignore_eos"),
        )
        if body.get("best_of") not in (None, request.n):
            raise RequestError(
                f"best_of: expected n ({request.n}) or nothing, received "
                f"{shown(body['best_of'])}: texts are not chosen among.",
                param="best_of",
            )
        if len(request.prompts) * request.n > limits.max_rows:
            raise RequestError(
                f"prompt: expected at most {limits.max_rows} texts a request, received "
                f"{len(request.prompts)} prompts times n={request.n}.",
                param="prompt",
            )
        return request

    def options(self):
        """Returns the `GenerationOptions` of each text."""
        return GenerationOptions(
            max_new_tokens=self.max_tokens,
            temperature=self.temperature,
            top_k=self.top_k,
            top_p=self.top_p,
            seed=self.seed % SEEDS,
            stop=self.stop,
            ignore_eos=self.ignore_eos,
        )


def _check_names(body):
    """Refuses what is unknown, and what we do not offer unless it changes nothing."""
    known = {field.name for field in dataclasses.fields(CompletionRequest)}
    known -= {"prompts", "include_usage"}
    known |= {"model", "prompt", "stream_options", *IGNORED, *NOT_OFFERED}
    for name, value in body.items():
        if name not in known:
            guess = nearest(name, known)
            hint = f" Did you mean {guess!r}?" if guess else ""
            name = field(name)
            raise RequestError(f"{name}: there is no such parameter.{hint}", param=name)
        if name in NOT_OFFERED and value not in NOT_OFFERED[name]:
            raise RequestError(
                f"{name}: this server does not offer it; leave it out, received {shown(value)}.",
                param=name,
            )


def _prompts(value, limits):
    """Returns a list of strings and lists of token ids; counts before it looks at the members."""
    if value is None:
        return [""]
    value = [value] if isinstance(value, str) or _begins_with_id(value) else value
    if isinstance(value, list) and value:
        if len(value) > limits.max_rows:
            raise too_many_rows("prompt", limits.max_rows, len(value))
        for prompt in value:
            if isinstance(prompt, list):
                require_length("prompt", len(prompt), limits.max_prompt_tokens)
        if all(isinstance(prompt, str) or _are_ids(prompt) for prompt in value):
            return value
    value = value[0] if isinstance(value, list) and len(value) == 1 else value
    raise RequestError(
        "prompt: expected a string, a list of strings, a list of token ids, or a list of such "
        f"lists, received {shown(value)}.",
        param="prompt",
    )


def _begins_with_id(value):
    return isinstance(value, list) and bool(value) and _is_whole(value[0])


def _are_ids(value):
    return _begins_with_id(value) and all(map(_is_whole, value))


def _is_whole(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _whole(body, name, default, least, most):
    value = body.get(name)
    if value is None:
        return default
    if not _is_whole(value) or not least <= value <= most:
        raise RequestError(
            f"{name}: expected a whole number from {least} to {most}, received {shown(value)}.",
            param=name,
        )
    return value


def _number(body, name):
    """Returns one of the `NUMBERS`."""
    (each,) = (each for each in NUMBERS if each.name == name)
    value = body.get(name)
    if value is None:
        return each.default
    is_number = _is_whole(value) or isinstance(value, float)
    if not is_number or value > 1e30 or not each.fits(value):
        raise RequestError(
            f"{name}: expected {each.expected}, received {shown(value)}.", param=name
        )
    return float(value)


def _truth(body, name):
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise RequestError(f"{name}: expected true or false, received {shown(value)}.", param=name)
    return bool(value)


def _include_usage(options):
    if options is None:
        return False
    if not isinstance(options, dict) or options.keys() - {"include_usage", "include_obfuscation"}:
        raise RequestError(
            f'stream_options: expected {{"include_usage": true}}, received {shown(options)}.',
            param="stream_options",
        )
    return _truth(options, "include_usage")


def _stop(value):
    stops = [value] if isinstance(value, str) else value or []
    right = isinstance(stops, list) and len(stops) <= MOST_STRINGS and all(map(_is_stop, stops))
    if not right:
        raise RequestError(
            f"stop: expected a string, or a list of at most {MOST_STRINGS}, none of them empty or of "
            f"more than {MOST_STRING_BYTES:,} bytes of UTF-8, received {shown(value)}.",
            param="stop",
        )
    return tuple(stops)


def _is_stop(value):
    try:
        return isinstance(value, str) and 0 < len(value.encode("utf-8")) <= MOST_STRING_BYTES
    except UnicodeEncodeError:
        return False
