"""Generation with strings in and strings out, as TensorFlow functions: what a SavedModel holds."""

import tensorflow as tf

from lm_zoo.export.in_graph.utf8 import checked_utf8, replacing, without_incomplete_end
from lm_zoo.generation import decoding_state, random_keys
from lm_zoo.generation.decoding_loop import STOP_STEPS, Decoding, decode, first_step
from lm_zoo.generation.decoding_state import (
    prefill_with_features,
    slots_for,
    state_specs,
)
from lm_zoo.generation.samplers import SamplingSettings
from lm_zoo.tasks.language_modeling.stop_strings import cut_at_stops, tokens_until_stop
from lm_zoo.text.lost_text import CONTEXT

MAX_STEPS = 512  # steps whose results are kept in one piece


class InGraphGenerator:
    """Functions of tensors alone, to be traced into a SavedModel.

    Args:
        model: A built `LanguageModel`.
        tokenizer_module: What `module_of` made of the tokenizer.
        eos_id: The token that ends a text, or None.
        start_ids: What an empty prompt stands for.
        starts_prompts: Whether they stand before every other prompt too.
        max_length: Most tokens that a state may hold and a prompt may have; by default the model's
            `context_length`. None, for recurrent models: any number.
    """

    def __init__(
        self, model, tokenizer_module, eos_id, start_ids, starts_prompts=False, max_length=None
    ):
        self.model = model
        self.tokenizer = tokenizer_module
        self.eos_id = -1 if eos_id is None else int(eos_id)
        self.start_ids = [int(token) for token in start_ids]
        self.starts_prompts = starts_prompts
        self.max_length = max_length or model.context_length
        self.state_limit = None if model.context_length is None else self.max_length
        self.state_structure, _ = state_specs(model)

    # With the `draw` 0, `row_keys` gives what `generate` goes by.
    row_keys = staticmethod(random_keys.row_keys)
    concat_rows = staticmethod(decoding_state.concat_rows)
    gather_rows = staticmethod(decoding_state.gather_rows)

    @property
    def state_specs(self):
        """A `tf.TensorSpec` for each tensor of the flat state that `prefill` returns."""
        return tf.nest.flatten(self.state_structure)

    def signature(self, name):
        """Returns the `input_signature` of the method called `name`."""
        rows, ints = tf.TensorSpec((None,), tf.int32), tf.TensorSpec((None, None), tf.int32)
        floats, number = tf.TensorSpec((None,), tf.float32), tf.TensorSpec((), tf.int32)
        strings, state = tf.TensorSpec((None,), tf.string), self.state_specs
        active = tf.TensorSpec((None,), tf.bool)
        settings = [floats, rows, floats, rows]  # temperature, top_k, top_p, key
        return {
            "encode_prompts": [strings],
            "detokenize": [rows, rows],
            "row_keys": [ints, rows, rows, rows],
            "prefill": [ints, rows, number],
            "decode": [state, rows, rows, active, *settings, number, number],
            "concat_rows": [state, state],
            "gather_rows": [state, rows],
        }[name]

    def generate(self, prompt, max_new_tokens, temperature, top_k, top_p, seed, stop):
        """Continues prompts; every argument has a value for each row, within its bounds.

        Args:
            prompt: Strings, `(batch,)`; "" begins a text.
            max_new_tokens: Most tokens generated, int32 `(batch,)`.
            temperature: float32 `(batch,)`; 0 takes the likeliest token.
            top_k: int32 `(batch,)`; 0 is off.
            top_p: float32 `(batch,)`; 1 is off.
            seed: int32 `(batch,)`; the same seed gives the same text, whatever other prompts are
                beside it. Of several rows of one prompt and seed, each next one gets another text.
            stop: Strings that end a text before them, `(batch, number)`; "" is none.

        Returns:
            A dict: `text`, strings `(batch,)`; `log_prob` of the generated tokens by the model
            itself, in nats, float32 `(batch,)`; `num_tokens`, int32 `(batch,)`, the end token or
            the tokens of a stop string included.
        """
        token_ids, lengths = self.encode_prompts(prompt)
        draw = random_keys.draws_in_graph(token_ids, lengths, seed)
        key = self.row_keys(token_ids, lengths, seed, draw)
        settings = SamplingSettings(temperature, top_k, top_p, key, tf.constant(1.0))
        has_stop = tf.reduce_any(stop != "")
        longest = tf.reduce_max(tf.concat([max_new_tokens, [0]], 0))
        prefix = tf.RaggedTensor.from_tensor(token_ids, tf.cast(lengths, tf.int64))[:, -CONTEXT:]
        state, features = prefill_with_features(
            self.model, token_ids, lengths, self._slots(lengths, longest)
        )
        decoding = Decoding(
            state=state,
            tokens=tf.gather(token_ids, lengths - 1, batch_dims=1),
            token_index=tf.zeros_like(lengths),
            active=tf.fill([tf.shape(lengths)[0]], True),
            seen=(),
        )
        decoding, tokens, log_probs = first_step(
            self.model, features, decoding, settings, max_new_tokens, self.eos_id
        )
        num_steps = tf.minimum(longest, tf.where(has_stop, STOP_STEPS, MAX_STEPS))

        def certain_text_of(tokens):
            return lambda rows, counts: replacing(
                without_incomplete_end(
                    self._bytes(tf.gather(prefix, rows), tf.gather(tokens, rows), counts)
                )
            )

        def grow(decoding, tokens, log_probs, checked, counts):
            was_active = decoding.active
            decoding, steps = decode(
                self.model,
                decoding,
                settings,
                num_steps,
                max_new_tokens,
                self.eos_id,
                self.state_limit,
            )
            tokens = tf.concat([tokens, steps.tokens], 1)
            log_probs = tf.concat([log_probs, steps.log_probs], 1)
            counts = tf.where(was_active, decoding.token_index, counts)
            counts, stopped = tf.cond(
                has_stop,
                lambda: tokens_until_stop(certain_text_of(tokens), checked, counts, stop),
                lambda: (counts, tf.zeros_like(was_active)),
            )
            decoding = decoding._replace(active=decoding.active & ~stopped)
            return decoding, tokens, log_probs, counts, counts

        start = (
            decoding,
            tokens[:, None],
            log_probs[:, None],
            tf.zeros_like(lengths),  # tokens that no stop string was found in
            decoding.token_index,
        )
        shapes = tf.nest.map_structure(lambda t: t.shape, start)
        any_shape = tf.TensorShape((None, None))
        _, tokens, log_probs, _, counts = tf.while_loop(
            lambda decoding, *_: tf.reduce_any(decoding.active),
            grow,
            start,
            shape_invariants=(shapes[0], any_shape, any_shape, *shapes[3:]),
        )
        text = replacing(self._bytes(prefix, tokens, counts))
        text = tf.cond(has_stop, lambda: cut_at_stops(text, stop), lambda: text)
        counted = tf.range(tf.shape(tokens)[1]) < counts[:, None]
        log_prob = tf.reduce_sum(tf.where(counted, log_probs, 0.0), 1)
        return {"text": text, "log_prob": log_prob, "num_tokens": counts}

    def encode_prompts(self, prompts):
        """Returns the prompts' `(token_ids, lengths)`: int32 `(batch, length)` and `(batch,)`."""
        encoded = self.tokenizer.tokenize(checked_utf8(prompts, "prompt"))
        started = tf.ones_like(prompts, tf.bool) if self.starts_prompts else prompts == ""
        start = tf.constant(self.start_ids, tf.int32)
        starts = tf.RaggedTensor.from_row_lengths(
            tf.tile(start, [tf.reduce_sum(tf.cast(started, tf.int32))]),
            tf.where(started, tf.constant(len(self.start_ids), tf.int64), 0),
        )
        encoded = tf.concat([starts, encoded], 1)
        lengths = tf.cast(encoded.row_lengths(), tf.int32)
        with tf.control_dependencies(self._check_lengths(lengths)):
            return encoded.to_tensor(0), tf.identity(lengths)

    def detokenize(self, token_ids, row_lengths):
        """Returns the strings `(batch,)` of rows of tokens, one after the other in `token_ids`."""
        return self.tokenizer.detokenize(
            tf.RaggedTensor.from_row_lengths(token_ids, tf.cast(row_lengths, tf.int64))
        )

    def prefill(self, token_ids, lengths, num_slots):
        """Reads prompts, all but the last token of each.

        Args:
            token_ids: int32 `(batch, length)`, padded on the right.
            lengths: Tokens of each row, at least 1, int32 `(batch,)`.
            num_slots: How many tokens the state will have to hold at most, int32 scalar: the
                prompt's and the generated ones, but no more than `max_length`, where rows slide.

        Returns:
            A flat list of tensors, rows first, for `decode`, `concat_rows` and `gather_rows`.
        """
        with tf.control_dependencies(self._check_lengths(lengths)):
            lengths = tf.identity(lengths)
        state = decoding_state.prefill(self.model, token_ids[:, :-1], lengths - 1, num_slots)
        return tf.nest.flatten(state)

    def decode(
        self, state, tokens, token_index, active, temperature, top_k, top_p, key, num_steps, num_top
    ):
        """Generates up to `num_steps` tokens of each active row.

        Args:
            state: From `prefill`, `concat_rows`, `gather_rows`, or the call before.
            tokens: The last token of each row, int32 `(batch,)`.
            token_index: How many tokens of each row have been generated, int32 `(batch,)`.
            active: Rows that continue, bool `(batch,)`; the others stay as they are.
            temperature: Divides the logits, float32 `(batch,)`; 0 is greedy decoding.
            top_k: Sample from the k most likely tokens, int32 `(batch,)`; 0 is off.
            top_p: Sample from the most likely tokens with this total probability, float32
                `(batch,)`; 1 is off.
            key: From `row_keys`, int32 `(batch,)`.
            num_steps: int32 scalar.
            num_top: Number of most likely tokens to return with each, int32 scalar.

        Returns:
            A dict: `state`; `tokens`, int32 `(batch, steps)`, -1 after a row's end token and where
            it was not active; `log_probs`, float32 `(batch, steps)`; `top_tokens` and
            `top_log_probs`, `(batch, steps, num_top)`. There are fewer steps than asked for where
            all rows ended before.
        """
        decoding = Decoding(
            state=tf.nest.pack_sequence_as(self.state_structure, state),
            tokens=tokens,
            token_index=token_index,
            active=active,
            seen=(),
        )
        settings = SamplingSettings(temperature, top_k, top_p, key, tf.constant(1.0))
        decoding, steps = decode(
            self.model,
            decoding,
            settings,
            num_steps,
            token_index + num_steps,
            self.eos_id,
            self.state_limit,
            num_top,
        )
        return {"state": tf.nest.flatten(decoding.state), **steps._asdict()}

    def _slots(self, lengths, max_new_tokens):
        """Enough slots for prompts and texts, rounded up, at most `max_length`."""
        if self.state_limit is None:
            return None
        longest = tf.reduce_max(tf.concat([lengths, [0]], 0))
        needed = longest + tf.minimum(max_new_tokens, self.state_limit)
        return tf.minimum(self.state_limit, slots_for(needed))

    def _check_lengths(self, lengths):
        checks = [
            tf.debugging.Assert(
                tf.reduce_all(lengths > 0),
                ["prompt: expected at least one token in each, received none"],
            )
        ]
        if self.max_length is not None:
            expected = f"prompt: expected at most {self.max_length} tokens (max_length), received"
            longest = tf.reduce_max(tf.concat([lengths, [0]], 0))
            checks.append(tf.debugging.Assert(longest <= self.max_length, [expected, longest]))
        return [check for check in checks if check is not None]

    def _bytes(self, prefix, tokens, counts):
        """Returns the bytes of generated tokens, as they stand after the prompt.

        Args:
            prefix: The prompt's last tokens, a RaggedTensor `(batch, None)`.
            tokens: int32 `(batch, length)`.
            counts: How many of the tokens there are, int32 `(batch,)`; an end token may be the
                last, which is no text.
        """
        there = (tf.range(tf.shape(tokens)[1]) < counts[:, None]) & (tokens != self.eos_id)
        whole = tf.concat([prefix, tf.ragged.boolean_mask(tokens, there)], 1)
        before = tf.strings.length(self.tokenizer.detokenize(prefix))
        return tf.strings.substr(
            self.tokenizer.detokenize(whole), before, tf.fill(tf.shape(before), tf.int32.max)
        )
