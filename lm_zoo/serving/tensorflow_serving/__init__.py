"""TensorFlow Serving's REST interface: status, metadata and predictions."""
