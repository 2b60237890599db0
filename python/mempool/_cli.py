# SPDX-License-Identifier: MIT
"""The command `mempool`: serve, options, --version. One process, its main thread. What can't be started is one line on standard error that
says what to do, and exit status 2; `serve` prints one line on standard output when it is ready, and nothing else there."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import resource
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any, NoReturn

from . import _core, _systemd
from ._demo import Ledger, Trickle
from ._errors import AddressInUse, Error, Timeout
from ._options import Option, closest, configure, put, read, table
from ._places import Places
from ._pool import Apply, Pool, plain_callable

DEMO_INTERVAL_MS = 500
DEMO_CLOSE_TIMEOUT_MS = 1000


class Refused(Exception):
    """What the command can't do; str() is the line for standard error."""


class Parser(argparse.ArgumentParser):
    """Its errors are one line too, where argparse prints the usage as well."""

    def error(self, message: str) -> NoReturn:
        raise Refused(f"{message}; see {self.prog} --help")


class Signals:
    """SIGINT and SIGTERM: the first is waited for, a second one ends the process at once. Main thread only."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        self._heard = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    def _handle(self, number: int, _: FrameType | None) -> None:
        if self._heard:
            os._exit(128 + number)
        self._heard = True
        os.write(self._write, b"!")  # a pipe: setting a threading.Event in a handler can deadlock with its wait

    def wait(self) -> None:
        os.read(self._read, 1)


def main(arguments: Sequence[str] | None = None) -> int:
    try:
        return run(sys.argv[1:] if arguments is None else arguments)
    except Refused as refused:
        print("error:", " ".join(str(refused).split()), file=sys.stderr)
        return 2
    except BrokenPipeError:  # mempool options | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def run(arguments: Sequence[str]) -> int:
    options = table()
    parser = Parser(prog="mempool", description="Many producers, one batch task, every listener hears what came of it.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"mempool {_core.version()}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    add_serve(commands.add_parser("serve", help="run a server until SIGINT or SIGTERM", allow_abbrev=False), options)
    commands.add_parser("options", help="print the table of options", allow_abbrev=False)
    given, rest = parser.parse_known_args(arguments)
    if rest:
        raise Refused(unexpected(rest[0]))
    if given.command == "serve":
        return serve(given, options)
    if given.command == "options":
        print_options(options)
        return 0
    raise Refused("say what to do: mempool serve, mempool options; see mempool --help")


def add_serve(parser: argparse.ArgumentParser, options: list[Option]) -> None:
    parser.description = "Run a server until SIGINT or SIGTERM, which drain it; a second one cuts."
    parser.usage = "mempool serve [--apply MODULE:FUNCTION] [--demo] [--OPTION VALUE ...]"
    parser.add_argument("--apply", metavar="MODULE:FUNCTION", help="decides on each batch; found in the current folder too")
    parser.add_argument("--demo", action="store_true", help="a small ledger with a trickle of payments of its own")
    group = parser.add_argument_group("options of the pool", "The environment has them too (MEMPOOL_LISTEN_PORT); a flag beats it.")
    for option in options:
        metavar = option.unit.upper().replace(" ", "-") or option.type.upper()
        text = f"{option.doc} ({option.default or 'empty'})".replace("%", "%%")
        group.add_argument(flag(option.name), dest=f"option_{option.name}", metavar=metavar, help=text)


def serve(given: argparse.Namespace, options: list[Option]) -> int:
    signals = Signals()
    logging.basicConfig(stream=sys.stderr, level=logging.DEBUG, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    raise_descriptor_limit()
    ledger = Ledger() if given.demo else None
    apply: Apply | None = ledger.apply if ledger else None
    if given.apply is not None:
        if ledger:
            raise Refused("--demo has an apply of its own; leave --demo or --apply out")
        apply = find_apply(given.apply)
    values = configuration(given, options)
    if not values["listen_host"] and not values["listen_unix"] and values["listen_fd"] < 0:
        raise Refused("listen_host is empty, so nobody could connect; pass --listen-host 127.0.0.1, or --listen-unix PATH")
    try:
        pool = Pool(apply, **values)
        pool.start()
    except AddressInUse as error:
        raise Refused(str(error).replace("; choose another, or 0 for a free one", "; pass --listen-port 0 for a free one")) from None
    except Error as error:
        raise Refused(str(error)) from None
    trickle = Trickle(pool, ledger, int(values["batch_interval_ms"])) if ledger else None
    if trickle:
        trickle.start()
    print(f"mempool listening on {Places.of(configure(values)).words(pool.port)}", flush=True)
    _systemd.notify("READY=1")
    signals.wait()
    _systemd.notify("STOPPING=1")
    if trickle:
        trickle.stop()
    try:
        pool.stop()
    except Timeout as error:
        print("error:", error, file=sys.stderr, flush=True)
        os._exit(1)  # apply does not return: the interpreter's own end would wait for it again
    return 0


def configuration(given: argparse.Namespace, options: list[Option]) -> dict[str, Any]:
    """Flags before the environment before what systemd handed over before the defaults."""
    config = _core.Config()
    handed_over = _systemd.handed_over()
    if handed_over > 1:
        raise Refused(f"systemd handed over {handed_over} sockets, and one can be taken; leave one ListenStream= in the socket unit")
    try:
        if handed_over:
            config.set_int("listen_fd", _systemd.FIRST_FD)
            if not says_port(given):
                config.set_text("listen_host", "")  # the unit says where, not a default of ours
        if given.demo:
            config.set_int("batch_interval_ms", DEMO_INTERVAL_MS)
            # websocat does not answer a close while its own input is open: Ctrl-C on the demo should not wait for it
            config.set_int("close_timeout_ms", DEMO_CLOSE_TIMEOUT_MS)
        config.load_env()
        for option in options:
            value = getattr(given, f"option_{option.name}")
            if value is not None:
                put(config, option.name, value)
    except Error as error:
        raise Refused(str(error)) from None
    return {option.name: read(config, option) for option in options}


def says_port(given: argparse.Namespace) -> bool:
    """Whether a flag or the environment names the port or its address."""
    names = ("listen_host", "listen_port")
    return any(getattr(given, f"option_{name}") is not None or f"MEMPOOL_{name.upper()}" in os.environ for name in names)


def find_apply(where: str) -> Apply:
    module_name, _, path = where.partition(":")
    if not module_name or not path:
        raise Refused(f"--apply {where}: give MODULE:FUNCTION, as in --apply app:apply for the function apply of app.py")
    sys.path.insert(0, os.getcwd())
    try:
        found: object = importlib.import_module(module_name)
    except Exception as error:
        raise Refused(
            f"--apply {where}: importing {module_name} failed with {type(error).__name__}: {error}; "
            f"modules are looked for in {os.getcwd()} first"
        ) from None
    for name in path.split("."):
        if not hasattr(found, name):
            raise Refused(f"--apply {where}: {module_name} has no {path}; define it there, def {path}(batch), or name another")
        found = getattr(found, name)
    try:
        return plain_callable(found, path)
    except TypeError as error:
        raise Refused(f"--apply {where}: {error}") from None


def raise_descriptor_limit() -> None:
    """A client is a descriptor; the library leaves the process's limits alone, a server need not."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (ValueError, OSError):  # a hard limit beyond what the kernel grants now: the soft one stays
        pass


def print_options(options: list[Option]) -> None:
    rows = [("option", "type", "default", "range", "since", "meaning")]
    for option in options:
        range = "" if option.type != "int" else f"{option.minimum}..{option.maximum}"
        kind = f"{option.type}, {option.unit}" if option.unit else option.type
        rows.append((option.name, kind, option.default, range, option.since, option.doc))
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    sys.stdout.flush()


def flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def unexpected(argument: str) -> str:
    word = argument.split("=")[0]
    if not word.startswith("--"):
        return f"unexpected {argument!r}; see mempool --help"
    close = closest(word[2:].replace("-", "_"))
    return f"there is no option {word}; " + (f"did you mean {flag(close)}?" if close else "`mempool options` lists them")
