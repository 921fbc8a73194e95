"""What computes the answers of a model: threads that all requests share."""

import functools

from lm_zoo.serving.inference.batcher import Batcher
from lm_zoo.serving.inference.engine import Engine
from lm_zoo.serving.inference.prediction_engine import PredictionEngine
from lm_zoo.serving.inference.predictor import Predictor
from lm_zoo.serving.openai.prompt_scores import SCORE_IDS, PromptScorer
from lm_zoo.serving.openai.prompts import PromptReader


class Workers:
    """The workers of one model.

    Args:
        model: A `ServedModel`.
        limits: `ServingLimits`.
        max_batch_size: Most texts that the model works on at once.
        wait_seconds: How long a prediction waits for others to share a call with.
        metrics: `Metrics`.

    Attributes:
        predictor: A `Predictor`.
        engine: An `Engine`, or None for a model without a signature that one answers.
        reader: The `PromptReader` of its prompts, or None.
        prompt_batcher: A `Batcher` of a `PromptScorer`, or None.
    """

    def __init__(self, model, limits, max_batch_size, wait_seconds, metrics):
        self.engine = self.reader = self.prompt_batcher = by_engine = None
        make_batcher = functools.partial(
            Batcher,
            max_batch_size=max_batch_size,
            wait_seconds=wait_seconds,
            max_queue=limits.max_queue,
            metrics=metrics,
        )
        if model.generation:
            self.reader = PromptReader(model, limits)
            size = self.reader.max_length
            self.engine = Engine(model.functions, size, max_batch_size, limits.max_queue, metrics)
            scorer = PromptScorer(model.functions, self.reader.tokenizer.vocab_size)
            self.prompt_batcher = make_batcher(SCORE_IDS, scorer)
            by_engine = PredictionEngine(self.engine, self.reader)
        self.predictor = Predictor(model, by_engine, limits, max_batch_size, make_batcher)

    def close(self):
        """Ends the threads."""
        for worker in (self.engine, self.prompt_batcher, self.predictor):
            if worker:
                worker.close()
