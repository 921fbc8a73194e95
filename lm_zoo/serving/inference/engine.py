"""Continuous batching: texts join and leave the batch between steps, whenever they come and end."""

import collections
import logging
import threading
import time

import numpy as np

from lm_zoo.generation.decoding_state import slots_for
from lm_zoo.generation.random_keys import padded
from lm_zoo.limits import MAX_TOKENS
from lm_zoo.serving.http.request_error import RequestError, queue_full

# Of a SavedModel, beside the signature that the engine answers.
FUNCTIONS = ("row_keys", "prefill", "decode", "concat_rows", "gather_rows")
FEW_STEPS, MAX_STEPS = 8, 32  # in one call
STREAM_SECONDS, QUIET_SECONDS = 0.04, 0.15  # how long a call may take, if someone watches or not


class Engine:
    """Lets texts grow together, in one thread.

    The model's state is one batch. Between two calls of `decode`, which takes some steps for all,
    texts that have ended are taken out and waiting ones are read and joined to it. A text's tokens
    depend on its own prompt, options and draw alone.

    Args:
        functions: The restored object of a SavedModel, with those of `FUNCTIONS`.
        max_length: Most tokens that a state can hold, or None.
        max_batch_size: Most texts that grow at once.
        max_queue: Most texts that wait.
        metrics: `Metrics`.
    """

    def __init__(self, functions, max_length, max_batch_size, max_queue, metrics):
        self._functions = functions
        self._max_length = max_length
        self._max_batch_size = max_batch_size
        self._max_queue = max_queue
        self._metrics = metrics
        self._waiting = collections.deque()
        self._changed = threading.Condition()
        self._closed = False
        self._texts = []  # one for each row of the state; ended ones stay until rows are taken out
        self._state = None
        self._beginning = []  # taken from the queue, and not all in the batch yet
        self._step_seconds = 0.005  # a guess, corrected by every call
        metrics.waiting_texts.labels("completions").set_function(lambda: len(self._waiting))
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
        self._thread.start()

    def submit(self, texts):
        """Lets `Sequence`s grow; they are told of it by their `deliver`.

        Raises:
            RequestError: If too many wait already.
        """
        with self._changed:
            if len(self._waiting) + len(texts) > self._max_queue:
                self._waiting = collections.deque(t for t in self._waiting if not t.cancelled)
            if self._closed or len(self._waiting) + len(texts) > self._max_queue:
                raise queue_full(len(self._waiting))
            self._waiting.extend(texts)
            self._changed.notify()

    @property
    def num_active(self):
        """Texts that grow."""
        return sum(_goes_on(text) for text in self._texts)

    def close(self):
        """Ends the thread; texts that still grow are given up."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout=10)

    def _work(self):
        while True:
            with self._changed:
                while not (self._closed or self._waiting or self._texts):
                    self._changed.wait()
                if self._closed:
                    return
            try:
                self._admit()
                self._advance()
            except Exception as error:  # such as no memory: these texts are lost, the server not
                logging.exception("the engine failed: %s", error)
                self._fail_all()

    def _admit(self):
        """Takes out what has ended, and takes in what waits, as far as there is room."""
        num_active = self.num_active
        new = self._take_waiting(self._max_batch_size - num_active)
        num_ended = len(self._texts) - num_active
        # Taking rows out copies the state, so a few that have ended may stay for a while.
        if num_ended and (new or 2 * num_ended >= len(self._texts)):
            kept = [row for row, text in enumerate(self._texts) if _goes_on(text)]
            self._state = self._functions.gather_rows(self._state, _ints(kept)) if kept else None
            self._texts = [self._texts[row] for row in kept]
        self._beginning = new
        for group in _like_lengths(new):
            state = self._begin(group)
            joined = (
                state if self._state is None else self._functions.concat_rows(self._state, state)
            )
            self._state, self._texts = joined, self._texts + group
        self._beginning = []

    def _take_waiting(self, room):
        """Returns waiting texts, in their order, as many as may begin now."""
        taken, num_tokens = [], 0
        with self._changed:
            while self._waiting and len(taken) < room:
                text = self._waiting[0]
                num_tokens += len(text.prompt_ids)
                if taken and num_tokens > MAX_TOKENS:
                    break
                self._waiting.popleft()
                if not text.cancelled:
                    taken.append(text)
        return taken

    def _begin(self, texts):
        """Reads the prompts; texts with the same prompt share the reading."""
        prompts = list(dict.fromkeys(tuple(text.prompt_ids) for text in texts))
        token_ids, lengths = padded(prompts)
        self._metrics.tokens.labels("read").inc(int(lengths.sum()))
        longest = max(len(text.prompt_ids) + text.options.max_new_tokens for text in texts)
        num_slots = slots_for(longest + MAX_STEPS)
        if self._max_length is not None:
            num_slots = min(num_slots, self._max_length)
        state = self._functions.prefill(token_ids, lengths, np.int32(num_slots))
        rows = [prompts.index(tuple(text.prompt_ids)) for text in texts]
        keys = self._functions.row_keys(
            token_ids[rows],
            lengths[rows],
            _ints([text.options.seed for text in texts]),
            _ints([text.draw for text in texts]),
        )
        for text, key in zip(texts, keys.numpy().tolist()):
            text.key = key
        if len(prompts) == len(texts):
            return state
        return self._functions.gather_rows(state, _ints(rows))

    def _advance(self):
        """Takes some steps for all texts, and hands on what they brought."""
        for text in self._texts:
            if text.cancelled and not text.finished_by:
                text.finished_by = "cancelled"
        going = [text for text in self._texts if _goes_on(text)]
        self._metrics.active_texts.set(len(going))
        if not going:
            self._texts, self._state = [], None
            return
        num_steps, num_top = self._num_steps(going), max(text.num_top for text in going)
        start = time.perf_counter()
        found = self._functions.decode(*self._arguments(), np.int32(num_steps), np.int32(num_top))
        self._state = found.pop("state")
        tokens, log_probs, top_tokens, top_log_probs = (
            found[name].numpy() for name in ("tokens", "log_probs", "top_tokens", "top_log_probs")
        )
        self._metrics.batch_rows.labels("decode").observe(len(going))
        self._adapt((time.perf_counter() - start) / max(tokens.shape[1], 1))
        num_tokens = 0
        for row, text in enumerate(self._texts):
            if not _goes_on(text):
                continue
            for step in range(tokens.shape[1]):
                if tokens[row, step] < 0:  # it ended here, or goes on after its end token
                    break
                best = zip(top_tokens[row, step].tolist(), top_log_probs[row, step].tolist())
                top = tuple(best)[: text.num_top]
                text.accept(int(tokens[row, step]), float(log_probs[row, step]), top)
                num_tokens += 1
                if text.finished_by:
                    break
            text.deliver()
        self._metrics.tokens.labels("generated").inc(num_tokens)

    def _arguments(self):
        """The state and one value a row of each argument of `decode`."""
        texts, options = self._texts, [text.options for text in self._texts]
        return (
            self._state,
            _ints([text.last_token for text in texts]),
            _ints([text.num_tokens for text in texts]),
            np.array([_goes_on(text) for text in texts]),
            np.array([o.temperature for o in options], np.float32),
            _ints([o.top_k for o in options]),
            np.array([o.top_p for o in options], np.float32),
            _ints([text.key for text in texts]),
        )

    def _num_steps(self, going):
        """How many steps to take at once: many are cheaper, few are seen sooner."""
        watched = any(text.streams for text in going)
        seconds = STREAM_SECONDS if watched else QUIET_SECONDS
        if watched and any(not text.num_tokens for text in going):
            return 1  # the first token is the one that is waited for
        left = [text.num_left for text in going]
        until_one_ends = min(max(left), max(min(left), FEW_STEPS))  # its place may be waited for
        return max(1, min(until_one_ends, MAX_STEPS, int(seconds / self._step_seconds)))

    def _adapt(self, seconds):
        self._step_seconds += 0.3 * (max(seconds, 1e-4) - self._step_seconds)

    def _fail_all(self):
        for text in self._texts + self._beginning:
            if _goes_on(text):
                text.fail(RequestError("the model failed; see the server's log.", 500))
                text.deliver()
        self._texts, self._state, self._beginning = [], None, []


def warm_up(functions):
    """Calls every one of the `FUNCTIONS` but `row_keys` once."""
    token_ids, one = np.zeros((1, 2), np.int32), np.ones(1, np.int32)
    state = functions.prefill(token_ids, 2 * one, np.int32(8))
    state = functions.gather_rows(functions.concat_rows(state, state), np.zeros(1, np.int32))
    ones, active = np.ones(1, np.float32), np.ones(1, bool)
    settings = (ones, 0 * one, ones, one, np.int32(2), np.int32(1))
    functions.decode(state, one, one, active, *settings)


def _goes_on(text):
    return not (text.finished_by or text.cancelled)


def _like_lengths(texts):
    """Cuts texts into groups that are read together without much padding."""
    ordered = sorted(texts, key=lambda text: len(text.prompt_ids))
    groups = []
    for text in ordered:
        length = len(text.prompt_ids)
        if not groups or length > 16 + 2 * len(groups[-1][0].prompt_ids):
            groups.append([])
        groups[-1].append(text)
    return groups


def _ints(values):
    return np.asarray(values, np.int32)
