"""All processes of a cluster meet before TensorFlow starts, and see that they are to do the same.

TensorFlow itself waits without a word, or without end, for a process that never comes, and trains
happily with workers whose configs differ. Here each process reports to the chief, at the chief's
address, with what it is going to do; the chief waits for all, compares, and tells everyone to go on
or why not. Standard library only; messages are one line each, sealed with the cluster's token:
whoever does not have it is neither listened to nor told anything.
"""

import asyncio
import json
import os
import secrets
import socket
import time

from lm_zoo.distribution.launch.cluster_token import VARIABLE, SealedLines, find_token
from lm_zoo.distribution.launch.listening import (
    check_free,
    is_listening,
    listen,
    split_address,
)
from lm_zoo.distribution.launch.meeting import (
    HELLO,
    MAX_MESSAGE,
    MESSAGE_SECONDS,
    Meeting,
    answer_to,
)
from lm_zoo.errors import UserError

LEAVE_SECONDS = 10  # that a chief which is done waits for the others, which miss it otherwise
RETRY_SECONDS = 0.2


def meet(cluster, description, timeout):
    """Waits for every process of the cluster, and checks that all bring the same description.

    Args:
        cluster: A `Cluster`.
        description: Flat, JSON-ready name -> value: config fields, versions.
        timeout: Seconds to wait for the others.

    Raises:
        UserError: If some do not come in time (naming their addresses), or differ (naming the
            fields), or one cannot use its address; every process that came raises it.
    """
    token = find_token()
    hello = {
        "address": cluster.address,
        "process": f"process {os.getpid()} on {socket.gethostname()}",
        "description": json.loads(json.dumps(description)),  # as the others' arrive
        "problem": None,
        "nonce": secrets.token_hex(16),
    }
    chief = cluster.workers[0]
    if cluster.address == chief:
        everyone = [address for addresses in cluster.jobs.values() for address in addresses]
        meeting = Meeting(chief, everyone, hello, token)
        check_free(chief)
        problem = asyncio.run(meeting.run(listen(chief), timeout))
    else:
        try:
            check_free(cluster.address)
        except UserError as error:
            hello["problem"] = str(error)
        problem = _report(chief, hello, token, timeout)
    if problem:
        raise UserError(problem)


def wait_until_gone(cluster, timeout=LEAVE_SECONDS):
    """Waits until no other process listens at its address any more, or for `timeout` seconds.

    The chief serves the group's coordination: when it leaves first, the others complain about it.
    """
    deadline = time.monotonic() + timeout
    for address in cluster.workers:
        while address != cluster.address and time.monotonic() < deadline:
            if not is_listening(address, timeout=1):
                break
            time.sleep(0.05)


def _report(chief, hello, token, timeout):
    """The others' part; returns what the chief says is wrong, or None."""
    lines = SealedLines(token)
    line = lines.seal(HELLO, hello)
    deadline = time.monotonic() + timeout
    last = ""
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(split_address(chief), timeout=2) as connection:
                connection.sendall(line)
                # The chief itself gives up before this does.
                answer = _read_line(connection, deadline + MESSAGE_SECONDS)
                return lines.open(answer_to(line), answer)["problem"]
        except _Refused as error:
            last = str(error)
        except (OSError, ValueError, KeyError) as error:
            last = getattr(error, "strerror", None) or str(error) or type(error).__name__
        time.sleep(RETRY_SECONDS)
    return hello["problem"] or (
        f"cluster: the chief at {chief} did not answer within {timeout:g} s ({last}); start it, "
        "and check the address and the network."
    )


class _Refused(ValueError):
    """The connection was closed without an answer."""


def _read_line(connection, deadline):
    data = b""
    while not data.endswith(b"\n"):
        connection.settimeout(max(0.01, deadline - time.monotonic()))
        piece = connection.recv(1 << 16)
        if not piece:
            raise _Refused(f"it closed the connection; is {VARIABLE} the same there?")
        data += piece
        if len(data) > MAX_MESSAGE:
            raise ValueError("its answer is too long")
    return data
