"""The journal of a channel's run: departures and outcomes, written down many in one transaction."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from hub.store.claims import Claimed
from hub.store.engine import patiently
from hub.store.outcomes import Concluded

log = logging.getLogger(__name__)

LINGERS_S = 0.05
"""How long an outcome may be in memory alone, waiting for a departure to be written down with."""

Write = Callable[[Sequence[Concluded], Sequence[Claimed]], set[str]]


class Closed(Exception):
    """The run is over: nothing departs any more."""


class _Departure:
    def __init__(self, leaving: Sequence[Claimed]) -> None:
        self.leaving = leaving
        self.gone: set[str] | None = None
        self.error: Exception | None = None


class Journal:
    """Has `write` record outcomes and departures and return the ids that may go. Safe to share between threads.

    Whoever finds nobody writing writes for all that wait. Outcomes go along with the next departure, and alone where
    none comes soon.
    """

    def __init__(self, write: Write, *, name: str, lingers_s: float = LINGERS_S) -> None:
        self._write = write
        self._lingers_s = lingers_s
        self._writing = threading.Lock()
        self._changing = threading.Lock()
        self._departures: list[_Departure] = []
        self._concluded: list[Concluded] = []
        self._not_taken: list[Concluded] = []
        self._closed = threading.Event()
        self._lingering = threading.Thread(target=self._write_what_lingers, name=f"journal-{name}", daemon=True)
        self._lingering.start()

    def depart(self, leaving: Sequence[Claimed]) -> set[str]:
        """Return the ids that may go, once that is committed. Raises Closed, and what `write` raised."""
        return self.announce(leaving)()

    def announce(self, leaving: Sequence[Claimed]) -> Callable[[], set[str]]:
        """Have a departure written down with the next that is; call what you get for the end of `depart`.

        Raises Closed.
        """
        departure = _Departure(leaving)
        with self._changing:
            if self._closed.is_set():
                raise Closed
            self._departures.append(departure)
        return lambda: self._gone(departure)

    def conclude(self, concluded: Concluded) -> None:
        """Have an outcome recorded soon."""
        with self._changing:
            self._concluded.append(concluded)

    def close(self) -> None:
        """Write what waits; try again what the database did not take: it may be back. Raises what `write` raises."""
        with self._changing:
            self._closed.set()
        self._lingering.join()
        with self._writing:
            self._write_all()
        if self._not_taken:
            log.warning("The database did not take the outcomes of %d messages; trying again", len(self._not_taken))
            patiently(lambda: self._write(self._not_taken, ()))

    def _gone(self, departure: _Departure) -> set[str]:
        with self._writing:
            if departure.gone is None and departure.error is None:
                self._write_all()
        if departure.error is not None:
            raise departure.error
        assert departure.gone is not None, "it was written by whoever had the lock before"
        return departure.gone

    def _write_all(self) -> None:
        with self._changing:
            departures, self._departures = self._departures, []
            concluded, self._concluded = self._concluded, []
        if not (departures or concluded):
            return
        try:
            gone = self._write(concluded, [one for departure in departures for one in departure.leaving])
        except Exception as error:  # noqa: BLE001  handed to every caller, and outcomes are tried again
            self._not_taken += concluded
            for departure in departures:
                departure.error = error
        else:
            for departure in departures:
                departure.gone = gone & {one.id for one in departure.leaving}

    def _write_what_lingers(self) -> None:
        seen: list[Concluded] = []
        while not self._closed.wait(self._lingers_s / 2):
            if self._concluded and self._concluded is seen:
                with self._writing:
                    self._write_all()
            seen = self._concluded or []
