"""The object that becomes a SavedModel: weights, preprocessors, and functions of strings."""

import inspect
import pathlib

import tensorflow as tf

from lm_zoo.export.checks import checked_names
from lm_zoo.export.in_graph.input_tensors import compiled
from lm_zoo.export.in_graph.traced_model import TracedModel
from lm_zoo.files import plain_path
from lm_zoo.generation.options import TEXT
from lm_zoo.text.in_graph import module_of


class ExportedModel(tf.Module):
    """A trained model whose functions map strings to strings without any Python at run time.

    Its attributes are the functions of the predictions chosen, and their auxiliary functions.

    Args:
        task: The `Task`.
        model: A built model. Its weights are not used; those given are.
        weights: `StoredWeights`.
        names: Which of the task's predictions; None is all.
        max_length: Maximum tokens of a text that is read whole and of the state; 0 is the model's
            limit.
        special_tokens: How a special token written out in a text is read: `text` or `control`.

    Attributes:
        weights: The `StoredWeights`.
        in_graph: Field name -> its tokenizer as a module.
    """

    def __init__(self, task, model, weights, names=None, max_length=0, special_tokens=TEXT):
        super().__init__(name=task.name)
        self.weights = weights
        self.special_tokens = special_tokens
        self.in_graph = _modules(task, special_tokens)
        limits = task.length_limits(model, max_length)
        functions = task.exported(TracedModel(model, weights), self.in_graph, limits)
        self._names = checked_names(task.name, task.predictions, names)
        for name in self._names:
            prediction = task.predictions[name]
            function = getattr(functions, prediction.function)
            setattr(self, name, compiled(function, prediction.exported_inputs))
            for auxiliary in prediction.auxiliary:
                setattr(self, auxiliary, functions.auxiliary(auxiliary))

    def save(self, folder):
        """Writes the SavedModel; `serving_default` is the first of the predictions."""
        signatures = {name: _calling(getattr(self, name)) for name in self._names}
        signatures["serving_default"] = signatures[self._names[0]]
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        with plain_path(folder) as path:
            tf.saved_model.save(self, path, signatures, options)


def _modules(task, special_tokens):
    """Returns field name -> module of its tokenizer; fields that share one share the module."""
    texts = {f.name: task.preprocessors[f.name] for f in task.fields if f.kind == "text"}
    tokenizers = {id(tokenizer): tokenizer for tokenizer in texts.values()}
    modules = {key: module_of(each, special_tokens) for key, each in tokenizers.items()}
    return {name: modules[id(tokenizer)] for name, tokenizer in texts.items()}


def _calling(function):
    """Returns a function that calls another one: TensorFlow traces anew what it is given."""

    def call(*arguments):
        return function(*arguments)

    call.__signature__ = inspect.signature(function.python_function)  # the defaults too
    return tf.function(call, input_signature=function.input_signature, autograph=False)
