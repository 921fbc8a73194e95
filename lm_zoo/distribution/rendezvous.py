"""All processes of a cluster meet before TensorFlow starts, and see that they are to do the same.

TensorFlow itself waits without a word, or without end, for a process that never comes, and trains
happily with workers whose configs differ. Here each process reports to the chief, at the chief's
address, with what it is going to do; the chief waits for all, compares, and tells everyone to go on
or why not. Standard library only; messages are one line of JSON.
"""

import contextlib
import json
import os
import socket
import time

from lm_zoo.errors import UserError
from lm_zoo.json_files import parse_json

RETRY_SECONDS = 0.2
MESSAGE_SECONDS = 5  # for one message, once somebody is connected
GRACE_SECONDS = 10  # for the rest to come and hear of it, once something is wrong
MAX_MESSAGE = 1 << 20  # bytes


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
    hello = {
        "address": cluster.address,
        "process": f"process {os.getpid()} on {socket.gethostname()}",
        "description": json.loads(json.dumps(description)),  # as the others' arrive
        "problem": None,
    }
    chief = cluster.workers[0]
    if cluster.address == chief:
        everyone = [address for addresses in cluster.jobs.values() for address in addresses]
        problem = _receive_all(chief, everyone, hello, timeout)
    else:
        try:
            _listen(cluster.address).close()
        except UserError as error:
            hello["problem"] = str(error)
        problem = _report(chief, hello, timeout)
    if problem:
        raise UserError(problem)


def wait_until_gone(cluster, timeout):
    """Waits until no other process listens at its address any more, or for `timeout` seconds.

    The chief serves the group's coordination: when it leaves first, the others complain about it.
    """
    deadline = time.monotonic() + timeout
    for address in cluster.workers:
        while address != cluster.address and time.monotonic() < deadline:
            try:
                socket.create_connection(_split(address), timeout=1).close()
            except OSError:
                break
            time.sleep(0.05)


def _receive_all(chief, everyone, hello, timeout):
    """The chief's part; returns what is wrong, or None, after telling everyone."""
    deadline = time.monotonic() + timeout
    came, connections, problem = {chief: hello}, [], None
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(_listen(chief))
        while len(came) < len(everyone):
            server.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                connection, _ = server.accept()
            except TimeoutError:
                missing = ", ".join(address for address in everyone if address not in came)
                problem = problem or (
                    f"cluster: {missing} did not report to {chief} within {timeout:g} s; start all "
                    "processes, and check the addresses and the network."
                )
                break
            stack.callback(connection.close)
            try:
                message = _read_line(connection, time.monotonic() + MESSAGE_SECONDS)
            except (OSError, ValueError):
                continue  # not one of ours, or one that died: it comes again or is missed
            connections.append(connection)
            wrong = message.get("problem") or _stranger(message, chief, everyone, came)
            if wrong:
                problem = problem or wrong
                deadline = min(deadline, time.monotonic() + GRACE_SECONDS)
            if message.get("address") in everyone:
                came[message["address"]] = message
        problem = problem or _difference(chief, came)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.sendall(json.dumps({"problem": problem}).encode() + b"\n")
        for connection in connections:  # they close first, so that the port is free at once
            with contextlib.suppress(OSError):
                connection.settimeout(2)
                connection.recv(1)
    return problem


def _report(chief, hello, timeout):
    """The others' part; returns what the chief says is wrong, or None."""
    deadline = time.monotonic() + timeout
    last = ""
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(_split(chief), timeout=2) as connection:
                connection.sendall(json.dumps(hello).encode() + b"\n")
                # The chief itself gives up before this does.
                return _read_line(connection, deadline + MESSAGE_SECONDS)["problem"]
        except (OSError, ValueError, KeyError) as error:
            last = getattr(error, "strerror", None) or str(error) or type(error).__name__
            time.sleep(RETRY_SECONDS)
    return hello["problem"] or (
        f"cluster: the chief at {chief} did not answer within {timeout:g} s ({last}); start it, "
        "and check the address and the network."
    )


def _stranger(message, chief, everyone, came):
    """Says what is wrong with who reports; None if it is expected."""
    address, process = message.get("address"), message.get("process")
    if address not in everyone:
        return (
            f"cluster: {process} says that it is {address}, which is not in the cluster of the "
            f"chief at {chief}; give all the same addresses."
        )
    before = came.get(address, message)["process"]
    if process != before:
        return (
            f"cluster: both {before} and {process} say that they are {address}; give each process "
            "a task of its own."
        )
    return None


def _difference(chief, came):
    ours = came[chief]["description"]
    for address, message in came.items():
        theirs = message.get("description")
        theirs = theirs if isinstance(theirs, dict) else {}
        names = [n for n in sorted(ours.keys() | theirs.keys()) if ours.get(n) != theirs.get(n)]
        if names:
            listed = "; ".join(
                f"{n}: {ours.get(n)!r} at {chief}, {theirs.get(n)!r} at {address}"
                for n in names[:5]
            )
            return (
                f"cluster: the processes differ ({listed}); give all the same command and the same "
                "version."
            )
    return None


def _listen(address):
    _, port = _split(address)
    try:
        # All interfaces: the name that others know this machine by may not be one of its own.
        if socket.has_dualstack_ipv6():
            return socket.create_server(
                ("", port), family=socket.AF_INET6, backlog=128, dualstack_ipv6=True
            )
        return socket.create_server(("", port), backlog=128)
    except OSError as error:
        raise UserError(
            f"cluster: cannot listen at {address}: {os.strerror(error.errno)}; stop what uses the "
            "port, or give another."
        ) from None


def _read_line(connection, deadline):
    data = b""
    while not data.endswith(b"\n"):
        connection.settimeout(max(0.01, deadline - time.monotonic()))
        piece = connection.recv(1 << 16)
        if not piece or len(data) > MAX_MESSAGE:
            raise ValueError("no whole message")
        data += piece
    return parse_json(data, dict)


def _split(address):
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
