"""The forms that a run is exported in."""

# name -> (module, what it is). The module's `write(run, folder, **options)` fills a new folder and
# returns lines of text that say what was written and how it was verified.
FORMATS = {
    "saved_model": ("lm_zoo.export.saved_model", "TensorFlow SavedModel that takes strings"),
    "hugging_face": ("lm_zoo.weights.transformers.hugging_face", "GPT-2 or Llama for transformers"),
    "keras_hub": ("lm_zoo.weights.keras.keras_hub", "GPT-2 preset for keras-hub"),
    "litert": ("lm_zoo.export.token_models.litert", "LiteRT model of token ids, for phones"),
    "onnx": ("lm_zoo.export.token_models.onnx", "ONNX models of token ids"),
    "pytorch": ("lm_zoo.weights.torch.pytorch", "state dict of a recurrent model in safetensors"),
}
# Flags of `lm-zoo export`, keywords of `write`; besides them, each has a `name`.
OPTIONS = {
    "saved_model": ("precision", "max_length", "signatures", "special_tokens"),
    "hugging_face": ("shard_bytes",),
    "litert": ("max_length",),
    "pytorch": ("shard_bytes",),
}
# Of those that are data and no program, the page is for the user to go on with.
EDITED = {"hugging_face": ("README.md",), "keras_hub": ("README.md",), "pytorch": ("README.md",)}
SAVED_MODEL = "saved_model"
OF_ANY_TASK = ("saved_model",)
OF_OTHERS = ("language_modeling",)  # the tasks that the other forms are for
