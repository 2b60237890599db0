# SPDX-License-Identifier: MIT
"""Where a pool listens, as its options say it: in words, and as URLs. Values; nothing is opened here."""

from __future__ import annotations

import os
import socket
from typing import NamedTuple

from . import _core


class Places(NamedTuple):
    """The options that say where; what a port of 0 became is for the caller to know. fd_host: the address of the handed-over socket, looked
    up once, since the number is the caller's, who may close it; empty for a unix socket and for what is none."""

    host: str
    port: int
    unix: str
    fd: int
    fd_host: str
    prefix: str

    @classmethod
    def of(cls, config: _core.Config) -> Places:
        return cls(
            config.get_text("listen_host"),
            config.get_int("listen_port"),
            config.get_text("listen_unix"),
            config.get_int("listen_fd"),
            _host_of(config.get_int("listen_fd")),
            config.get_text("route_prefix"),
        )

    def url(self, port: int) -> str:
        """Of the routes, by that port; empty where there is none."""
        host = self.host or self.fd_host
        if not host or not port:
            return ""
        return f"http://[{host}]:{port}{self.prefix}" if ":" in host else f"http://{host}:{port}{self.prefix}"

    def words(self, port: int) -> str:
        """All of them; empty in process."""
        unix = [f"unix:{self.unix}"] if self.unix else []
        handed_over = [f"descriptor {self.fd}"] if self.fd >= 0 and (self.host or not self.fd_host) else []
        url = [self.url(port)] if self.url(port) else []
        return " and ".join(url + unix + handed_over)

    def meets(self, other: Places) -> bool:
        """Whether both can't listen at once: on one port that is told, or one path."""
        one_port = bool(self.host and self.port) and (self.host, self.port) == (other.host, other.port)
        return one_port or bool(self.unix) and os.path.abspath(self.unix) == os.path.abspath(other.unix)


def _host_of(fd: int) -> str:
    if fd < 0:
        return ""
    try:
        copy = os.dup(fd)
    except OSError:
        return ""
    try:
        opened = socket.socket(fileno=copy)
    except OSError:  # no socket
        os.close(copy)
        return ""
    with opened:
        name = opened.getsockname()
    return str(name[0]) if isinstance(name, tuple) and name else ""
