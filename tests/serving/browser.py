"""A real browser, driven over the DevTools protocol by a pipe: no package besides Chromium."""

import contextlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import time

import pytest

# Becomes the browser, which reads commands from descriptor 3 and answers to 4.
_START = """
import fcntl, os, sys
pipes = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3]]
for place, pipe in zip((3, 4), pipes):
    os.dup2(pipe, place)
os.execv(sys.argv[3], sys.argv[3:])
"""
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find():
    """Returns the path of a Chromium, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextlib.contextmanager
def opened(profile, address):
    """Shows a page in a `Browser`, which is closed in the end; skips where no Chromium is.

    Args:
        profile: As for `Browser`.
        address: Of the page.
    """
    if not find():
        pytest.skip("no Chromium is installed")
    browser = Browser(profile)
    try:
        browser.open(address)
        yield browser
    finally:
        browser.close()


class Browser:
    """A headless Chromium with one empty page.

    Args:
        profile: A folder for what the browser keeps.
        size: Of the window, in pixels.
    """

    def __init__(self, profile, size=(1000, 900)):
        (their_input, self._input), (self._output, their_output) = os.pipe(), os.pipe()
        flags = "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run"
        command = [find(), *flags.split(), "--remote-debugging-pipe", f"--user-data-dir={profile}"]
        command += [f"--window-size={size[0]},{size[1]}", "about:blank"]
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START, str(their_input), str(their_output), *command],
            pass_fds=(their_input, their_output),
            stderr=subprocess.DEVNULL,
        )
        os.close(their_input)
        os.close(their_output)
        self._numbers = itertools.count(1)
        self._left = b""
        self._session = None
        self.events = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **params):
        """Calls a method of the protocol; returns its result."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._input, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def run(self, expression):
        """Returns the value of a JavaScript expression in the page, awaited if it is a promise."""
        found = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, expression, seconds=60):
        """Waits until an expression is true; returns its value."""
        end = time.monotonic() + seconds
        while not (value := self.run(expression)):
            assert time.monotonic() < end, f"{expression} stayed {value!r}"
            time.sleep(0.05)
        return value

    def open(self, address):
        """Opens a page and waits for it."""
        self.call("Page.navigate", url=address)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def errors(self):
        """What the browser complained of: exceptions, and what the page's policy refused."""
        self.run("1")  # so that what came before has been read
        return [
            event["params"]
            for event in self.events
            if event.get("method") == "Runtime.exceptionThrown"
            or (
                event.get("method") == "Log.entryAdded"
                and event["params"]["entry"]["level"] == "error"
            )
        ]

    def addresses(self):
        """Every address that the page asked for."""
        return [
            event["params"]["request"]["url"]
            for event in self.events
            if event.get("method") == "Network.requestWillBeSent"
        ]

    def close(self):
        """Ends the browser."""
        os.close(self._input)
        os.close(self._output)
        self._process.terminate()
        self._process.wait(timeout=20)

    def _read(self):
        while b"\0" not in self._left:
            part = os.read(self._output, 2**16)
            assert part, "the browser ended"
            self._left += part
        message, _, self._left = self._left.partition(b"\0")
        return json.loads(message)
