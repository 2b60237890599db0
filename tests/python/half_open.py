# SPDX-License-Identifier: MIT
"""A peer that is gone without a word, on one machine: as after a power cut or a broken cable."""

from __future__ import annotations

import ctypes
import socket
import struct

SO_ATTACH_FILTER = 26  # Linux; the module socket has no name for it
DROP_ALL = struct.pack("HBBI", 0x06, 0, 0, 0)  # a classic BPF program of one line: return 0, keep nothing of the packet


def cut_off(client: socket.socket) -> None:
    """From now on the kernel drops whatever comes for this socket before TCP sees it: its peer gets no acknowledgement, no answer to a
    keep-alive or a window probe, no FIN and no reset. At its close nothing is said either, but a reset that nobody has to wait for."""
    program = ctypes.create_string_buffer(DROP_ALL)
    client.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", 1, ctypes.addressof(program)))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
