# SPDX-License-Identifier: MIT
"""Where a pool of Python and the command line listen: a unix socket, a descriptor handed over, below a prefix."""

from __future__ import annotations

import http.client
import os
import socket
from contextlib import closing
from pathlib import Path

import pytest

import mempool
from served import Served, UnixConnection, ask


def listening_tcp() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


# ---- in Python ----


def test_a_unix_socket_instead_of_the_port(tmp_path: Path) -> None:
    """listen_host="" and listen_unix=PATH: no port, no url, the repr says where; the file goes with the pool."""
    path = tmp_path / "s"
    with mempool.Pool(listen_host="", listen_unix=str(path)) as pool:
        assert (pool.port, pool.url, repr(pool)) == (0, "", f"<mempool.Pool unix:{path} RUNNING>")
        assert ask(UnixConnection(path), "POST", "/tx", "x")[0] == 202
    assert not path.exists()


def test_a_unix_socket_beside_the_port(tmp_path: Path) -> None:
    """Both have one queue, and the repr has both."""
    path = tmp_path / "s"
    with mempool.Pool(listen_port=0, listen_unix=str(path)) as pool:
        assert repr(pool) == f"<mempool.Pool {pool.url} and unix:{path} RUNNING>"
        assert '"id":"1"' in ask(UnixConnection(path), "POST", "/tx", "x")[1]
        assert '"id":"2"' in ask(http.client.HTTPConnection("127.0.0.1", pool.port), "POST", "/tx", "x")[1]


def test_a_handed_over_socket_stays_the_hosts() -> None:
    """listen_fd=: the pool has a copy; its port and url are the socket's, and another pool can have it after."""
    with listening_tcp() as mine:
        port = mine.getsockname()[1]
        for _ in range(2):
            with mempool.Pool(listen_host="", listen_fd=mine.fileno()) as pool:
                assert (pool.port, pool.url) == (port, f"http://127.0.0.1:{port}")
                assert ask(http.client.HTTPConnection("127.0.0.1", port), "POST", "/tx", "x")[0] == 202


def test_its_url_does_not_depend_on_the_number_of_the_hosts_descriptor(tmp_path: Path) -> None:
    """The host closes its socket, and the number is a file's now: nothing is looked up by it any more."""
    mine = listening_tcp()
    number, port = mine.fileno(), mine.getsockname()[1]
    with mempool.Pool(listen_host="", listen_fd=number) as pool:
        mine.close()
        with (tmp_path / "file").open("w") as taken:
            assert taken.fileno() == number
            assert pool.url == f"http://127.0.0.1:{port}"
            assert repr(pool) == f"<mempool.Pool http://127.0.0.1:{port} RUNNING>"
            assert ask(http.client.HTTPConnection("127.0.0.1", port), "GET", "/healthz")[0] == 200


def test_what_is_no_socket_is_told_and_leaves_no_descriptor(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(10):
            with pytest.raises(mempool.Invalid, match="listen_fd"):
                mempool.Pool(listen_host="", listen_fd=file.fileno()).start()
        assert len(os.listdir("/proc/self/fd")) == before


def test_the_prefix_is_in_the_url() -> None:
    """url has route_prefix at its end, so that pool.url + "/tx" is the route."""
    with mempool.Pool(listen_port=0, route_prefix="/live/") as pool:
        assert pool.url == f"http://127.0.0.1:{pool.port}/live"
        connection = http.client.HTTPConnection("127.0.0.1", pool.port)
        assert ask(connection, "POST", "/live/tx", "x")[0] == 202
        assert ask(connection, "POST", "/tx", "x")[0] == 404


def test_a_path_in_use_is_told(tmp_path: Path) -> None:
    """A second pool on the path raises AddressInUse with the path; replace=True stops the first and takes it over."""
    path = str(tmp_path / "s")
    first = mempool.Pool(listen_host="", listen_unix=path)
    first.start()
    with pytest.raises(mempool.AddressInUse, match="listen_unix .* is in use"):
        mempool.Pool(listen_host="", listen_unix=path).start()
    with mempool.Pool(listen_host="", listen_unix=path, replace=True) as second:
        assert (first.state, second.state) == ("STOPPED", "RUNNING")
        assert ask(UnixConnection(path), "GET", "/healthz")[0] == 200


def test_what_can_not_be_listened_on_is_told(tmp_path: Path) -> None:
    """A descriptor that is no listening socket, and a path that is too long, are refused with a sentence; nothing listens."""
    with socket.socket() as idle, pytest.raises(mempool.Invalid, match=f"listen_fd {idle.fileno()} does not listen"):
        mempool.Pool(listen_host="", listen_unix=str(tmp_path / "s"), listen_fd=idle.fileno()).start()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(mempool.InvalidOption, match="listen_unix has 108 bytes"):
        mempool.Pool(listen_unix="x" * 108)
    with pytest.raises(mempool.InvalidOption, match="route_prefix live"):
        mempool.Pool(route_prefix="live")


# ---- mempool serve ----


def test_serve_listens_on_a_unix_socket(tmp_path: Path) -> None:
    """`mempool serve --listen-host "" --listen-unix PATH` says where it listens, and removes the file at its end."""
    path = tmp_path / "s"
    with Served("--listen-host", "", "--listen-unix", str(path), "--route-prefix", "/live") as served:
        assert served.where() == f"unix:{path}"
        assert ask(UnixConnection(path), "POST", "/live/tx", "x")[0] == 202
        served.stop()
    assert not path.exists()


def test_a_server_that_was_killed_leaves_no_file_in_the_way(tmp_path: Path) -> None:
    """After SIGKILL the file is there still; the next server on the path replaces it."""
    path = tmp_path / "s"
    flags = ("--listen-host", "", "--listen-unix", str(path))
    with Served(*flags) as killed:
        killed.where()
    assert path.is_socket()
    with Served(*flags) as served:
        served.where()
        assert ask(UnixConnection(path), "GET", "/healthz")[0] == 200
        with Served(*flags) as third:
            assert third.refused() == f"listen_unix {path} is in use: a server listens there; stop it, or choose another path"
        served.stop()


def test_serve_takes_the_socket_that_systemd_hands_over() -> None:
    """LISTEN_FDS and LISTEN_PID: it listens on descriptor 3, and on no default port beside it."""
    with listening_tcp() as mine:
        port = mine.getsockname()[1]
        with Served(hand_over=mine) as served:
            assert served.where() == f"http://127.0.0.1:{port}"
            assert ask(http.client.HTTPConnection("127.0.0.1", port), "POST", "/tx", "x")[0] == 202
            served.stop()


def test_a_port_that_is_asked_for_comes_beside_it(tmp_path: Path) -> None:
    """With --listen-port there are both."""
    with socket.socket(socket.AF_UNIX) as mine:
        mine.bind(str(tmp_path / "s"))
        mine.listen()
        with Served("--listen-port", "0", hand_over=mine) as served:
            url, handed_over = served.where().split(" and ")
            assert handed_over == "descriptor 3"
            port = int(url.rpartition(":")[2])
            assert '"id":"1"' in ask(http.client.HTTPConnection("127.0.0.1", port), "POST", "/tx", "x")[1]
            assert '"id":"2"' in ask(UnixConnection(tmp_path / "s"), "POST", "/tx", "x")[1]
            served.stop()


def test_who_connects_over_a_restart_waits() -> None:
    """What systemd holds listens on while no server runs: the request is answered by the next one."""
    with listening_tcp() as mine:
        with Served(hand_over=mine) as first:
            first.where()
            first.stop()
        with closing(http.client.HTTPConnection("127.0.0.1", mine.getsockname()[1], timeout=20)) as waits:
            waits.request("GET", "/healthz")
            with Served(hand_over=mine) as second:
                assert waits.getresponse().status == 200
                second.stop()


def test_several_handed_over_are_refused() -> None:
    """Two sockets are one too many: a sentence, exit 2."""
    with listening_tcp() as mine, Served(hand_over=mine, count=2) as served:
        assert "systemd handed over 2 sockets, and one can be taken" in served.refused()


def test_the_variables_of_another_process_are_left_alone() -> None:
    """LISTEN_PID of somebody else, as a child of a service inherits it: descriptor 3 is not taken for a socket."""
    env = {"LISTEN_FDS": "1", "LISTEN_PID": "1"}
    with Served("--listen-port", "0", env=env) as served:
        assert served.where().startswith("http://127.0.0.1:")
        served.stop()


def test_it_says_when_it_is_ready_and_when_it_stops(tmp_path: Path) -> None:
    """$NOTIFY_SOCKET hears READY=1 once clients can connect, and STOPPING=1 at the signal."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(20)
        manager.bind(str(tmp_path / "notify"))
        flags = ("--listen-host", "", "--listen-unix", str(tmp_path / "s"))
        with Served(*flags, env={"NOTIFY_SOCKET": str(tmp_path / "notify")}) as served:
            assert manager.recv(100) == b"READY=1"
            assert ask(UnixConnection(tmp_path / "s"), "GET", "/healthz")[0] == 200
            served.stop()
            assert manager.recv(100) == b"STOPPING=1"
