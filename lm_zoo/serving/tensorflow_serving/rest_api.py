"""TensorFlow Serving's REST interface: status, metadata and predictions of the one model."""

import asyncio
import time

from starlette.responses import JSONResponse, Response

from lm_zoo.errors import did_you_mean
from lm_zoo.serving.http.connection import answer_in_time
from lm_zoo.serving.http.request_error import RequestError, field, shown
from lm_zoo.serving.tensorflow_serving import predict_json as json_tensors

DEFAULT = "serving_default"


class TensorFlowApi:
    """Answers as TensorFlow Serving does; the forms are those of its REST interface.

    `GET /v1/models/NAME` is also how OpenAI's clients ask for a model: the answer is for both.

    Args:
        model: A `ServedModel`.
        predictor: A `Predictor`.
        limits: `ServingLimits`.
    """

    def __init__(self, model, predictor, limits):
        self._model = model
        self._predictor = predictor
        self._limits = limits
        self._created = int(time.time())

    def openai_model(self):
        """The model as OpenAI's clients know it."""
        return {
            "id": self._model.name,
            "object": "model",
            "created": self._created,
            "owned_by": "lm_zoo",
        }

    async def list_models(self, request):
        """`GET /v1/models`, in OpenAI's form."""
        return JSONResponse({"object": "list", "data": [self.openai_model()]})

    async def status(self, request):
        """`GET /v1/models/NAME[/versions/V]`."""
        self._check_model(request)
        status = {
            "version": str(self._model.version),
            "state": "AVAILABLE",
            "status": {"error_code": "OK", "error_message": ""},
        }
        return JSONResponse(self.openai_model() | {"model_version_status": [status]})

    async def metadata(self, request):
        """`GET /v1/models/NAME[/versions/V]/metadata`."""
        self._check_model(request)
        spec = {"name": self._model.name, "signature_name": "", "version": str(self._model.version)}
        signatures = {"signature_def": {"signature_def": self._model.metadata}}
        return JSONResponse({"model_spec": spec, "metadata": signatures})

    async def predict(self, request):
        """`POST /v1/models/NAME[/versions/V]:predict`."""
        self._check_model(request)
        verb = request.path_params["verb"]
        if verb != "predict":
            raise RequestError(
                f"{shown(verb)}: this model has no signatures for it; use the verb predict."
            )
        return await answer_in_time(request, self._limits, self._predict)

    async def _predict(self, body):
        signature = self._signature(body)
        values, by_rows = json_tensors.values_of(body, signature, self._limits.max_rows)
        if by_rows and signature.prediction.row_lengths:
            raise RequestError(
                f"instances: {signature.name!r} returns several values per text; use the column "
                'format, {"inputs": {...}}.'
            )
        call = signature.call(values, self._limits)
        outputs = await self._predictor.predict(signature, call)
        # Written in a thread, because there may be a million numbers.
        content = await asyncio.to_thread(json_tensors.answer, outputs, by_rows)
        return Response(content, media_type="application/json")

    def _signature(self, body):
        for name in body:
            if name not in ("signature_name", "instances", "inputs"):
                raise RequestError(
                    f"{field(name)}: there is no such field; expected signature_name and instances "
                    "or inputs."
                )
        name = body.get("signature_name", "") or DEFAULT
        if name == DEFAULT:
            return self._model.default_signature
        signatures = self._model.signatures
        if not isinstance(name, str) or name not in signatures:
            raise RequestError(
                f"signature_name: there is no signature {shown(name)}."
                f"{did_you_mean(name, signatures)} There are "
                f"{', '.join(sorted(signatures))}."
            )
        return signatures[name]

    def _check_model(self, request):
        name = request.path_params["name"]
        version = request.path_params.get("version", str(self._model.version))
        if name != self._model.name:
            raise RequestError(
                f"there is no model {shown(name)}; this server has {self._model.name!r}.", 404
            )
        if version != str(self._model.version):
            raise RequestError(
                f"{name} has no version {shown(version)} here; this server has version "
                f"{self._model.version}.",
                404,
            )
