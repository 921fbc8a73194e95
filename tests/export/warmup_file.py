"""Reads the requests that TensorFlow Serving makes of a model first."""

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2


def read_warmup(path):
    """Returns the `PredictRequest`s of a file that `write_warmup` wrote."""
    logs = [
        prediction_log_pb2.PredictionLog.FromString(record.numpy())
        for record in tf.data.TFRecordDataset(str(path))
    ]
    return [log.predict_log.request for log in logs]
