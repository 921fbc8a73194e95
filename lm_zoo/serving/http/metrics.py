"""What the server counts, for Prometheus."""

import prometheus_client

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """The figures of one server.

    Attributes:
        requests: Requests answered, by endpoint and status.
        request_seconds: From the request to the end of its answer, by endpoint.
        first_token_seconds: From a completion's start to its first token.
        batch_rows: Texts in each call of the model, by function.
        tokens: Tokens read of prompts and generated, by kind.
        active_texts: Texts that grow now.
        waiting_texts: Texts that wait to begin, by function.
    """

    content_type = prometheus_client.CONTENT_TYPE_LATEST

    def __init__(self, model_name, version):
        prometheus_client.disable_created_metrics()
        self.registry = prometheus_client.CollectorRegistry()

        def make(kind, name, text, labels=(), **more):
            return kind(f"lm_zoo_{name}", text, labels, registry=self.registry, **more)

        counter, gauge = prometheus_client.Counter, prometheus_client.Gauge
        histogram = prometheus_client.Histogram
        self.requests = make(counter, "requests", "Requests answered.", ["endpoint", "status"])
        self.request_seconds = make(
            histogram,
            "request_seconds",
            "From a request to the end of its answer.",
            ["endpoint"],
            buckets=_SECONDS,
        )
        self.first_token_seconds = make(
            histogram,
            "first_token_seconds",
            "From a completion's start to its first token.",
            buckets=_SECONDS,
        )
        self.batch_rows = make(
            histogram, "batch_rows", "Texts in each call of the model.", ["function"], buckets=_ROWS
        )
        self.tokens = make(counter, "tokens", "Tokens of completions.", ["kind"])
        self.active_texts = make(gauge, "active_texts", "Texts that grow now.")
        self.waiting_texts = make(gauge, "waiting_texts", "Texts that wait to begin.", ["function"])
        info = make(prometheus_client.Info, "model", "The model that is served.")
        info.info({"name": model_name, "version": str(version)})

    def page(self):
        """Returns the figures in Prometheus' text format, as bytes."""
        return prometheus_client.generate_latest(self.registry)
