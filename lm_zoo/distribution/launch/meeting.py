"""The chief's part of meeting: it hears everyone out at once, and strangers cannot keep it."""

import asyncio
import contextlib
import time

from lm_zoo.distribution.launch.cluster_token import VARIABLE, SealedLines

HELLO = b"hello"
MESSAGE_SECONDS = 5  # for one message, once somebody is connected
GRACE_SECONDS = 10  # for the rest to come and hear of it, once something is wrong
FAREWELL_SECONDS = 2
MAX_MESSAGE = 1 << 20  # bytes
MAX_SILENT = 64  # connections, besides one for each process, that have not said who they are


def answer_to(line):
    """What the answer to a hello is sealed for: it answers no other."""
    return b"answer " + line.partition(b" ")[0]


class Meeting:
    """Who has come, and what is wrong.

    Args:
        chief: The chief's address.
        everyone: All addresses, the chief's too.
        hello: The chief's own.
        token: The cluster's, b"" for none.
    """

    def __init__(self, chief, everyone, hello, token):
        self.chief = chief
        self.everyone = everyone
        self.came = {chief: hello}
        self.problem = None
        self._lines = SealedLines(token)
        self._has_token = bool(token)
        self._refused = False  # whether there were some without the token
        self._differs = None  # of a problem that shows values, what it is without them
        self._silent = []  # writers to those who have not said who they are, the oldest first
        self._leaving = set()  # tasks of those who have

    async def run(self, sockets, timeout):
        """Waits for all, compares, and tells everyone who came.

        Args:
            sockets: To listen at; closed in the end.
            timeout: Seconds.

        Returns:
            What is wrong, or None.
        """
        self._deadline = time.monotonic() + timeout
        self._news, self._decided = asyncio.Event(), asyncio.Event()
        servers = [
            await asyncio.start_server(self._attend, sock=one, limit=MAX_MESSAGE) for one in sockets
        ]
        if not await self._all_came():
            missing = ", ".join(a for a in self.everyone if a not in self.came)
            refused = f" (some without its {VARIABLE} were rejected)" if self._refused else ""
            self.problem = self.problem or (
                f"cluster: {missing} did not report to {self.chief} within {timeout:g} s{refused}; "
                "start all processes, and check the addresses and the network."
            )
        if not self.problem:
            self._compare()
        for server in servers:
            server.close()
        for writer in self._silent:
            writer.transport.abort()
        self._decided.set()
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=FAREWELL_SECONDS)
        return self.problem

    async def _all_came(self):
        while len(self.came) < len(self.everyone):
            try:
                async with asyncio.timeout(self._deadline - time.monotonic()):
                    await self._news.wait()
            except TimeoutError:
                return False
            self._news.clear()
        return True

    async def _attend(self, reader, writer):
        """Hears out one connection, and answers it if it is a process of ours."""
        try:
            line, message = await self._hello(reader, writer)
            self._leaving.add(asyncio.current_task())
            self._hear(message)
            await self._decided.wait()
            writer.write(self._lines.seal(answer_to(line), {"problem": self._told()}))
            await writer.drain()
            await reader.read(1)  # they close first, so that the port is free at once
        except (OSError, ValueError, EOFError, asyncio.LimitOverrunError):
            pass  # not one of ours, or one that died: it comes again or is missed
        finally:
            writer.transport.abort()

    async def _hello(self, reader, writer):
        """Returns a connection's first line and what it says."""
        self._silent.append(writer)
        if len(self._silent) > MAX_SILENT + len(self.everyone):
            self._silent.pop(0).transport.abort()
        try:
            async with asyncio.timeout(MESSAGE_SECONDS):
                line = await reader.readuntil(b"\n")
            return line, _checked(self._lines.open(HELLO, line))
        except ValueError:
            self._refused = self._has_token
            raise
        finally:
            with contextlib.suppress(ValueError):
                self._silent.remove(writer)

    def _hear(self, message):
        wrong = message["problem"] or self._stranger(message)
        if wrong:
            self.problem = self.problem or wrong
            self._deadline = min(self._deadline, time.monotonic() + GRACE_SECONDS)
        if message["address"] in self.everyone:
            self.came[message["address"]] = message
        self._news.set()

    def _stranger(self, message):
        """Says what is wrong with who reports; None if it is expected."""
        address, process = message["address"], message["process"]
        if address not in self.everyone:
            return (
                f"cluster: {process} says that it is {address}, which is not in the cluster of "
                f"the chief at {self.chief}; give all processes the same addresses."
            )
        before = self.came.get(address, message)["process"]
        if process != before:
            return (
                f"cluster: both {before} and {process} say that they are {address}; give each "
                "process its own task."
            )
        return None

    def _told(self):
        """What everyone is told; without a token, nothing of what another one is to do."""
        if self._differs and not self._has_token:
            return self._differs
        return self.problem

    def _compare(self):
        """Looks for a process whose description is not the chief's, and notes what to say of it."""
        ours = self.came[self.chief]["description"]
        for address, message in self.came.items():
            theirs = message["description"]
            names = [n for n in sorted(ours.keys() | theirs.keys()) if ours.get(n) != theirs.get(n)]
            if not names:
                continue
            listed = "; ".join(
                f"{n}: {ours.get(n)!r:.200} at {self.chief}, {theirs.get(n)!r:.200} at {address}"
                for n in names[:5]
            )
            advice = "give all processes the same command and the same version."
            self.problem = f"cluster: the processes differ ({listed}); {advice}"
            self._differs = (
                f"cluster: {self.chief} and {address} differ in {', '.join(names[:5])}, and the "
                f"first of them says how; {advice}"
            )
            return


def _checked(message):
    """Returns a hello of which every part is what it should be, and can be shown."""
    if not isinstance(message.get("description"), dict):
        raise ValueError("no description")
    shown = {name: message.get(name) for name in ("address", "process", "problem")}
    if shown["problem"] is None:
        shown["problem"] = ""
    if not all(isinstance(value, str) and value.isprintable() for value in shown.values()):
        raise ValueError("not a text")
    return message | shown
