"""The intake log: what was appended is there, whatever became of the connection."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from hub.store import intake
from hub.store.engine import Store
from hub.store.intake import AcceptedBody, Appender
from tests.clock import NOW
from tests.lab import settings_for


@pytest.fixture
def store(database_url: str, tmp_path: Path) -> Iterator[Store]:
    opened = Store(settings_for(database_url, tmp_path))
    yield opened
    opened.dispose()


@pytest.fixture
def log(store: Store) -> Iterator[Appender]:
    made = Appender(store)
    yield made
    made.close()


def bodies(*texts: bytes) -> list[AcceptedBody]:
    return [AcceptedBody(source_id="s1", hint="identify", arrived_at=NOW, body=one) for one in texts]


def stored(store: Store) -> list[AcceptedBody]:
    return intake.first(store, sources=["s1"], limit=1_000, max_bytes=1_000_000)


def test_bodies_are_read_as_they_were_appended(store: Store, log: Appender) -> None:
    given = bodies(b"{}", b"", b"\x00\xff'%s?\\", *(b"%d" % number for number in range(500)))
    log.append(given)
    found = stored(store)
    assert [one.body for one in found] == [one.body for one in given]
    assert {(one.source_id, one.hint, one.arrived_at, one.deaths) for one in found} == {("s1", "identify", NOW, 0)}


def test_what_failed_leaves_nothing_behind_and_the_next_works(store: Store, log: Appender) -> None:
    log.append(bodies(b"first"))
    with pytest.raises(SQLAlchemyError):
        log.append([*bodies(b"lost"), AcceptedBody(source_id="s1", hint=None, arrived_at=NOW, body=b"")])  # type: ignore[arg-type]
    log.append(bodies(b"second"))
    assert [one.body for one in stored(store)] == [b"first", b"second"]


def test_connection_that_was_cut_while_it_rested_is_replaced(
    store: Store, log: Appender, monkeypatch: pytest.MonkeyPatch
) -> None:
    if store.is_sqlite:
        pytest.skip("a file cannot be cut off")
    monkeypatch.setattr(intake, "RESTED_S", 0.0)
    log.append(bodies(b"first"))
    with store.hub.connect() as other:
        other.execute(text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"))
    log.append(bodies(b"second"))
    assert [one.body for one in stored(store)] == [b"first", b"second"]
