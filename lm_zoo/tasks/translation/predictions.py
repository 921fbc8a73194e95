"""What a model that translates can be asked for; needs the standard library alone."""

from lm_zoo.generation.translation_options import AUTOMATIC_LENGTH, TranslationOptions
from lm_zoo.tasks.prediction import (
    ONLY_IN_PYTHON,
    TEXTS_AT_ONCE,
    Input,
    Prediction,
    inputs_of,
)

_ANSWERS = "lm_zoo.tasks.translation.answers"
_TO_TRANSLATE = Input("text", "string", field="source", ends=True, help="Texts to translate.")
_TARGET = Input("text", "string", field="target", ends=True, help="Translations to score.")
_SOURCE = Input("source", "string", field="source", ends=True, help="The source of each text.")
_TO_EMBED = Input("text", "string", field="source", ends=True, help="Texts, read as sources.")
_SPECIAL_TOKENS = inputs_of(TranslationOptions, "special_tokens", special_tokens=ONLY_IN_PYTHON)

_SEARCH = inputs_of(
    TranslationOptions,
    *("num_beams", "max_new_tokens", "length_penalty", "num_return_sequences"),
    num_beams={"each": "call"},
    max_new_tokens={"bounds_length": True, "automatic": AUTOMATIC_LENGTH},
    length_penalty={"each": "call"},
    num_return_sequences={"each": "call"},
)
_OTHER_NAMES = ("coverage_penalty", "too_long", "special_tokens", "batch_size")
_OTHERS = inputs_of(
    TranslationOptions, *_OTHER_NAMES, **dict.fromkeys(_OTHER_NAMES, ONLY_IN_PYTHON)
)

PREDICTIONS = {
    "translate": Prediction(
        inputs=(_TO_TRANSLATE, *_SEARCH, *_OTHERS),
        outputs={"text": "equal", "score": "log_prob", "texts": "equal", "scores": "log_prob"},
        answer=f"{_ANSWERS}:translate",
        function="translate",
        auxiliary=("beams",),
        options=TranslationOptions,
        example={"num_return_sequences": 2},
        help="Translations of each text by beam search, best first. A score is the "
        "log-probability divided by the number of tokens to the power of length_penalty.",
    ),
    "score": Prediction(
        inputs=(_SOURCE, _TARGET, *_SPECIAL_TOKENS, TEXTS_AT_ONCE),
        outputs={"log_prob": "log_prob", "num_tokens": "equal", "perplexity": "perplexity"},
        answer=f"{_ANSWERS}:score",
        function="score",
        auxiliary=("score_ids",),
        help="Log-probability in nats, number of tokens and perplexity of each text given its "
        "source; the tokens include the end token.",
    ),
    "token_logprobs": Prediction(
        inputs=(_SOURCE, _TARGET, *_SPECIAL_TOKENS, TEXTS_AT_ONCE),
        outputs={
            "tokens": "equal:row_lengths",
            "log_probs": "log_prob:row_lengths",
            "row_lengths": "equal",
        },
        answer=f"{_ANSWERS}:token_logprobs",
        function="token_logprobs",
        help="The tokens of all texts, concatenated, each with its end token, and their "
        "log-probabilities.",
    ),
    "embed": Prediction(
        inputs=(_TO_EMBED, *_SPECIAL_TOKENS, TEXTS_AT_ONCE),
        outputs={"vector": "vector"},
        answer="lm_zoo.tasks.language_modeling.answers:embed",
        function="embed",
        help="One vector per text: the mean of the encoder's vectors over its tokens.",
    ),
}
