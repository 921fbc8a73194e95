"""What stands beside a tokenizer's own file and changes ids: `tokenizer_config.json` and others."""

from lm_zoo.errors import UserError
from lm_zoo.text.tokenizers import BytePairTokenizer
from lm_zoo.text.tokenizers.wordpiece import SETTINGS_FILE
from lm_zoo.weights.foreign_json import Fields, read_json
from lm_zoo.weights.transformers.tokenizer_json import (
    added_tokens,
    read_post_processor,
    unlike,
)

_ADDED, _NAMED = "added_tokens.json", "special_tokens_map.json"


class TokenizerSettings:
    """The settings in a folder, none of them necessary.

    Args:
        folder: With `tokenizer_config.json`, `special_tokens_map.json`, `added_tokens.json`.

    Raises:
        UserError: If one is damaged, or asks for what no tokenizer of ours does.
    """

    def __init__(self, folder):
        self._path = folder / SETTINGS_FILE
        self._values = _optional(self._path)
        self._named = _optional(folder / _NAMED) | self._values
        self._added_path, self._added = folder / _ADDED, _optional(folder / _ADDED)
        fields = Fields(self._path, self._values)
        # Whether texts begin with a start token: None where the files do not say.
        self._adds_start = None
        if self._values.get("add_bos_token") is not None:
            self._adds_start = fields.flag("add_bos_token", False)
        self._adds_end = fields.flag("add_eos_token", False)
        self.adds_space = self._values.get("add_prefix_space")

    def check_byte_pairs(self, tokenizer):
        """Sees that settings agree with a `BytePairTokenizer`."""
        if self.adds_space:
            raise unlike(self._path, "it puts a space before each text: add_prefix_space")
        self._check_known(tokenizer.vocabulary)
        special = set(tokenizer.specials)
        for token in self._decoder():
            if token not in special:
                raise unlike(self._path, f"its added token {token!r} is not a special token")

    def with_added(self, tokenizer, eos_ids):
        """Returns a `BytePairTokenizer` with the special tokens of `added_tokens.json`."""
        added = {**self._added, **self._decoder()}
        if any(type(number) is not int for number in added.values()):
            raise UserError(f"{self._added_path}: expected token to id; copy it again.")
        vocabulary = tokenizer.vocabulary | added
        specials = [*tokenizer.specials, *(t for t in added if t not in tokenizer.specials)]
        ends = [t for number in eos_ids for t in specials if vocabulary[t] == number]
        ends += tokenizer.specials  # <|endoftext|>
        return BytePairTokenizer(vocabulary, tokenizer.merges, specials, ends[0] if ends else None)

    def with_start(self, tokenizer, bos_id):
        """Lets texts begin as the settings say; where a `tokenizer.json` does, they do not count.

        Args:
            tokenizer: A `Tokenizer`.
            bos_id: The start token of the model's config, or None.
        """
        if self._adds_end:
            raise unlike(self._path, "it puts an end token after each text: add_eos_token")
        tokenizer.bos_id = self._start_id(tokenizer, bos_id) if self._adds_start else None
        return tokenizer

    def with_start_of_sentence_piece(self, tokenizer, bos_id, json_path):
        """The same of a SentencePiece tokenizer, which may have a `tokenizer.json` beside it."""
        has_space = tokenizer.leading_space is not None
        if self.adds_space is not None and bool(self.adds_space) != has_space:
            raise unlike(
                self._path, f"add_prefix_space is {self.adds_space}, which differs from its .model"
            )
        known = {tokenizer.token_text(i): i for i in range(tokenizer.vocab_size)}
        for token in self._added:
            self._check_padding(self._added_path, token, known)
        self._check_known(known)
        if json_path.is_file():
            values = read_json(json_path)
            around = read_post_processor(json_path, values.get("post_processor"))
            if around.end is not None:
                raise unlike(json_path, f"its post_processor puts {around.end!r} after each text")
            for token in values.get("added_tokens") or []:
                self._check_padding(json_path, token.get("content"), known)
            tokenizer.bos_id = around.start
            return tokenizer
        return self.with_start(tokenizer, bos_id)

    def _check_padding(self, path, token, known):
        """Sees that a token that a SentencePiece model lacks is no more than padding."""
        if token not in known and token != self._name("pad_token"):
            raise unlike(path, f"its added token {token!r} is not in the .model")

    def _check_known(self, known):
        more = [self._values.get(f"{kind}_special_tokens") for kind in ("additional", "extra")]
        for tokens in more:
            for token in tokens if isinstance(tokens, list) else []:
                token = token.get("content") if isinstance(token, dict) else token
                if token not in known:
                    raise unlike(self._path, f"its special token {token!r} is in no vocabulary")

    def _decoder(self):
        """Returns token -> id of `added_tokens_decoder`, after checking how each is read."""
        entries = self._values.get("added_tokens_decoder") or {}
        try:
            entries = [{"special": True, **e, "id": int(i)} for i, e in entries.items()]
        except (TypeError, ValueError, AttributeError):
            raise UserError(
                f"{self._path}: expected id to token in added_tokens_decoder; copy it again."
            ) from None
        return added_tokens(self._path, entries)

    def _name(self, name):
        token = self._named.get(name)
        return token.get("content") if isinstance(token, dict) else token

    def _start_id(self, tokenizer, bos_id):
        """Returns the id of the token that `add_bos_token` asks for."""
        name = self._name("bos_token")
        texts = {tokenizer.token_text(i): i for i in range(tokenizer.vocab_size)}
        found = texts.get(name, bos_id if name is None else None)
        if type(found) is not int or not 0 <= found < tokenizer.vocab_size:
            raise UserError(
                f"{self._path}: add_bos_token: expected a bos_token of the vocabulary, received "
                f"{name!r}."
            )
        return found


def _optional(path):
    return read_json(path) if path.is_file() else {}
