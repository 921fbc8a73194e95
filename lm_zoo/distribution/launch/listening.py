"""The sockets at a process' own address: open to this machine alone where that is enough."""

import errno
import fcntl
import ipaddress
import os
import socket
import struct
import sys

from lm_zoo.errors import UserError

_GET_FLAGS, _UP, _LOOPBACK = 0x8913, 0x1, 0x8  # SIOCGIFFLAGS, IFF_UP, IFF_LOOPBACK
_NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)  # IPv6 may be switched off


def split_address(address):
    """Returns `(host, port)` of `host:port`."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def check_free(address):
    """Raises a `UserError` unless a server can have the port on all interfaces, as TensorFlow's does.

    Nobody can connect meanwhile.
    """
    _, port = split_address(address)
    dual = socket.has_dualstack_ipv6()
    try:
        with socket.socket(socket.AF_INET6 if dual else socket.AF_INET) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if dual:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            one.bind(("", port))
    except OSError as error:
        raise _cannot_listen(address, error) from None


def listen(address):
    """Returns the sockets to meet at: of loopback alone, where the host is a name of that.

    Otherwise of all interfaces: the name that others know this machine by may be none of its own.
    """
    host, port = split_address(address)
    made = []
    try:
        for family, place in _loopback_addresses(host, port):
            try:
                made.append(socket.create_server(place, family=family, backlog=128))
            except OSError as error:
                if error.errno not in _NOT_HERE:
                    raise
        if not made and socket.has_dualstack_ipv6():
            options = {"family": socket.AF_INET6, "dualstack_ipv6": True}
            made.append(socket.create_server(("", port), backlog=128, **options))
        elif not made:
            made.append(socket.create_server(("", port), backlog=128))
    except OSError as error:
        for one in made:
            one.close()
        raise _cannot_listen(address, error) from None
    return made


def is_listening(address, timeout=2):
    """Whether somebody takes connections at an address; asks for `timeout` seconds at most."""
    try:
        socket.create_connection(split_address(address), timeout=timeout).close()
    except OSError:
        return False
    return True


def has_outside_interface():
    """Whether this process has a network that others may be on, not loopback alone."""
    if sys.platform != "linux":
        return True
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        for _, name in socket.if_nameindex():
            request = struct.pack("16sH14x", os.fsencode(name), 0)
            try:
                answer = fcntl.ioctl(one, _GET_FLAGS, request)
            except OSError:
                return True
            (flags,) = struct.unpack("16xH14x", answer)
            if flags & _UP and not flags & _LOOPBACK:
                return True
    return False


def _loopback_addresses(host, port):
    """Returns `(family, address)` of each address of a host, if all are of loopback."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    found = list(dict.fromkeys((family, address[:2]) for family, _, _, _, address in found))
    outside = [a for _, a in found if not ipaddress.ip_address(a[0].partition("%")[0]).is_loopback]
    return [] if outside else found


def _cannot_listen(address, error):
    why = os.strerror(error.errno) if error.errno else str(error)
    return UserError(
        f"cluster: cannot listen at {address}: {why}; stop the program that uses the port, or "
        "give another."
    )
