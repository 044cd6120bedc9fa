"""Requests with a missing or unknown key: kept for a day, because whoever wires up a sender looks for them here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from hub.pipeline.hub import Hub
from hub.store.configuration import read_setting, write_setting

KEPT_FOR = timedelta(days=1)
_SETTING = "refused"


@dataclass(frozen=True, kw_only=True)
class RefusedKey:
    """When a kind of source last had to refuse a key. Never the key itself."""

    kind: str
    at: datetime


def note(hub: Hub, kind: str) -> None:
    """Remember that a kind of source refused a key just now."""
    at = hub.now().isoformat()

    def work(connection: Connection) -> None:
        known: dict[str, Any] = read_setting(connection, _SETTING) or {}
        write_setting(connection, _SETTING, {**known, kind: at})

    hub.store.transact(work)


def refused_keys(hub: Hub) -> list[RefusedKey]:
    """Return the kinds that refused a key within a day, by name."""
    with hub.store.read() as connection:
        known: dict[str, Any] = read_setting(connection, _SETTING) or {}
    found = [RefusedKey(kind=kind, at=datetime.fromisoformat(at)) for kind, at in sorted(known.items())]
    return [one for one in found if hub.now() - one.at < KEPT_FOR]
