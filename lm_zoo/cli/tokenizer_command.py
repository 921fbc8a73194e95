"""Trains, shows, uses and compares tokenizers.

    lm-zoo tokenizer train --config=wikitext2_lstm_200 --output=tokenizers/words
    lm-zoo tokenizer train --name=bpe --vocab_size=8000 --input=books --output=tokenizers/bpe
    lm-zoo tokenizer show runs/quickstart_lstm
    lm-zoo tokenizer encode --tokenizer=tokenizers/bpe "Some text" [--json]
    lm-zoo tokenizer decode --tokenizer=tokenizers/bpe 310 62 < ids.txt
    lm-zoo tokenizer compare byte tokenizers/bpe wordpiece:8000 --train_on=a.txt --input=b.txt

A tokenizer is given as the folder of a saved one or of a run, as another program's files (BERT's
vocab.txt, a SentencePiece .model, GPT-2's folder), or, for `compare`, as NAME or NAME:VOCAB_SIZE,
which is then trained on the files that --train_on names. Of a run or a config whose records have
several texts it is the tokenizer of the last one.

`encode` shows the tokens of each text with their ids. Without text or ids as arguments, it takes
all of standard input as one text, and `decode` ids between white space. `--input` and `--train_on` take files, folders and patterns.
"""

import dataclasses
import json
import pathlib
import sys

from lm_zoo.checked_fields import field
from lm_zoo.cli.flags import ConfigFlag
from lm_zoo.errors import UserError, unknown_name
from lm_zoo.files import check_writable

ARGUMENTS = "train|show|encode|decode|compare [TOKENIZER... | TEXT... | ID...]"
ACTIONS = ("train", "show", "encode", "decode", "compare")


@dataclasses.dataclass
class TokenizerFlags:
    name: str | None = field(None, help="For train: the kind (`lm-zoo list tokenizers`).")
    vocab_size: int = field(0, at_least=0, help="For train: largest vocabulary; 0 is no limit.")
    min_count: int = field(1, at_least=1, help="For train: rarer words and characters are unknown.")
    input: tuple[str, ...] = field(
        (), repeated=True, is_path=True, help="For train and compare: the text; may be repeated."
    )
    train_on: tuple[str, ...] = field(
        (), repeated=True, is_path=True, help="For compare: the text to train on; may be repeated."
    )
    encoding: str = field("utf-8", help="Encoding of the text that is read from files.")
    text_field: str = field("", help="The field with the text, in JSON, CSV and Parquet files.")
    output: str | None = field(None, is_path=True, help="For train: the folder to save in.")
    tokenizer: str | None = field(None, is_path=True, help="For encode and decode: which to use.")
    repeats: int = field(3, at_least=1, help="For compare: times measured; the best counts.")
    json: bool = field(False, help="Print JSON.")


FLAGS = (ConfigFlag, TokenizerFlags)


def first_argument(arguments):
    return ACTIONS


def run(flag_values, arguments):
    if not arguments:
        raise UserError(f"tokenizer: expected one of {', '.join(ACTIONS)}, received nothing.")
    action, *rest = arguments
    if action not in ACTIONS:
        raise unknown_name("tokenizer", action, ACTIONS)
    return globals()[f"_{action}"](flag_values, rest)


def _train(flag_values, arguments):
    from lm_zoo.tokenizer_tools import train_tokenizer

    if arguments:
        raise UserError(f"tokenizer train: no arguments expected, received {arguments[0]!r}.")
    if not flag_values.output:
        raise UserError("tokenizer train: --output is required: the folder to save in.")
    if flag_values.config is None and not (flag_values.name and flag_values.input):
        raise UserError("tokenizer train: expected --config, or --name and --input.")
    check_writable(flag_values.output)
    if flag_values.config is not None:
        for name in ("name", "input", "vocab_size", "min_count"):
            if flag_values[name].present:
                raise UserError(
                    f"tokenizer train: --{name} and --config exclude each other; change the "
                    f"config's fields by --config.tokenizer.FIELD=VALUE."
                )
        tokenizer = train_tokenizer(flag_values.config)
    else:
        texts = flag_values.encoding, flag_values.text_field
        sizes = flag_values.vocab_size, flag_values.min_count
        tokenizer = train_tokenizer(flag_values.name, flag_values.input, *sizes, *texts)
    tokenizer.save(pathlib.Path(flag_values.output))
    print(
        f"Saved a {tokenizer.name} tokenizer of {tokenizer.vocab_size:,} tokens in "
        f"{flag_values.output}."
    )


def _show(flag_values, arguments):
    from lm_zoo.tokenizer_tools import load_tokenizer

    if len(arguments) != 1:
        raise UserError(f"tokenizer show: expected one tokenizer, received {len(arguments)}.")
    tokenizer = load_tokenizer(arguments[0])
    if flag_values.json:
        tokenizer = json.dumps(tokenizer.describe(), ensure_ascii=False, indent=2)
    print(tokenizer)


def _encode(flag_values, arguments):
    from lm_zoo.text.tokenizer_measures import encoded

    tokenizer = _chosen(flag_values, "encode")
    for text in arguments or [_standard_input()]:
        ids = tokenizer.encode(text).tolist()
        if flag_values.json:
            tokens = [tokenizer.token_text(i) for i in ids]
            print(json.dumps({"text": text, "ids": ids, "tokens": tokens}, ensure_ascii=False))
        else:
            print(encoded(tokenizer, text, ids))


def _decode(flag_values, arguments):

    tokenizer = _chosen(flag_values, "decode")
    ids = []
    for word in (" ".join(arguments) if arguments else _standard_input()).split():
        if not word.isascii() or not word.isdigit() or len(word) > 18:
            raise UserError(f"tokenizer decode: expected token ids, received {word!r}.")
        ids.append(int(word))
    if flag_values.json:
        tokens = [tokenizer.token_text(i) for i in ids if i < tokenizer.vocab_size]
        text = tokenizer.decode(ids)
        print(json.dumps({"text": text, "ids": ids, "tokens": tokens}, ensure_ascii=False))
    else:
        sys.stdout.write(tokenizer.decode(ids) + ("\n" if arguments else ""))


def _compare(flag_values, arguments):
    from lm_zoo.tokenizer_tools import compare_tokenizers

    if not arguments:
        raise UserError("tokenizer compare: expected tokenizers: folders, files, or NAME:SIZE.")
    if not flag_values.input:
        raise UserError("tokenizer compare: --input is required: the text to compare them on.")
    options = flag_values.repeats, flag_values.encoding, flag_values.text_field
    found = compare_tokenizers(arguments, flag_values.input, flag_values.train_on, *options)
    print(json.dumps(found.rows, ensure_ascii=False, indent=2) if flag_values.json else found)


def _chosen(flag_values, action):
    from lm_zoo.tokenizer_tools import load_tokenizer

    if not flag_values.tokenizer:
        raise UserError(f"tokenizer {action}: --tokenizer is required: a saved one or a run.")
    return load_tokenizer(flag_values.tokenizer)


def _standard_input():
    from lm_zoo.data.corpora.text_files import decode

    return decode("input", "standard input", sys.stdin.buffer.read())
