# SPDX-License-Identifier: MIT
"""What `mempool serve --demo` shows: a small ledger, and a trickle of transactions of its own.

The ledger belongs to the batch thread, which alone writes it; the trickle is one thread, between start() and stop()."""

from __future__ import annotations

import random
import threading

from ._core import Tx, TxBatch
from ._errors import Closed, Full
from ._pool import Pool

START = {"alice": 100, "bob": 100, "carol": 100, "dave": 100}
AMOUNT_DIGITS = 12


class Ledger:
    """Accounts with balances. `pay FROM TO AMOUNT` moves money between them; what does not hold is rejected with a reason.
    Money is neither made nor lost, and no balance falls below 0."""

    def __init__(self) -> None:
        self.balances = dict(START)

    def apply(self, batch: TxBatch) -> None:
        for tx in batch:
            reason = self._apply(tx)
            if reason:
                tx.reject(reason)

    def _apply(self, tx: Tx) -> str:
        """Why it does not hold; empty where it was done."""
        try:
            words = tx.data.decode().split()
        except UnicodeDecodeError:
            return "not UTF-8 text; say: pay FROM TO AMOUNT"
        if not words or words[0] != "pay":
            return f"unknown verb {words[0][:40] if words else ''!r}; say: pay FROM TO AMOUNT"
        if len(words) != 4:
            return "say: pay FROM TO AMOUNT"
        _, payer, payee, amount_text = words
        for name in (payer, payee):
            if name not in self.balances:
                return f"no account {name[:40]!r}; there are {', '.join(self.balances)}"
        if payer == payee:
            return f"{payer} can't pay themselves"
        # isdecimal alone lets through digits of every script
        if not (amount_text.isascii() and amount_text.isdecimal() and len(amount_text) <= AMOUNT_DIGITS) or int(amount_text) == 0:
            return f"bad amount {amount_text[:40]!r}; give a whole number from 1 on"
        amount = int(amount_text)
        if amount > self.balances[payer]:
            return f"insufficient funds: {payer} has {self.balances[payer]}"
        self.balances[payer] -= amount
        self.balances[payee] += amount
        return ""


class Trickle:
    """About three transactions a tick, one of them an overdraft on average; the first burst is just that. Owns its thread."""

    def __init__(self, pool: Pool, ledger: Ledger, interval_ms: int) -> None:
        self._pool = pool
        self._ledger = ledger
        # A little longer than a tick, so that each burst gets a tick of its own.
        self._period_s = max(interval_ms, 250) * 1.2 / 1000
        self._random = random.Random()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mempool-demo", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """No transaction comes after this returns."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        burst = [self._payment(), self._payment(), self._overdraft()]
        while True:
            try:
                for data in burst:
                    self._pool.submit(data)
            except Full:  # others are busy: the next tick will do
                pass
            except Closed:
                return
            if self._ended.wait(self._period_s):
                return
            burst = [self._payment() for _ in range(self._random.choice((1, 2, 2, 3)))]
            burst += [self._overdraft() for _ in range(self._random.choice((0, 1, 1, 2)))]
            self._random.shuffle(burst)

    def _payment(self) -> str:
        rich = [name for name, balance in self._ledger.balances.items() if balance >= 20]  # never empty: there are 400 in all
        payer = self._random.choice(rich)
        return f"pay {payer} {self._payee(payer)} {self._random.randint(1, 5)}"

    def _overdraft(self) -> str:
        payer = self._random.choice(list(START))
        return f"pay {payer} {self._payee(payer)} {sum(START.values()) + self._random.randint(1, 99)}"

    def _payee(self, payer: str) -> str:
        return self._random.choice([name for name in START if name != payer])
