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
from lm_zoo.config import CorpusConfig, TokenizerConfig
from lm_zoo.errors import UserError, unknown_name
from lm_zoo.files import check_writable, expanded
from lm_zoo.progress import current_stages, stage
from lm_zoo.tables import render
from lm_zoo.tasks import fields_of

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
    from lm_zoo.data.examples import prepared_preprocessors
    from lm_zoo.data.preparation import prepared_corpus
    from lm_zoo.text.tokenizers import train_tokenizer

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
        config, fields = flag_values.config, fields_of(flag_values.config)
        texts = [field for field in fields if field.kind == "text"]
        with current_stages() as listener:
            corpus = prepared_corpus(config, fields, listener)
            *_, tokenizer = prepared_preprocessors(config, corpus, texts, listener).values()
    else:
        config = TokenizerConfig(
            name=flag_values.name,
            vocab_size=flag_values.vocab_size,
            min_count=flag_values.min_count,
        )
        with stage("Training the tokenizer"):
            tokenizer = train_tokenizer(config, *_texts_of(flag_values, "input"))
    tokenizer.save(pathlib.Path(flag_values.output))
    print(
        f"Saved a {tokenizer.name} tokenizer of {tokenizer.vocab_size:,} tokens in "
        f"{flag_values.output}."
    )


def _show(flag_values, arguments):
    from lm_zoo.cli.tokenizer_report import describe

    if len(arguments) != 1:
        raise UserError(f"tokenizer show: expected one tokenizer, received {len(arguments)}.")
    values = describe(find_tokenizer(arguments[0]))
    if flag_values.json:
        print(json.dumps(values, ensure_ascii=False, indent=2))
        return
    print(render(("", ""), [(key.replace("_", " "), _as_text(v)) for key, v in values.items()]))


def _encode(flag_values, arguments):
    from lm_zoo.cli.tokenizer_report import encoded

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
    from lm_zoo.cli.tokenizer_report import COLUMNS, measure

    if not arguments:
        raise UserError("tokenizer compare: expected tokenizers: folders, files, or NAME:SIZE.")
    if not flag_values.input:
        raise UserError("tokenizer compare: --input is required: the text to compare them on.")
    tokenizers = [_find_or_train(flag_values, source) for source in arguments]
    texts = list(_texts_of(flag_values, "input")[0])
    rows = []
    for source, tokenizer in zip(arguments, tokenizers):
        with stage(f"Measuring {source}"):
            measured = measure(tokenizer, texts, flag_values.repeats)
        rows.append({"tokenizer": source, **measured})
    if flag_values.json:
        print(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    headers = ["tokenizer", *(heading for heading, _ in COLUMNS.values())]
    cells = [
        (row["tokenizer"], *(form(row[key]) for key, (_, form) in COLUMNS.items())) for row in rows
    ]
    print(render(headers, cells, "l" + "r" * len(COLUMNS)))


def _chosen(flag_values, action):

    if not flag_values.tokenizer:
        raise UserError(f"tokenizer {action}: --tokenizer is required: a saved one or a run.")
    return find_tokenizer(flag_values.tokenizer)


def find_tokenizer(source):
    """Returns the tokenizer of a folder (its own or a run's), or of another program's files."""
    from lm_zoo.run_folder import RunFolder
    from lm_zoo.text.tokenizers import foreign_kind, load_tokenizer, train_tokenizer

    path = expanded(source)
    if not path.exists():
        raise UserError(f"tokenizer: there is no file or folder {source!r}; check the path.")
    kind = foreign_kind(path)
    if kind:
        return train_tokenizer(TokenizerConfig(name=kind, path=source), ())
    folder = RunFolder(path)
    if not folder.begun():
        return load_tokenizer(path)
    fields = fields_of(folder.require().config())
    *_, name = (field.name for field in fields if field.kind == "text")
    return folder.preprocessors(fields)[name]


def _find_or_train(flag_values, source):
    """Returns the tokenizer that an argument of `compare` names, trained on the spot if need be."""
    from lm_zoo.text.tokenizers import TOKENIZERS, train_tokenizer

    name, _, size = source.partition(":")
    if name not in TOKENIZERS:
        if expanded(source).exists():
            return find_tokenizer(source)
        raise unknown_name("tokenizer compare", name, TOKENIZERS)
    if size and not (size.isascii() and size.isdigit() and len(size) < 10):
        raise UserError(f"tokenizer compare: expected NAME:VOCAB_SIZE, received {source!r}.")
    config = TokenizerConfig(name=name, vocab_size=int(size or 0))
    if name == "byte":
        return train_tokenizer(config, ())
    if not flag_values.train_on:
        raise UserError(
            f"tokenizer compare: {source} must be trained; give text by --train_on, or the folder "
            f"of a saved tokenizer."
        )
    with stage(f"Training {source}"):
        return train_tokenizer(config, *_texts_of(flag_values, "train_on"))


def _texts_of(flag_values, name):
    """Returns an iterator over the texts of the files that a flag names, and about their size."""
    from lm_zoo.data.corpora import load_corpus

    config = CorpusConfig(
        "text_files",
        train_files=tuple(flag_values[name].value),
        encoding=flag_values.encoding,
        text_field=flag_values.text_field,
        validation_fraction=0.0,
        test_fraction=0.0,
    )
    corpus = load_corpus(config)
    return corpus.texts("train"), corpus.num_bytes


def _standard_input():
    from lm_zoo.data.corpora.text_files import decode

    return decode("input", "standard input", sys.stdin.buffer.read())


def _as_text(value):
    if isinstance(value, list):
        return "  ".join(map(str, value)) or "-"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
