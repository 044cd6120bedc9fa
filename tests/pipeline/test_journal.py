"""The journal of a channel's run: many departures and outcomes, one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import pytest
from sqlalchemy.exc import SQLAlchemyError

from hub.pipeline.journal import Closed, Journal
from hub.plugin import Sent
from hub.store.claims import Claimed
from hub.store.outcomes import Concluded

A_LONG_TIME_S = 600.0


class Ledger:
    """Takes down what a journal writes, once it is opened; `refused` is the mail that may not go."""

    def __init__(self) -> None:
        self.entries: list[tuple[list[str], list[str]]] = []
        self.entered = Event()
        self.opened = Event()
        self.opened.set()
        self.is_away = False
        self.refused = ""

    def write(self, concluded: Sequence[Concluded], leaving: Sequence[Claimed]) -> set[str]:
        self.entered.set()
        assert self.opened.wait(20)
        if self.is_away:
            raise SQLAlchemyError("away")
        self.entries.append(([one.claimed.id for one in concluded], [one.id for one in leaving]))
        return {one.id for one in leaving} - {self.refused}


def mail(id: str) -> Claimed:
    """Return a claimed invitation."""
    return Claimed(
        id=id,
        survey_id="s1",
        person_id=f"person of {id}",
        mailbox=f"{id}@acme.example",
        claim="w.1",
        channel_id="c1",
        tried=(),
        attempts=0,
        revision=0,
    )


def sent(id: str) -> Concluded:
    """Return that a mail was sent."""
    return Concluded(claimed=mail(id), outcome=Sent(), channels=["c1"])


@contextmanager
def journal_of(ledger: Ledger, lingers_s: float = A_LONG_TIME_S) -> Iterator[Journal]:
    journal = Journal(ledger.write, name="test", lingers_s=lingers_s)
    yield journal
    journal.close()


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def test_departures_that_wait_are_written_together_and_each_learns_of_its_own(ledger):
    ledger.opened.clear()
    ledger.refused = "m3"
    with ThreadPoolExecutor(1) as pool, journal_of(ledger) as journal:
        first = pool.submit(journal.depart, [mail("m0")])
        assert ledger.entered.wait(20)
        others = [journal.announce([mail(f"m{number}")]) for number in range(1, 9)]
        ledger.opened.set()
        assert first.result(20) == {"m0"}
        assert [other() for other in others] == [{f"m{number}"} - {ledger.refused} for number in range(1, 9)]
    assert [len(leaving) for _, leaving in ledger.entries] == [1, 8]


def test_outcome_goes_along_with_the_next_departure(ledger):
    with journal_of(ledger) as journal:
        journal.depart([mail("m1")])
        journal.conclude(sent("m1"))
        journal.depart([mail("m2")])
    assert ledger.entries == [([], ["m1"]), (["m1"], ["m2"])]


def test_outcome_that_no_departure_follows_is_written_soon(ledger):
    with journal_of(ledger, lingers_s=0.002) as journal:
        journal.conclude(sent("m1"))
        assert ledger.entered.wait(20)
    assert ledger.entries == [(["m1"], [])]


def test_outcomes_are_written_at_the_end_at_the_latest(ledger):
    with journal_of(ledger) as journal:
        journal.conclude(sent("m1"))
        assert ledger.entries == []
    assert ledger.entries == [(["m1"], [])]


def test_error_of_the_database_reaches_every_departure_and_outcomes_are_tried_again(ledger):
    with journal_of(ledger) as journal:
        ledger.is_away = True
        journal.conclude(sent("m1"))
        with pytest.raises(SQLAlchemyError):
            journal.depart([mail("m2")])
        ledger.is_away = False
        assert journal.depart([mail("m3")]) == {"m3"}
    assert ledger.entries == [([], ["m3"]), (["m1"], [])]


def test_nothing_departs_once_the_run_is_over(ledger):
    with journal_of(ledger) as journal:
        pass
    with pytest.raises(Closed):
        journal.depart([mail("m1")])
    assert ledger.entries == []
