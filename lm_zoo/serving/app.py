"""The ASGI application: which path is answered by what, and how mistakes are told."""

import contextlib

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lm_zoo.serving.http.access_log import AccessLog
from lm_zoo.serving.http.allowed_hosts import host_check
from lm_zoo.serving.http.allowed_origins import origin_check
from lm_zoo.serving.http.api_key import key_check
from lm_zoo.serving.http.connection import CLIENT_CLOSED_REQUEST
from lm_zoo.serving.http.measuring import MeasuringMiddleware
from lm_zoo.serving.http.metrics import Metrics
from lm_zoo.serving.http.middleware import Gate
from lm_zoo.serving.http.request_error import RequestError, field, not_offered
from lm_zoo.serving.inference.workers import Workers
from lm_zoo.serving.model_page import page_response
from lm_zoo.serving.openai.completions_endpoint import CompletionsEndpoint
from lm_zoo.serving.openai.embeddings_endpoint import EmbeddingsEndpoint, vectors
from lm_zoo.serving.tensorflow_serving.rest_api import TensorFlowApi


def make_app(
    model, limits, max_batch_size=32, wait_seconds=0.0, hosts=None, origins=(), key=None, log=None
):
    """Makes the application that serves one model.

    Args:
        model: A `ServedModel`.
        limits: `ServingLimits`.
        max_batch_size: Most texts that the model works on at once; 1 is no batching.
        wait_seconds: How long a prediction waits for others to share a call with.
        hosts: The hosts that requests may name, as `allowed_hosts` returns them.
        origins: The origins of pages that may ask, besides its own.
        key: The API key that clients must know, or None.
        log: An `AccessLog`, or None.

    Returns:
        A `Starlette` application. Its threads end with its lifespan. Its `state.note` is told of
        what is refused before it comes here.
    """
    metrics = Metrics(model.name, model.version)
    log = log or AccessLog("none", None)
    workers = Workers(model, limits, max_batch_size, wait_seconds, metrics)
    tensorflow_api = TensorFlowApi(model, workers.predictor, limits)
    openai = _openai_endpoints(model, workers, limits, metrics)

    async def health(request):
        return JSONResponse({"status": "ok", "model": model.name, "version": model.version})

    async def figures(request):
        return Response(metrics.page(), media_type=metrics.content_type)

    async def page(request):
        return page_response(model)

    @contextlib.asynccontextmanager
    async def lifespan(app):
        yield
        workers.close()

    checks = (host_check(hosts), origin_check(origins), key_check(key))
    one_model = "/v1/models/{name}"
    routes = [
        Route("/", page),
        Route("/healthz", health),
        Route("/metrics", figures),
        *(Route(f"/v1/{name}", answer, methods=["POST"]) for name, answer in openai.items()),
        Route("/v1/models", tensorflow_api.list_models),
    ]
    for version in ("", "/versions/{version}"):
        routes += [
            Route(f"{one_model}{version}:{{verb}}", tensorflow_api.predict, methods=["POST"]),
            Route(f"{one_model}{version}/metadata", tensorflow_api.metadata),
            Route(f"{one_model}{version}", tensorflow_api.status),
        ]
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(MeasuringMiddleware, metrics=metrics, log=log),
            *(Middleware(Gate, check=check, error_response=_error_response) for check in checks),
        ],
        exception_handlers={
            RequestError: _error_response,
            HTTPException: _http_error_response,
            ClientDisconnect: _gone,
            Exception: _internal_error,
        },
        lifespan=lifespan,
    )

    def note(client, status):
        metrics.requests.labels("other", status).inc()
        log.note(client, "-", "-", status, 0.0, 0)

    app.state.note = note
    return app


def _openai_endpoints(model, workers, limits, metrics):
    """Returns the names of the endpoints, each with the function that answers its requests.

    Completions need a signature that the engine answers; embeddings one that makes a vector of one
    text. Without, the function says so.
    """
    completions = _missing(model, "completions", "generate")
    if workers.engine:
        completions = CompletionsEndpoint(model, workers, limits, metrics).completions
    embeddings = _missing(model, "embeddings", "embed")
    for signature in model.signatures.values():
        texts = [name for name in signature.required if signature.inputs[name].field]
        if texts == signature.required and len(texts) == len(vectors(signature)) == 1:
            embeddings = EmbeddingsEndpoint(model, signature, workers.predictor, limits).embeddings
            break
    return {"completions": completions, "embeddings": embeddings}


def _missing(model, endpoint, prediction):
    async def refuse(request):
        raise not_offered(model, endpoint, prediction)

    refuse.__name__ = endpoint  # by which its requests are counted
    return refuse


async def _error_response(request, error):
    """Answers with what is wrong, in the form of the interface that was used."""
    return Response(
        error.content_for(request.scope["path"]),
        status_code=error.status,
        headers=error.headers,
        media_type="application/json",
    )


async def _http_error_response(request, error):
    path = field(request.scope["path"])
    messages = {
        404: f"nothing at {path}; completions are at /v1/completions, embeddings at /v1/embeddings.",
        405: f"{path} is not for {request.method}.",
    }
    message = messages.get(error.status_code, error.detail)
    response = await _error_response(request, RequestError(message, error.status_code))
    response.headers.update(error.headers or {})
    return response


async def _gone(request, error):
    return Response(status_code=CLIENT_CLOSED_REQUEST)


async def _internal_error(request, error):
    return await _error_response(request, RequestError("the server failed; see its log.", 500))
