"""Makes a run of weights that were trained elsewhere, to generate, score and export with.

    lm-zoo import --from=gpt2 --workdir=runs/gpt2
    lm-zoo import --from=tiny_llama --tokenizer=tokenizers/bpe --workdir=runs/tiny_llama
    lm-zoo import --from=word_language_model --tokenizer=runs/words --workdir=runs/torch_lstm

Read are GPT-2 and Llama as transformers saves them (config.json, safetensors in one file or more,
tokenizer), GPT-2 presets of keras-hub, and safetensors with the state dict of a PyTorch language
model of nn.LSTM, nn.GRU or nn.RNN. Every tensor is used, in its shape, or the import is refused.
`lm-zoo export --format=hugging_face|keras_hub|pytorch` is the way back.
"""

import dataclasses

from lm_zoo.checked_fields import field
from lm_zoo.cli.loading import load_tensorflow
from lm_zoo.files import expanded
from lm_zoo.weights.import_checks import FORMAT_NAMES, check_import


@dataclasses.dataclass
class ImportFlags:
    from_: str = field(
        None,
        is_path=True,
        required=True,
        help="Folder of the weights; of the versions of an export the highest is taken.",
    )
    workdir: str = field(None, is_path=True, required=True, help="Folder of the run; new or empty.")
    format: str | None = field(
        None, choices=FORMAT_NAMES, help="What the folder is of; by default found out."
    )
    tokenizer: str = field(
        "",
        is_path=True,
        help="A saved tokenizer, a run, or another program's files, if the folder has none.",
    )


FLAGS = (ImportFlags,)
MEANT = "from"


def run(flag_values, arguments):
    from lm_zoo.run_folder import RunFolder
    from lm_zoo.tokenizer_tools import load_tokenizer

    source, form = flag_values["from"].value, flag_values.format or ""
    check_import(expanded(source), RunFolder(flag_values.workdir))
    tokenizer = load_tokenizer(flag_values.tokenizer) if flag_values.tokenizer else None
    load_tensorflow()
    from lm_zoo.weights.importing import import_run

    run = import_run(source, flag_values.workdir, form, tokenizer)
    config, record = run.config, run.folder.data_record()
    print(
        f"Imported {record['source']} as a {config.model.name} with a {config.tokenizer.name} "
        f"tokenizer of {config.tokenizer.vocab_size:,} tokens into {run.folder.path}."
    )
    padding = config.model.arguments.get("vocab_padding", 0)
    if padding:
        print(
            f"The weights' last {padding:,} rows belong to no token: they are part of the "
            "softmax, as in the original model, and are never generated."
        )
