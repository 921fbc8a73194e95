"""What a translation model's predictions give in Python; the arguments are those of `PREDICTIONS`."""

import math

from lm_zoo.tasks.language_modeling.answers import by_token, totals


def translate(run, text, num_return_sequences, **options):
    """Returns the best `text` of each source and its `score`, and all `texts` and `scores`.

    Where there are fewer than `num_return_sequences`, empty texts have a score of -infinity.
    """
    found = run.translate(text, num_return_sequences=num_return_sequences, **options)
    texts, scores = [], []
    for row in found:
        missing = num_return_sequences - len(row)
        texts.append([one.text for one in row] + [""] * missing)
        scores.append([one.score for one in row] + [-math.inf] * missing)
    return {
        "text": [row[0] for row in texts],
        "score": [row[0] for row in scores],
        "texts": texts,
        "scores": scores,
    }


def score(run, source, text, **options):
    """Returns `log_prob`, `num_tokens` and `perplexity` of each text after its source."""
    return totals(run.score(text, source, **options))


def token_logprobs(run, source, text, **options):
    """Returns the `tokens` of all texts and their ends, their `log_probs`, and `row_lengths`."""
    scores, tokenizer = run.score(text, source, **options), run.tokenizer
    ids = [[*tokenizer.encode(one, options["special_tokens"]), tokenizer.end_id] for one in text]
    return by_token(tokenizer, scores, ids)
