"""What processes listen at, as Linux shows it: of their own network, from outside."""

import os
import pathlib
import re

LISTEN = "0A"  # the state in /proc/net/tcp


def network_of(pid):
    """A number that processes of the same network share."""
    return os.stat(f"/proc/{pid}/ns/net").st_ino


def listening(pid):
    """Ports, with the address in hexadecimal, `(address, port)`, that a process listens at."""
    try:
        links = [os.readlink(path) for path in pathlib.Path(f"/proc/{pid}/fd").iterdir()]
        tables = [pathlib.Path(f"/proc/{pid}/net/{name}").read_text() for name in ("tcp", "tcp6")]
    except OSError:  # it has just ended, or closed one
        return set()
    own = {match[1] for link in links if (match := re.fullmatch(r"socket:\[(\d+)\]", link))}
    found = set()
    for line in "".join(tables).splitlines():
        fields = line.split()
        if len(fields) > 9 and fields[3] == LISTEN and fields[9] in own:
            address, _, port = fields[1].partition(":")
            found.add((address, int(port, 16)))
    return found


def interfaces(pid):
    """Names of the interfaces of a process' network."""
    lines = pathlib.Path(f"/proc/{pid}/net/dev").read_text().splitlines()[2:]
    return {line.partition(":")[0].strip() for line in lines}


def children(pid):
    path = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()] if path.exists() else []
