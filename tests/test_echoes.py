"""Echoes of our own sync: whom they belong to."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from hub.admin.people import people
from hub.pipeline import decide
from hub.pipeline.hub import Hub
from hub.store import intake, tables
from hub.store.configuration import Role
from hub.store.intake import AcceptedBody
from tests.configured import configured_hub

ADA = {"type": "identify", "userId": "ada", "messageId": "m-1", "traits": {"email": "ada@acme-customer.example"}}
ECHO = {"type": "identify", "userId": "ada", "messageId": "m-2", "traits": {"NPS_rating": 9, "NPS_comment": "Secret."}}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with configured_hub(tmp_path, f"sqlite:///{tmp_path}/hub.db") as hub:
        yield hub


def take(hub: Hub, *events: object) -> None:
    (source,) = hub.registry.current().live(Role.SOURCE)
    body = json.dumps({"batch": events}).encode()
    intake.append(hub.store, [AcceptedBody(source_id=source.id, hint="batch", arrived_at=hub.now(), body=body)])
    decide.drain(hub, until=time.monotonic() + 10)


def payloads(hub: Hub) -> list[bytes | None]:
    with hub.store.read() as connection:
        return list(connection.scalars(select(tables.event.c.payload)))


@pytest.mark.parametrize("batches", [[(ADA, ECHO)], [(ADA,), (ECHO,)]])
def test_echo_is_told_in_its_persons_story_and_erased_with_them(hub, batches):
    for events in batches:
        take(hub, *events)
    (story,) = people.why(hub, "ada")
    assert sorted(entry.code for entry in story.entries if entry.code) == ["echo", "scheduled"]
    people.erase(hub, "ada")
    assert payloads(hub) == [None, None]


def test_echo_makes_nobody_known(hub):
    take(hub, ECHO)
    assert people.why(hub, "ada") == []
    assert len(payloads(hub)) == 1
