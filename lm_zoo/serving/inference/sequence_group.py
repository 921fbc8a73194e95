"""The texts of one request, followed from the event loop while the engine lets them grow."""

import asyncio

from lm_zoo.serving.inference.sequence import Sequence


class SequenceGroup:
    """Some texts, and what the engine says of them.

    Args:
        engine: An `Engine`.
        tokenizer: Makes text of tokens.
        streams: Whether to hear of text as it appears, or at the end alone.
    """

    def __init__(self, engine, tokenizer, streams=False):
        self.texts = []
        self._engine = engine
        self._tokenizer = tokenizer
        self._streams = streams
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Queue()

    def add(self, prompt_ids, draw, options, num_top=0):
        """Adds a text; the arguments are those of `Sequence`."""
        self.texts.append(
            Sequence(
                prompt_ids, draw, options, self._tokenizer, num_top, self._deliver, self._streams
            )
        )

    def begin(self):
        """Lets the texts grow; raises a `RequestError` if too many wait already."""
        self._engine.submit(self.texts)

    async def follow(self, deadline=None):
        """Yields `(index, deltas, done)` until all are done.

        Args:
            deadline: When to give up, in the event loop's time; None: never.

        Raises:
            TimeoutError: At the deadline.
            RequestError: If the model failed.
        """
        index = {id(text): number for number, text in enumerate(self.texts)}
        growing = len(self.texts)
        while growing:
            # asked here, too: no time limit ends what never waits, as a stream that lags behind
            if deadline is not None and self._loop.time() > deadline:
                raise TimeoutError
            async with asyncio.timeout_at(deadline):
                text, deltas, done = await self._arrived.get()
            if text.error:
                raise text.error
            growing -= done
            yield index[id(text)], deltas, done

    def cancel(self):
        """Lets go of texts that still grow."""
        for text in self.texts:
            text.cancelled = True

    def _deliver(self, text, deltas, done):
        """Called in the engine's thread."""
        try:
            self._loop.call_soon_threadsafe(self._arrived.put_nowait, (text, deltas, done))
        except RuntimeError:  # the server has ended meanwhile
            text.cancelled = True
