"""Makes a network namespace with loopback alone, and keeps it until its input ends.

Run by `private_network` as a process of its own, for a user namespace can only be made by a process
of one thread. It says `ready`, or why there can be none. Standard library only.
"""

import ctypes
import errno
import fcntl
import os
import socket
import struct
import sys

NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000
GET_FLAGS, SET_FLAGS, UP = 0x8913, 0x8914, 0x1


def main():
    try:
        make()
        loopback_up()
    except OSError as error:
        print(f"{error.strerror}", flush=True)
        return
    print("ready", flush=True)
    sys.stdin.read()


def make():
    """Leaves the machine's network; without the right to do so, in a user namespace of our own."""
    try:
        unshare(NEW_NETWORK)
        return
    except OSError as error:
        if error.errno != errno.EPERM:
            raise
    user, group = os.geteuid(), os.getegid()
    unshare(NEW_USER | NEW_NETWORK)
    for name, value in (
        ("setgroups", "deny"),  # what the kernel wants to see before groups are mapped
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(value)


def unshare(flags):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags):
        number = ctypes.get_errno()
        raise OSError(number, f"unshare: {os.strerror(number)}")


def loopback_up():
    request = struct.Struct("16sH14x")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        answer = fcntl.ioctl(one, GET_FLAGS, request.pack(b"lo", 0))
        flags = request.unpack(answer)[1]
        fcntl.ioctl(one, SET_FLAGS, request.pack(b"lo", flags | UP))
        one.bind(("127.0.0.1", 0))


main()
