"""What a language model can be asked for; needs the standard library alone."""

from lm_zoo.generation.options import GenerationOptions
from lm_zoo.tasks.prediction import (
    ONLY_IN_PYTHON,
    TEXTS_AT_ONCE,
    Input,
    Prediction,
    inputs_of,
)

_ANSWERS = "lm_zoo.tasks.language_modeling.answers"
_TEXT = Input(
    "text", "string", field="text", windowed=True, help="Texts, each processed on its own."
)
_PROMPT = Input("prompt", "string", field="text", help='Texts to continue; "" begins a text.')
_K = Input("k", "int32", 5, each="call", at_least=1, help="Number of tokens, most likely first.")
_SPECIAL_TOKENS = inputs_of(GenerationOptions, "special_tokens", special_tokens=ONLY_IN_PYTHON)

_SAMPLING = inputs_of(
    GenerationOptions,
    *("max_new_tokens", "temperature", "top_k", "top_p", "seed", "stop"),
    max_new_tokens={"bounds_length": True},
    stop={"each": "list"},
)
_SEARCH_NAMES = (
    *("repetition_penalty", "num_beams", "length_penalty", "num_return_sequences"),
    *("ignore_eos", "special_tokens"),
)
_SEARCH = inputs_of(
    GenerationOptions, *_SEARCH_NAMES, **dict.fromkeys(_SEARCH_NAMES, ONLY_IN_PYTHON)
)

PREDICTIONS = {
    "score": Prediction(
        inputs=(_TEXT, *_SPECIAL_TOKENS, TEXTS_AT_ONCE),
        outputs={"log_prob": "log_prob", "num_tokens": "equal", "perplexity": "perplexity"},
        answer=f"{_ANSWERS}:score",
        function="score",
        auxiliary=("score_ids",),
        help="Log-probability in nats, number of tokens and perplexity of each text.",
    ),
    "token_logprobs": Prediction(
        inputs=(_TEXT, *_SPECIAL_TOKENS, TEXTS_AT_ONCE),
        outputs={
            "tokens": "equal:row_lengths",
            "log_probs": "log_prob:row_lengths",
            "row_lengths": "equal",
        },
        answer=f"{_ANSWERS}:token_logprobs",
        function="token_logprobs",
        help="The tokens of all texts, concatenated, and their log-probabilities.",
    ),
    "next_token": Prediction(
        inputs=(_TEXT, _K, *_SPECIAL_TOKENS),
        outputs={"tokens": "equal", "log_probs": "log_prob"},
        answer=f"{_ANSWERS}:next_token",
        function="next_token",
        example={"k": 3},
        help="The most likely next tokens of each text, and their log-probabilities.",
    ),
    "generate": Prediction(
        inputs=(_PROMPT, *_SAMPLING, *_SEARCH),
        outputs={"text": "equal", "log_prob": "log_prob", "num_tokens": "equal"},
        answer=f"{_ANSWERS}:generate",
        function="generate",
        batching="engine",
        auxiliary=(
            "encode_prompts",
            "detokenize",
            "row_keys",
            "prefill",
            "decode",
            "concat_rows",
            "gather_rows",
        ),
        options=GenerationOptions,
        tells_equal_texts_apart=True,
        example={"max_new_tokens": 16, "temperature": 0.8, "top_p": 0.95, "seed": 1},
        help="A continuation of each prompt.",
    ),
    "embed": Prediction(
        inputs=(_TEXT, *_SPECIAL_TOKENS, TEXTS_AT_ONCE),
        outputs={"vector": "vector"},
        answer=f"{_ANSWERS}:embed",
        function="embed",
        help="One vector per text: the mean of the model's features over its tokens.",
    ),
}
