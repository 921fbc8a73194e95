"""Which endpoints of the OpenAI API a model has: by the predictions on its card."""

from lm_zoo.serving.completions import Completions
from lm_zoo.serving.embeddings import Embeddings, vectors
from lm_zoo.serving.request_error import not_offered


def openai_endpoints(model, workers, limits, metrics):
    """Returns the names of the endpoints, each with the function that answers its requests.

    Completions need a signature that the engine answers; embeddings one that makes a vector of one
    text. Without, the function says so.

    Args:
        model: A `ServedModel`.
        workers: Its `Workers`.
        limits: `ServingLimits`.
        metrics: `Metrics`.
    """
    completions = _missing(model, "completions", "generate")
    if workers.engine:
        completions = Completions(model, workers, limits, metrics).completions
    embeddings = _missing(model, "embeddings", "embed")
    for signature in model.signatures.values():
        texts = [name for name in signature.required if signature.inputs[name].field]
        if texts == signature.required and len(texts) == len(vectors(signature)) == 1:
            embeddings = Embeddings(model, signature, workers.predictor, limits).embeddings
            break
    return {"completions": completions, "embeddings": embeddings}


def _missing(model, endpoint, prediction):
    async def refuse(request):
        raise not_offered(model, endpoint, prediction)

    refuse.__name__ = endpoint  # by which its requests are counted
    return refuse
