"""Load test of `lm-zoo serve`: requests per second and latency, with and without batching.

    python tools/benchmark_serving.py exports/quickstart_lstm
    python tools/benchmark_serving.py exports/quickstart_lstm --clients=1,32 --seconds=20

A real server process answers clients of which each sends its next request when it has the answer to
the one before: completions of --max_tokens tokens, each with its own seed, or scores of a text.
Prints a Markdown table; a request that is not answered with 200 counts as lost, and fails the test.
Clients and server share the machine's cores.
"""

import argparse
import asyncio
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

WARM_UP = 3  # requests before the clock runs
ROOT = pathlib.Path(__file__).resolve().parents[1]


class Load:
    """Clients of one server, and what they saw.

    Args:
        port: The server's, on the loopback address.
        path: What to post to.
        body: Function of the request's number that returns the JSON object to send.
    """

    def __init__(self, port, path, body):
        self._port = port
        self._path = path
        self._body = body
        self._number = 0
        self.seconds = []  # of each request that was answered
        self.lost = 0
        self.duration = 0.0

    async def run(self, num_clients, seconds):
        """Lets clients ask for so long; what has begun is finished."""
        start = time.perf_counter()
        clients = [self._client(start + seconds) for _ in range(num_clients)]
        await asyncio.gather(*clients)
        self.duration = time.perf_counter() - start

    async def _client(self, end):
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        first = True
        while first or time.perf_counter() < end:
            first = False
            self._number += 1
            body = json.dumps(self._body(self._number)).encode()
            head = f"POST {self._path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}"
            start = time.perf_counter()
            try:
                writer.write(head.encode() + b"\r\n\r\n" + body)
                status = await _answer(reader)
            except (OSError, asyncio.IncompleteReadError):
                self.lost += 1
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                continue
            if status == 200:
                self.seconds.append(time.perf_counter() - start)
            else:
                self.lost += 1
        writer.close()


async def _answer(reader):
    """Reads an answer; returns its status."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    await reader.readexactly(int(headers["content-length"]))
    return int(head[0].split()[1])


class Server:
    """A process of `lm-zoo serve` on a free port."""

    def __init__(self, model, *flags):
        command = [sys.executable, "-P", "-m", "lm_zoo", "serve", f"--model={model}", "--port=0"]
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        self._process = subprocess.Popen(
            [*command, "--request_seconds=3600", "--log_format=none", *flags],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": path},
        )

    def __enter__(self):
        line = self._process.stdout.readline()
        if not line.startswith("Serving "):
            sys.exit(1)  # the server said why
        self.name = line.split(",")[0].removeprefix("Serving ")
        self.port = int(line.split("127.0.0.1:")[1].split()[0])
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(timeout=120)


def requests_of(kind, name, arguments):
    """Returns `(path, body)` for a `Load`."""
    if kind == "score":
        return f"/v1/models/{name}:predict", lambda number: {"instances": [arguments.text]}
    return "/v1/completions", lambda number: {
        "prompt": arguments.prompt,
        "max_tokens": arguments.max_tokens,
        "ignore_eos": True,
        "seed": number,
    }


def measure(port, path, body, num_clients, seconds):
    """Returns the `Load` after it ran."""
    asyncio.run(Load(port, path, body).run(WARM_UP, 0))
    load = Load(port, path, body)
    asyncio.run(load.run(num_clients, seconds))
    return load


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="folder NAME or NAME/VERSION of an exported model")
    parser.add_argument("--clients", default="1,8,32,128")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each row of the table")
    parser.add_argument("--kinds", default="completion,score")
    parser.add_argument("--max_tokens", type=int, default=32)
    parser.add_argument("--prompt", default="The")
    parser.add_argument("--text", default="The old man went to the sea, and the sea was calm. " * 2)
    arguments = parser.parse_args()
    numbers = [int(number) for number in arguments.clients.split(",")]
    print("| request | batching | clients | requests/s | tokens/s | median | p99 | lost |")
    print("|---|---|---|---|---|---|---|---|")
    lost = 0
    for batching, flags in (("yes", []), ("no", ["--max_batch_size=1"])):
        with Server(arguments.model, *flags) as server:
            for kind in arguments.kinds.split(","):
                path, body = requests_of(kind, server.name, arguments)
                for num_clients in numbers:
                    load = measure(server.port, path, body, num_clients, arguments.seconds)
                    lost += load.lost
                    print(_row(kind, batching, num_clients, load, arguments.max_tokens), flush=True)
    return 1 if lost else 0


def _row(kind, batching, num_clients, load, max_tokens):
    rate = len(load.seconds) / load.duration
    tokens = f"{rate * max_tokens:,.0f}" if kind == "completion" else "-"
    if not load.seconds:
        return f"| {kind} | {batching} | {num_clients} | 0 | - | - | - | {load.lost} |"
    median = statistics.median(load.seconds)
    p99 = sorted(load.seconds)[min(len(load.seconds) - 1, int(0.99 * len(load.seconds)))]
    return (
        f"| {kind} | {batching} | {num_clients} | {rate:,.1f} | {tokens} | "
        f"{1e3 * median:,.0f} ms | {1e3 * p99:,.0f} ms | {load.lost} |"
    )


if __name__ == "__main__":
    sys.exit(main())
