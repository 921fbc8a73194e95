"""What is compiled for a model, made once and kept as long as the model lives."""

import logging
import weakref

_MADE = weakref.WeakKeyDictionary()  # model -> key -> what was made


def _is_of_use(record):
    # Traces are made for some shapes on purpose, a bounded number: no one who runs us can change it.
    return "triggered tf.function retracing" not in record.getMessage()


logging.getLogger("tensorflow").addFilter(_is_of_use)


def compiled_for(model, key, make):
    """Returns what `make` gives for a model, made at the first call, so that later ones find it.

    Args:
        model: Any object that can be hashed and referred to weakly, such as a `keras.Model`.
        key: What is made, unlike any other: `"evaluation.nll"`; where more than the model decides
            what it is, a tuple with that too: `("evaluation.rows", strategy)`.
        make: Called as `make(reference)`; `reference()` is the model. What it returns must hold the
            reference and not the model itself, which else would never be freed.
    """
    made = _MADE.setdefault(model, {})
    if key not in made:
        made[key] = make(weakref.ref(model))
    return made[key]
