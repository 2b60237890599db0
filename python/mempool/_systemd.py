# SPDX-License-Identifier: MIT
"""What systemd and a service say to each other, for the command line: sockets handed over (sd_listen_fds(3)) and being ready
(sd_notify(3)). Both protocols are environment variables and a datagram; outside systemd nothing happens. Main thread, at its start
and its end."""

from __future__ import annotations

import os
import socket

FIRST_FD = 3  # SD_LISTEN_FDS_START


def handed_over() -> int:
    """How many sockets were handed over to this process, from FIRST_FD on. No child takes them, or the variables, for its own."""
    pid, count = os.environ.pop("LISTEN_PID", ""), os.environ.pop("LISTEN_FDS", "")
    os.environ.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not count.isdecimal():
        return 0
    for fd in range(FIRST_FD, FIRST_FD + int(count)):
        try:
            os.set_inheritable(fd, False)
        except OSError:  # not open: the pool says so, with its number
            pass
    return int(count)


def notify(state: str) -> None:
    """READY=1, STOPPING=1. A manager that does not listen is no reason to fail."""
    where = os.environ.get("NOTIFY_SOCKET", "")
    if where[:1] not in ("/", "@"):
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            out.sendto(state.encode(), "\0" + where[1:] if where[0] == "@" else where)
    except OSError:
        pass
