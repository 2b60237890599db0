# SPDX-License-Identifier: MIT
"""What deploy/ offers, by the programs it is for: nginx.conf by Debian's nginx, the units by systemd-analyze."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import expect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from browser import open_page
from clients import LIMIT_S
from served import Served, ask

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
SITE = "mempool.example.org"
NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")

AROUND = """
daemon off;
user {user};
worker_processes 1;
error_log stderr error;
pid {folder}/nginx.pid;
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  include {folder}/mempool.conf;
}}
"""


def with_one(text: str, was: str, now: str) -> str:
    """The text with that one part changed."""
    assert text.count(was) == 1, was
    return text.replace(was, now)


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[int]:
    """nginx with deploy/nginx.conf, in which nothing is changed but where it listens and where the server is (tmp_path/s); its port.

    It inherits the listening socket, as it does from an nginx that it replaces: so no port is guessed, and who connects waits."""
    if NGINX is None:
        pytest.skip("nginx was not found; on Debian: apt-get install nginx-light, as .ci/run does")
    conf = (DEPLOY / "nginx.conf").read_text()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = int(listening.getsockname()[1])
        conf = with_one(conf, "listen 80;", f"listen 127.0.0.1:{port};")
        conf = with_one(conf, "server unix:/run/mempool/mempool.sock;", f"server unix:{tmp_path}/s;")
        (tmp_path / "mempool.conf").write_text(conf)
        user = "root" if os.geteuid() == 0 else "nobody"
        (tmp_path / "nginx.conf").write_text(AROUND.format(folder=tmp_path, user=user))
        process = subprocess.Popen(
            [NGINX, "-e", "stderr", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")],
            env={**os.environ, "NGINX": f"{listening.fileno()};"},
            pass_fds=[listening.fileno()],
            stderr=subprocess.PIPE,
        )
    yield port
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=LIMIT_S)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """The server that deploy/nginx.conf names, ready."""
    flags = ("--listen-host", "", "--listen-unix", str(tmp_path / "s"), "--route-prefix", "/live", "--batch-interval-ms", "0")
    with Served(*flags) as server:
        server.where()
        yield server


def http_at(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)


def stream_at(port: int, query: str = "", origin: str | None = None) -> ClientConnection:
    return connect(f"ws://127.0.0.1:{port}/live/ws/mempool{query}", origin=origin, open_timeout=LIMIT_S, proxy=None)  # type: ignore[arg-type]


# ---- nginx ----


def test_transactions_and_their_outcomes_pass_through_nginx(nginx: int, served: Served) -> None:
    """POST and GET below the prefix; Location has the prefix, ?wait= is waited for, a body up to request_max_bytes passes."""
    with closing(http_at(nginx)) as connection:
        connection.request("POST", "/live/tx", "x")
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Location"]) == (202, "/live/tx/1")
    status, body = ask(connection, "GET", "/live/tx/1?wait=20")
    assert (status, json.loads(body)["status"]) == (200, "applied")
    status, body = ask(connection, "POST", "/live/tx", "x" * (3 << 20))
    assert (status, json.loads(body)["error"]) == (413, "too_large"), "the server's own answer, not nginx's"


def test_only_the_prefix_passes_through_nginx(nginx: int, served: Served) -> None:
    """The bare prefix leads to the page; what lies beside it is not the server's."""
    with closing(http_at(nginx)) as connection:
        connection.request("GET", "/live")
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Location"].endswith("/live/")) == (308, True)
    assert ask(connection, "GET", "/live/healthz") == (200, '{"status":"ok"}')
    assert ask(connection, "GET", "/healthz")[0] == 404


def test_the_stream_passes_through_nginx_both_ways(nginx: int, served: Served) -> None:
    """A WebSocket is upgraded, hears events as they come, its pings are answered, and the drain's last words reach it."""
    with stream_at(nginx, "?format=json", f"http://127.0.0.1:{nginx}") as stream:
        assert json.loads(stream.recv(LIMIT_S))["type"] == "hello"
        for number in range(1, 4):
            assert ask(http_at(nginx), "POST", "/live/tx", "x")[0] == 202
            event = json.loads(stream.recv(LIMIT_S))
            assert (event["type"], event["offset"]) == ("batch", number)
        assert stream.ping().wait(LIMIT_S)
        served.process.send_signal(signal.SIGTERM)
        assert json.loads(stream.recv(LIMIT_S))["type"] == "draining"
        with pytest.raises(ConnectionClosed) as closed:
            stream.recv(LIMIT_S)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1001
    assert served.process.wait(LIMIT_S) == 0


def block(stream: http.client.HTTPResponse) -> list[str]:
    """The next lines of Server-Sent Events up to an empty one; nothing at the end of the stream."""
    return [line.decode() for line in iter(lambda: stream.readline().rstrip(b"\n"), b"")]


def test_server_sent_events_pass_through_nginx_as_they_come(nginx: int, served: Served) -> None:
    """Each event before the next is caused, so that none is held back; Last-Event-ID resumes to the event; the drain's last words and the end come too."""
    with closing(http_at(nginx)) as connection:
        connection.request("GET", "/live/events/mempool")
        stream = connection.getresponse()
        assert (stream.status, stream.headers["Content-Type"]) == (200, "text/event-stream")
        (began,) = block(stream)
        epoch = began.removeprefix("id: ").partition(":")[0]
        for number in range(1, 4):
            assert ask(http_at(nginx), "POST", "/live/tx", "x")[0] == 202
            assert block(stream) == [f"id: {epoch}:{number}", "event: batch", "data: batch applied 1/1 txs"]
    with closing(http_at(nginx)) as connection:
        connection.request("GET", "/live/events/mempool?since=0", headers={"Last-Event-ID": f"{epoch}:1"})
        stream = connection.getresponse()
        assert [block(stream)[0] for _ in range(3)] == [f"id: {epoch}:{number}" for number in (1, 2, 3)]
        served.process.send_signal(signal.SIGTERM)
        assert block(stream)[0] == "event: draining"
        assert block(stream) == [": draining"]
        assert stream.read() == b""
    assert served.process.wait(LIMIT_S) == 0


def test_submissions_pass_through_nginx(nginx: int, served: Served) -> None:
    """Over the WebSocket, with an outcome and a key; and many at once, of which the key is known over either road."""
    with stream_at(nginx, "?format=json", f"http://127.0.0.1:{nginx}") as stream:
        assert json.loads(stream.recv(LIMIT_S))["type"] == "hello"
        stream.send(json.dumps({"type": "tx", "data": "pay", "ref": "a1", "key": "k1", "wait": True}))
        heard = [json.loads(stream.recv(LIMIT_S)) for _ in range(3)]
        answers = [message for message in heard if "ref" in message]
        assert answers[0] == {"type": "accepted", "ref": "a1", "id": "1"}
        assert answers[1] == {"type": "outcome", "ref": "a1", "id": "1", "status": "applied", "batch": "1"}
        assert [message["type"] for message in heard if "ref" not in message] == ["batch"]
    lines = {"Content-Type": "application/x-ndjson"}
    status, body = ask(http_at(nginx), "POST", "/live/txs", "pay\n", **lines, **{"Idempotency-Key": "k1"})
    assert (status, json.loads(body)["ids"]) == (202, ["1"])
    assert ask(http_at(nginx), "POST", "/live/txs", "other\n", **lines, **{"Idempotency-Key": "k1"})[0] == 422
    status, body = ask(http_at(nginx), "POST", "/live/txs", "x\n" * (1 << 20), **lines)
    assert (status, json.loads(body)["error"]) == (413, "too_large"), "2 MiB pass nginx; more than queue_capacity is the server's own answer"


def test_who_may_ask_through_nginx(nginx: int, served: Served) -> None:
    """The site's own pages may, by http and by https (TLS ends in nginx); foreign ones may not, and none of a machine's own."""
    for origin in (f"http://{SITE}", f"https://{SITE}"):
        assert ask(http_at(nginx), "POST", "/live/tx", "x", Host=SITE, Origin=origin)[0] == 202, origin
    for origin in ("https://evil.example", f"https://evil.{SITE}", "http://localhost", "null"):
        status, body = ask(http_at(nginx), "POST", "/live/tx", "x", Host=SITE, Origin=origin)
        assert (status, json.loads(body)["error"]) == (403, "forbidden_origin"), origin
    with pytest.raises(InvalidStatus) as refused:
        stream_at(nginx, origin="https://evil.example")
    assert refused.value.response.status_code == 403


def test_the_page_works_through_nginx(nginx: int, served: Served) -> None:
    """The page below the prefix connects, and submits."""
    with open_page(f"http://127.0.0.1:{nginx}/live") as page:
        expect(page.locator("#state")).to_have_text("connected")
        page.fill("#tx", "pay bob 5")
        page.click("#send")
        expect(page.locator("#answer")).to_contain_text("applied")


def test_nginx_holds_nothing_back(nginx: int, tmp_path: Path) -> None:
    """What a stream of Server-Sent Events says reaches its client while the answer goes on. (The server is a stand-in, which says its
    second line once the client has the first.)"""
    first_heard = threading.Event()

    def serve_one(listening: socket.socket) -> None:
        peer, _ = listening.accept()
        with peer:
            peer.recv(65536)
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\ndata: first\n\n")
            if first_heard.wait(LIMIT_S):
                peer.sendall(b"data: second\n\n")

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        listening.listen()
        thread = threading.Thread(target=serve_one, args=(listening,))
        thread.start()
        with closing(http_at(nginx)) as connection:
            connection.request("GET", "/live/events/mempool")
            answer = connection.getresponse()
            assert answer.read1(100) == b"data: first\n\n"
            first_heard.set()
            assert answer.read() == b"data: second\n\n"
        thread.join(LIMIT_S)


# ---- systemd ----


def verify(folder: Path) -> tuple[int, str]:
    """What systemd-analyze says of the units in that folder."""
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("systemd-analyze was not found: this is no system with systemd")
    units = [str(folder / name) for name in ("mempool.service", "mempool.socket")]
    done = subprocess.run([found, "verify", "--man=no", *units], capture_output=True, text=True, timeout=LIMIT_S)
    return done.returncode, done.stderr


def units_in(folder: Path) -> Path:
    """The units, with this environment's command in place of /opt/mempool's."""
    command = Path(sys.executable).with_name("mempool")
    service = (DEPLOY / "mempool.service").read_text()
    (folder / "mempool.service").write_text(with_one(service, "\nExecStart=/opt/mempool/bin/mempool", f"\nExecStart={command}"))
    shutil.copy(DEPLOY / "mempool.socket", folder)
    return folder


def test_systemd_understands_the_units(tmp_path: Path) -> None:
    """systemd-analyze verify finds nothing in them; a planted mistake it does find."""
    assert verify(units_in(tmp_path)) == (0, "")
    socket_unit = tmp_path / "mempool.socket"
    socket_unit.write_text(with_one(socket_unit.read_text(), "SocketMode=0660", "SocketMood=0660"))
    assert "SocketMood" in verify(tmp_path)[1]


def test_the_unit_starts_what_it_says(tmp_path: Path) -> None:
    """Its command line and its variables start a server on a socket like the unit's, below the prefix that nginx.conf has."""
    service = (DEPLOY / "mempool.service").read_text()
    found = re.search(r"^ExecStart=/opt/mempool/bin/mempool serve(.*)$", service, re.M)
    assert found
    env = dict(line.split("=", 1) for line in re.findall(r"^Environment=(.*)$", service, re.M))
    with socket.socket(socket.AF_UNIX) as handed_over:
        handed_over.bind(str(tmp_path / "s"))
        handed_over.listen()
        with Served(*found[1].split(), hand_over=handed_over, env=env) as served:
            assert served.where() == "descriptor 3"
            assert f"location {env['MEMPOOL_ROUTE_PREFIX']}/ {{" in (DEPLOY / "nginx.conf").read_text()
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(LIMIT_S)
                client.connect(str(tmp_path / "s"))
                client.sendall(f"GET {env['MEMPOOL_ROUTE_PREFIX']}/healthz HTTP/1.1\r\nHost: {SITE}\r\n\r\n".encode())
                assert client.recv(1000).startswith(b"HTTP/1.1 200 ")
            served.stop()
