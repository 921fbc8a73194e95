"""A small server for exported models: TensorFlow Serving's REST forms and OpenAI's completions."""
