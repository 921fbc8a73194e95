"""The PyTorch module that takes a state dict that was written here, as text for people."""

import json


def readme(kind, settings):
    """Returns a README with the module.

    Args:
        kind: `RNN`, `GRU` or `LSTM`.
        settings: What `config.json` says: `vocab_size`, `embedding_dim`, `hidden_dim`,
            `num_layers`, `tie_embeddings`, and for `RNN` the `nonlinearity`.
    """
    width, vocab_size = settings["embedding_dim"], settings["vocab_size"]
    hidden, tied = settings["hidden_dim"], settings["tie_embeddings"]
    extra = ""
    if "nonlinearity" in settings:
        extra = f", nonlinearity={json.dumps(settings['nonlinearity'])}"
    projected = tied and width != hidden
    lines = [
        f"# A recurrent language model (nn.{kind}), written by lm_zoo",
        "",
        "`model.safetensors` is the state dict of this module (float32); `lm_zoo_tokenizer.json` "
        "is its tokenizer. Its logits predict the next token at each position.",
        "",
        "```python",
        "import safetensors.torch",
        "import torch",
        "",
        "",
        "class LanguageModel(torch.nn.Module):",
        "    def __init__(self):",
        "        super().__init__()",
        f"        self.encoder = torch.nn.Embedding({vocab_size}, {width})",
        f"        self.rnn = torch.nn.{kind}(",
        f"            {width}, {hidden}, {settings['num_layers']}, batch_first=True{extra}",
        "        )",
    ]
    if projected:
        lines += [f"        self.projection = torch.nn.Linear({hidden}, {width}, bias=False)"]
    lines += [
        f"        self.decoder = torch.nn.Linear({width if tied else hidden}, {vocab_size})",
        "",
        "    def forward(self, token_ids, state=None):",
        "        outputs, state = self.rnn(self.encoder(token_ids), state)",
    ]
    if projected:
        lines += ["        outputs = self.projection(outputs)"]
    lines += [
        "        return self.decoder(outputs), state",
        "",
        "",
        "model = LanguageModel()",
        'model.load_state_dict(safetensors.torch.load_file("model.safetensors"))',
        "```",
    ]
    if tied:
        lines += [
            "",
            "Encoder and decoder shared one table, which is written twice: before further "
            "training, set `model.decoder.weight = model.encoder.weight`.",
        ]
    return "\n".join(lines) + "\n"
