"""What the evaluation of text classification can be asked for; it is read without TensorFlow."""

from lm_zoo.tasks.task import BatchSize

EvaluationOptions = BatchSize
