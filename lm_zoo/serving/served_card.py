"""The model card of a SavedModel as the server reads it: what it can be asked for, and how."""

from lm_zoo.errors import UserError
from lm_zoo.files import raise_if_of_system
from lm_zoo.files.json_files import NotJson, check, file_name, natural, read_json
from lm_zoo.serving.inference import prediction_engine
from lm_zoo.serving.signature import DTYPES, Signature
from lm_zoo.tasks.prediction import CARD, CARD_VERSION, Prediction
from lm_zoo.text.tokenizers import TOKENIZERS

PATH = "model_card.json"
_READ_AGAIN = {
    "task": str,
    "model": str,
    "special_tokens?": str,
    "fields": {file_name: {"shares": str, "max_length": (natural, None)}},
    "predictions": {str: CARD},
}


def read_card(path):
    """Returns the model card of a SavedModel.

    Raises:
        UserError: If there is none, so that it is not one that `lm-zoo export` wrote; or if it is
            of another format version, damaged, or without predictions.
    """
    try:
        card = read_json(path / PATH, finite=False)  # an example may be NaN
        version = card.get("format_version")
        if version == CARD_VERSION:
            check(card, _READ_AGAIN)
            _check_fields(card)
    except FileNotFoundError:
        raise UserError(
            f"model: {path} holds a SavedModel that is not lm_zoo's ({PATH} is missing); export "
            "one with `lm-zoo export`."
        ) from None
    except (OSError, NotJson) as error:
        raise_if_of_system(error)
        raise _damaged(path, error) from None
    if version != CARD_VERSION:
        raise UserError(
            f"model: {path / PATH}: format_version: expected {CARD_VERSION}, received "
            f"{version!r:.40}: another version of lm_zoo wrote it; export the model again with "
            "this one."
        )
    if not card["predictions"]:
        raise UserError(
            f"model: {path / PATH}: expected at least one prediction, received none; export the "
            "model again."
        )
    needs = card.get("saved_model_needs")
    known = sorted({kind.saved_model_needs for kind in TOKENIZERS.values()})
    if needs not in known:
        raise UserError(
            f"model: {path / PATH}: saved_model_needs: expected one of "
            f"{', '.join(map(repr, known))}, received {needs!r:.100}; export the model again."
        )
    return card


def signatures_of(card, path, functions):
    """Returns name -> `Signature`, in the order of the predictions on a card.

    Args:
        card: What `read_card` returned.
        path: Of the SavedModel, for messages.
        functions: The restored object. Predictions that are none of its signatures are left out.

    Raises:
        UserError: If a prediction and its signature do not fit together, or this server cannot
            answer it.
    """
    signatures = {}
    for name, values in card["predictions"].items():
        if name in functions.signatures:
            function, prediction = functions.signatures[name], Prediction.from_dict(values)
            try:
                signatures[name] = Signature(name, function, prediction)
                _check(signatures[name], functions)
            except (NotJson, AttributeError, TypeError, ValueError, OverflowError) as error:
                raise _damaged(path, f"predictions, {name!r:.80}: {error}") from None
    return signatures


def _check_fields(card):
    """Raises a `NotJson` unless all fields that are named are there."""
    for name, field in card["fields"].items():
        _expect(f"fields, {name!r:.80}: shares", field["shares"], ("", *card["fields"]))
    for name, values in card["predictions"].items():
        for each in values["inputs"]:
            _expect(f"predictions, {name!r:.80}: field", each["field"], ("", *card["fields"]))


def _check(signature, functions):
    """Raises a `NotJson` unless a signature can be called as its card says."""
    prediction, inputs = signature.prediction, signature.inputs
    for each in inputs.values():
        _expect(f"{each.name}: dtype", each.dtype, DTYPES)
        _expect(f"{each.name}: each", each.each, ("row", "call", "list"))
    _, specs = signature.function.structured_input_signature
    found = {name: spec.dtype.name for name, spec in specs.items()}
    if found != {name: each.dtype for name, each in inputs.items()}:
        raise NotJson(f"its inputs differ from the SavedModel's, which has {found}")
    if not any(each.is_required and each.each == "row" for each in inputs.values()):
        raise NotJson("it has no required input")
    for name in prediction.row_lengths.values():
        _expect("outputs", name, prediction.outputs)
    signature.defaults  # which have to be of their dtypes
    _expect("batching", prediction.batching, ("rows", "engine"))
    if prediction.batching == "engine":
        prediction_engine.check(prediction, functions)


def _expect(what, received, known):
    if received not in known:
        raise NotJson(f"{what}: expected one of {', '.join(known)}, received {received!r:.40}")


def _damaged(path, reason):
    return UserError(f"model: {path / PATH} is damaged ({reason}); export the model again.")
