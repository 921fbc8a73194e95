"""`tokenizer.json`, the `tokenizers` library's file, of a byte-level BPE: every part, or a refusal.

What is in such a file and changes ids is either done here too or named in the refusal. Truncation
and padding are not looked at: transformers turns both off unless a call asks for them.
"""

import itertools
import typing

from lm_zoo.errors import UserError
from lm_zoo.text.tokenizers import BytePairTokenizer
from lm_zoo.text.tokenizers.bpe import END_OF_TEXT
from lm_zoo.text.tokenizers.bpe_splits import SPLITS
from lm_zoo.weights.foreign_json import read_json

_PARTS = ("version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer")
_PARTS += ("post_processor", "decoder", "model")
_MODEL = ("type", "vocab", "merges", "ignore_merges", "unk_token", "fuse_unk")  # no byte is unknown
_UNLIKE = ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback")
_FLAGS = ("lstrip", "rstrip", "single_word")


class Around(typing.NamedTuple):
    """What a post-processor puts around each text.

    Attributes:
        start: The id of the token before it, or None.
        end: The token after it as it is written, or None.
    """

    start: int | None = None
    end: str | None = None


def unlike(path, why):
    """Returns the error of a tokenizer that ours cannot do."""
    return UserError(
        f"{path}: lm_zoo does not support this tokenizer ({why}); expected GPT-2's or Llama 3's "
        "kind, or a SentencePiece tokenizer.model next to it, or give --tokenizer."
    )


def read_byte_pairs(path, eos_ids=()):
    """Returns the `BytePairTokenizer` of a `tokenizer.json`, with its start token.

    Args:
        path: The file.
        eos_ids: Ids of tokens that may end a text; the first that is a special token does.

    Raises:
        UserError: If it is damaged, or does something to ids that ours cannot.
    """
    values = read_json(path)
    for name in values:
        if name not in _PARTS:
            raise unlike(path, f"it has {name!r}, which lm_zoo does not support")
    vocabulary, merges, ignore_merges = _model(path, values.get("model"))
    if _flat(path, "normalizer", values.get("normalizer"), "normalizers"):
        kinds = _kinds(_flat(path, "normalizer", values["normalizer"], "normalizers"))
        raise unlike(path, f"its normalizer changes text: {kinds}")
    split = _split(path, values.get("pre_tokenizer"))
    decoders = _flat(path, "decoder", values.get("decoder"), "decoders")
    if any(part.get("type") != "ByteLevel" for part in decoders):
        raise unlike(path, f"its decoder is not just ByteLevel: {_kinds(decoders)}")
    added = added_tokens(path, values.get("added_tokens") or [])
    for token, number in added.items():
        if vocabulary.get(token, number) != number:
            raise UserError(
                f"{path}: added_tokens: {token!r} has another id in vocab; copy it again."
            )
    around = read_post_processor(path, values.get("post_processor"))
    if around.end is not None:
        raise unlike(path, f"its post_processor puts {around.end!r} after each text")
    by_id = {number: token for token, number in added.items()}
    eos = next((by_id[number] for number in eos_ids if number in by_id), END_OF_TEXT)
    tokenizer = BytePairTokenizer(
        vocabulary | added, merges, list(added), eos, split, ignore_merges
    )
    if around.start is not None:
        (tokenizer.bos_id,) = tokenizer._checked(around.start).tolist()
    return tokenizer


def read_post_processor(path, processor):
    """Returns the `Around` of a `post_processor`.

    Raises:
        UserError: If it puts more around a text than a token before and one after it.
    """
    found = Around()
    for part in _flat(path, "post_processor", processor, "processors"):
        if part.get("type") == "ByteLevel":
            continue  # it moves offsets alone
        if part.get("type") != "TemplateProcessing":
            raise unlike(path, f"its post_processor is {part.get('type')!r}")
        if found != Around():
            raise unlike(path, "its post_processor has two templates")
        found = _template(path, part)
    return found


def added_tokens(path, tokens):
    """Returns token -> id of `added_tokens`.

    Raises:
        UserError: If one of them is read in a way that ours are not.
    """
    try:
        added = {token["content"]: token["id"] for token in tokens}
        flags = {token["content"]: bool(token.get("normalized")) for token in tokens}
        for token in tokens:
            name = token["content"]
            for flag in _FLAGS:
                if token.get(flag):
                    raise unlike(path, f"its added token {name!r} has {flag}")
            if not token.get("special"):
                raise unlike(path, f"its added token {name!r} is text, not a special token")
            if not isinstance(name, str) or type(token["id"]) is not int:
                raise TypeError
    except (KeyError, TypeError, AttributeError):
        raise UserError(
            f"{path}: expected content and id of added_tokens; copy it again."
        ) from None
    # Those that are looked for in normalized text come second, whatever stands first.
    for one, other in itertools.permutations(added, 2):
        if flags[one] != flags[other] and _overlap(one, other):
            raise unlike(path, f"its added tokens {one!r} and {other!r} overlap")
    return added


def _overlap(one, other):
    ends = any(one.endswith(other[:size]) for size in range(1, len(other)))
    return ends or one in other


def _model(path, model):
    """Returns `(vocabulary, merges, ignore_merges)`."""
    if not isinstance(model, dict) or model.get("type", "BPE") != "BPE":
        raise unlike(path, "its model is not byte-level BPE")
    for name, value in model.items():
        if name not in (*_MODEL, *_UNLIKE) or (name in _UNLIKE and value):
            raise unlike(path, f"its model has {name} = {value!r:.40}")
    try:
        vocabulary = dict(model["vocab"])
        merges = [m.split(" ") if isinstance(m, str) else m for m in model["merges"]]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UserError(f"{path}: expected vocab and merges; copy it again.") from None
    if not all(type(i) is int for i in vocabulary.values()):
        raise UserError(f"{path}: expected token to id in vocab; copy it again.")
    return vocabulary, merges, bool(model.get("ignore_merges"))


def _split(path, before):
    """Returns the name of the `Split` that a `pre_tokenizer` does."""
    parts = _flat(path, "pre_tokenizer", before, "pretokenizers")
    if not parts or parts[-1].get("type") != "ByteLevel":
        raise unlike(path, f"its pre_tokenizer does not end in ByteLevel: {_kinds(parts)}")
    *others, last = parts
    if last.get("add_prefix_space"):
        raise unlike(path, "its pre_tokenizer has add_prefix_space: a space before each text")
    if not others:
        if last.get("use_regex", True):
            return "gpt2"
        raise unlike(path, "its pre_tokenizer does not split: use_regex is false")
    if len(others) > 1 or others[0].get("type") != "Split" or last.get("use_regex", True):
        raise unlike(path, f"its pre_tokenizer is {_kinds(parts)}")
    (part,) = others
    pattern = part.get("pattern")
    pattern = pattern.get("Regex") if isinstance(pattern, dict) else None
    for name, split in SPLITS.items():
        isolated = part.get("behavior") == "Isolated" and not part.get("invert")
        if pattern == split.pattern and isolated:
            return name
    raise unlike(path, f"its pre_tokenizer splits with another pattern: {pattern!r:.60}")


def _template(path, part):
    """Returns the `Around` of a template for single texts."""
    try:
        names = [next(iter(piece.items())) for piece in part["single"]]
        texts = [place for place, (kind, _) in enumerate(names) if kind == "Sequence"]
        tokens = [value["id"] for _, value in names]
        ids = {token: part["special_tokens"][token]["ids"] for token in set(tokens) - {"A", "B"}}
    except (KeyError, TypeError, AttributeError, StopIteration):
        raise UserError(f"{path}: expected a template in post_processor; copy it again.") from None
    if len(texts) != 1:
        raise unlike(path, "its post_processor gives each text more than once, or not at all")
    before, after = tokens[: texts[0]], tokens[texts[0] + 1 :]
    if len(before) > 1 or any(len(ids[token]) != 1 for token in before):
        raise unlike(path, f"its post_processor puts {' '.join(before)!r} before each text")
    return Around(ids[before[0]][0] if before else None, " ".join(after) if after else None)


def _flat(path, name, part, inner):
    """Returns the parts of a part that may be a sequence of them."""
    if part is None:
        return []
    if not isinstance(part, dict):
        raise UserError(f"{path}: {name}: expected a mapping, received {part!r:.40}.")
    if part.get("type") != "Sequence":
        return [part]
    parts = part.get(inner)
    if not isinstance(parts, list):
        raise UserError(f"{path}: {name}: expected a list of {inner}, received {parts!r:.40}.")
    return [one for many in parts for one in _flat(path, name, many, inner)]


def _kinds(parts):
    return ", ".join(str(part.get("type")) for part in parts) or "nothing"
