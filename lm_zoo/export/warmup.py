"""Requests that TensorFlow Serving makes of a model before it takes those of others."""

import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

FILE_NAME = "tf_serving_warmup_requests"  # in assets.extra; Serving reads this name


def predict_request(model, signature, inputs):
    """Returns a `PredictRequest`.

    Args:
        model: Name of the model.
        signature: Name of the signature.
        inputs: Name -> tensor, array, or what TensorFlow makes one of.
    """
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return request


def write_warmup(path, requests):
    """Writes `PredictRequest`s as the TFRecord of `PredictionLog` that Serving reads."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for request in requests:
            log = prediction_log_pb2.PredictionLog()
            log.predict_log.request.CopyFrom(request)
            writer.write(log.SerializeToString(deterministic=True))
