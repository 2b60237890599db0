# SPDX-License-Identifier: MIT
"""Pool and what it gives: Ticket, Outcome, Subscription. Any thread may use a pool and its tickets; a subscription is read by one
thread at a time. A started pool lives until it is stopped, even if nobody holds it, as a thread does; those that are left when the
interpreter ends are stopped by atexit. Importing this starts nothing."""

from __future__ import annotations

import atexit
import inspect
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, TypeVar, cast

from . import _core
from ._errors import Error, Invalid, NotFound, Timeout, Unsupported
from ._events import Event
from ._options import OptionValue, configure
from ._places import Places

Apply = Callable[["_core.TxBatch"], object]
OnEvent = TypeVar("OnEvent", bound=Callable[[Event], object])

_STATES = ("OPEN", "RUNNING", "DRAINING", "STOPPED")  # in the order of MEMPOOL_OPEN and its like


@dataclass(frozen=True)
class Outcome:
    """What became of one transaction. `batch` is the number of its batch, `reason` a rejection's, else empty."""

    id: int
    status: Literal["applied", "rejected"]
    reason: str
    batch: int


@dataclass(frozen=True)
class Stats:
    """Counters of one moment. accepted = applied + rejected + pending, always."""

    accepted: int
    applied: int
    rejected: int
    pending: int
    batches: int
    refused: int  # submissions that found no room, and those that gave up waiting for it
    events: int  # in the topic's present epoch: the offset of the newest
    queue_length: int  # transactions that wait for their batch
    queue_bytes: int
    listeners: int  # clients of the network, callbacks, subscriptions
    events_sent: int  # to clients of the network, once for each client
    events_missed: int  # by them: a client's sent + missed = the difference of its offsets
    apply_time_ns: int  # nanoseconds spent inside apply
    ring_length: int  # events retained
    ring_bytes: int
    connections: int  # HTTP connections and clients of the stream
    clients_text: int  # clients of the stream, by format: over a WebSocket
    clients_json: int
    clients_sse_text: int  # as Server-Sent Events
    clients_sse_json: int
    connections_accepted: int
    connections_refused_max: int  # there were max_connections
    connections_refused_rate: int  # more from one address than rate_limit_connections
    accept_pauses: int  # of 100 ms, as the system had no descriptor or memory for a connection
    clients_closed_slow: int  # slow=close, and behind the ring
    clients_closed_silent: int  # given up after pong_timeout_ms
    clients_closed_stalled: int  # given up after stall_timeout_ms
    messages_ignored: int  # of clients of the stream: nothing that the pool knows
    log_lost: int  # log messages that found no room


class Ticket:
    """A transaction that was queued; `id` is its number, from 1 in queue order."""

    __slots__ = ("_pool", "id")

    def __init__(self, pool: _core.Pool, id: int) -> None:
        self._pool = pool
        self.id = id

    def wait(self, timeout: float | None = None) -> Outcome:
        """Wait until it is applied or rejected; at most `timeout` seconds. Any thread; Ctrl-C ends it.

        Raises Timeout (pending still, call again), Gone (settled, but no longer kept: outcomes_capacity), Closed (the pool ended
        without applying it), Reentrant from `apply`."""
        id, status, reason, batch = self._pool.tx_wait(self.id, timeout)
        if status == "pending":
            raise Timeout(f"transaction {id} is pending still after {timeout} s; wait again")
        return Outcome(id, status, reason, batch)

    def __repr__(self) -> str:
        return f"<mempool.Ticket {self.id}>"


class Subscription(Iterator[Event]):
    """An iterator with a cursor of its own: all that is published since subscribe() was called, in order. It ends when the pool has
    stopped and everything was heard, or after `timeout` seconds of silence; then iterating once more goes on where it ended."""

    def __init__(self, receiver: _core.Receiver, timeout: float | None) -> None:
        self._receiver = receiver
        self._timeout = timeout

    def __iter__(self) -> Subscription:
        return self

    def __next__(self) -> Event:
        event = self._receiver.next(self._timeout)
        if event is None:
            raise StopIteration
        return event

    def close(self) -> None:
        """Give the cursor up. Not while another thread waits on it: WrongState."""
        self._receiver.close()

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Pool:
    """Many producers submit transactions, one batch task applies them in ticks, every listener hears what came of it.

    apply(batch) decides on the batch thread: batch is a sequence of transactions (tx.id, tx.data, tx.reject(reason)); what it does
    not reject is applied; an exception rejects the whole batch with its text and goes to sys.unraisablehook. Without apply
    everything is applied. replace=True: start first stops a pool of this process that holds the port or the path (a notebook cell run twice).
    What the pool has to say goes to logging.getLogger("mempool"), from its callback thread: log_level="info" lets more through.
    Every other keyword is an option, as `mempool options` lists them: listen_port=3000. `with` starts and stops."""

    def __init__(self, apply: Apply | None = None, *, replace: bool = False, **options: OptionValue) -> None:
        config = configure(options)
        self._core = _core.Pool(config)
        self._places = Places.of(config)
        self._replace = replace
        self._lock = threading.Lock()  # guards _registrations; held in no call that waits
        self._registrations: list[tuple[Callable[[Event], object], int]] = []
        if apply is not None:
            self._core.set_apply(plain_callable(apply, "apply"))
        if config.get_text("log_level") != "off":
            self._core.set_log(_log)

    def start(self) -> None:
        """Start the threads and listen wherever listen_host, listen_unix and listen_fd say; returns once clients can connect.

        Raises AddressInUse, Invalid (listen_fd is no listening socket), SystemFailure: nothing is started then. WrongState when started before."""
        if self._replace:
            for other in list(_running):
                if other is not self and other._places.meets(self._places):
                    other.stop()
        self._core.start()
        _running.add(self)

    def stop(self, timeout: float | None = None) -> None:
        """Refuse submissions, apply all that was accepted, let every client hear it, end the threads. Any thread; Ctrl-C ends the
        waiting, not the stopping.

        timeout: seconds, then the network is cut; None is the option drain_timeout_ms. Raises Timeout where apply or an event
        callback does not return: the pool stays DRAINING, call again. Reentrant from a callback of this pool."""
        self._core.stop(timeout)
        _running.discard(self)

    def request_stop(self) -> None:
        """Begin what stop does and return at once: for signal handlers and callbacks. Any thread; never blocks, raises nothing.

        Submissions raise Closed from now on, what was accepted is applied, every subscription ends once it has heard the rest, and the
        pool is STOPPED by itself; stop waits for that. Asked before start it is remembered, and start drains at once."""
        self._core.request_stop()

    def submit(self, data: bytes | str, *, key: object = None, topic: str | None = None) -> Ticket:
        """Queue one transaction; never blocks. Any thread, every callback.

        data: 1 to `tx_max_bytes` bytes, copied before the call returns; str is encoded as UTF-8.
        Raises Full when the queue has no room, Closed while draining, TooLarge, Invalid (empty), WrongState (not started). Nothing
        was queued then. Unsupported: key=, another topic= than "mempool"."""
        _later("key", key)
        _only_topic(topic)
        return Ticket(self._core, self._core.submit(_to_bytes(data)))

    def submit_many(self, data: Iterable[bytes | str], *, topic: str | None = None) -> list[Ticket]:
        """Queue transactions, all of them or none; never blocks. Their tickets come in the order given; an empty iterable gives none.

        As submit; raises TooLarge too where they are more than the whole queue could ever hold."""
        _only_topic(topic)
        all_bytes = [_to_bytes(each) for each in data]
        if not all_bytes:
            return []
        first = self._core.submit_many(all_bytes)
        return [Ticket(self._core, id) for id in range(first, first + len(all_bytes))]

    def flush(self, timeout: float | None = None) -> None:
        """Wait until all that was accepted before this call has its outcome; it is not gathered any longer for a fuller batch.

        timeout: seconds. Any thread; Ctrl-C ends it. Raises Timeout (call again), Closed, Reentrant from `apply`."""
        self._core.flush(timeout)

    @property
    def stats(self) -> Stats:
        """The pool's counters at this moment, in every state. Any thread, every callback."""
        return Stats(**self._core.stats())

    def metrics_text(self) -> str:
        """The same as `GET /metrics` tells Prometheus (text format 0.0.4): for a program that is scraped itself. Any thread."""
        return self._core.metrics_text()

    @property
    def listener_count(self) -> int:
        """How many listen at this moment: clients of the network, callbacks, subscriptions."""
        return self._core.listener_count

    def publish(self, data: str | bytes, *, topic: str | None = None) -> int:
        """Say something of the host's own to every listener; returns how many there are. Never blocks. Any thread, every callback.

        str goes out as text, bytes as binary; at most `message_max_bytes`. What `apply` publishes goes out before its batch's event.
        Raises TooLarge, Closed, WrongState (not started). Unsupported: another topic= than "mempool"."""
        _only_topic(topic)
        return self._core.publish(_to_bytes(data), not isinstance(data, str))

    def subscribe(
        self, timeout: float | None = None, *, since: str | None = None, slow: str | None = None, topic: str | None = None
    ) -> Subscription:
        """Hear everything from now on, the moment of this call. Before or after start, any thread, every callback.

        timeout: seconds of silence that end the iteration. Unsupported: since=, slow=, another topic= than "mempool"."""
        _later("since", since)
        _later("slow", slow)
        _only_topic(topic)
        if timeout is not None and not timeout >= 0:
            raise Invalid(f"timeout is {timeout}; give seconds from 0 on, or None to wait without limit")
        return Subscription(self._core.subscribe(), timeout)

    def on_event(self, callback: OnEvent) -> OnEvent:
        """Call it for every event from now on, on the pool's callback thread, in order. A decorator: returns the callback.

        What it raises goes to sys.unraisablehook. Before or after start; raises Closed when stopped."""
        registration = self._core.on_event(plain_callable(callback, "the callback"))
        with self._lock:
            self._registrations.append((callback, registration))
        return callback

    def off_event(self, callback: Callable[[Event], object]) -> None:
        """End the last on_event of that callback. Never waits: no call begins after this; one in progress may still finish.

        Raises NotFound where it is not registered."""
        with self._lock:
            for index in reversed(range(len(self._registrations))):
                if self._registrations[index][0] == callback:
                    _, registration = self._registrations.pop(index)
                    break
            else:
                raise NotFound(f"{callback!r} is not registered with on_event")
        self._core.off_event(registration)

    @property
    def handle(self) -> int:
        """The address of the C handle (mempool *): code loaded by ctypes or cffi joins the same pool. Borrowed: valid as long as
        this object lives; who keeps it longer calls mempool_retain."""
        return self._core.handle()

    @property
    def port(self) -> int:
        """The port that is listened on, the real one where listen_port was 0; 0 without one. WrongState before start."""
        return self._core.port()

    @property
    def url(self) -> str:
        """http://127.0.0.1:3000, with the route prefix behind it; empty for a pool without a port. WrongState before start."""
        return self._places.url(self.port)

    @property
    def state(self) -> str:
        """OPEN, RUNNING, DRAINING or STOPPED. One way; to start again, make a new pool."""
        return _STATES[self._core.state()]

    def __enter__(self) -> Pool:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        try:
            state = self.state
            where = self._places.words(self._places.port if state == "OPEN" else self.port)
        except Error as error:  # a child of fork
            state, where = type(error).__name__.upper(), self._places.words(self._places.port)
        return f"<mempool.Pool {where or 'in process'} {state}>"


_running: set[Pool] = set()  # started and not stopped


@atexit.register
def _stop_all() -> None:
    """A pool that runs when the interpreter ends is stopped, so that what was accepted is applied and Python exits cleanly."""
    for pool in list(_running):
        try:
            pool.stop()
        except Error:  # an apply that does not return, a child of fork: nothing more can be done
            pass


_logger = logging.getLogger("mempool")
_LOG_LEVELS = (0, logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG)  # in the order of MEMPOOL_LOG_OFF and its like


def _log(message: tuple[int, str]) -> None:
    level, text = message
    _logger.log(_LOG_LEVELS[level], "%s", text)


def _to_bytes(data: bytes | str) -> bytes:
    if isinstance(data, str):
        return data.encode()
    if isinstance(data, bytes):
        return data
    raise TypeError(f"data is {type(data).__name__}; give bytes or str")


def plain_callable(function: Any, what: str) -> Callable[..., object]:
    """The function; TypeError with a sentence where the pool's threads could not call it."""
    if inspect.iscoroutinefunction(function):
        raise TypeError(f"{what} is a coroutine function, which nobody here would await; give a plain function")
    if callable(function):
        return cast(Callable[..., object], function)
    raise TypeError(f"{what} is {function!r}; give a function of one argument")


def _later(name: str, value: object) -> None:
    if value is not None:
        raise Unsupported(f"{name}= comes with a later version; leave it out")


def _only_topic(topic: str | None) -> None:
    if topic not in (None, "mempool"):
        raise Unsupported(f"topic={topic!r}: this version has one topic, 'mempool'")
