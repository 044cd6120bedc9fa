"""Where events come in: the address of every source, and a command that tries it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from hub.pipeline.hub import Hub
from hub.plugin import EventSource
from hub.registry import Connection
from hub.store.configuration import Role

TRACKING = "/v1/*"
"""The root path of Segment's Tracking API, which its libraries call."""


@dataclass(frozen=True, kw_only=True)
class Door:
    """A source: where to send, and a command for a terminal, "" where the kind has no simple one.

    `KEY` in the command stands for the source's key; no secret is in it.
    """

    source: str
    kind: str
    address: str
    command: str
    problem: str | None


def doors(hub: Hub) -> Sequence[Door]:
    """Return the sources in use, by name."""
    base = hub.settings.base_url.rstrip("/")
    return [_door(base, one) for one in hub.registry.current().live(Role.SOURCE)]


def _door(base: str, one: Connection) -> Door:
    is_tracking = isinstance(one.provider, EventSource) and TRACKING in type(one.provider).paths
    address = f"{base}/v1" if is_tracking else f"{base}/sources/{one.stored.name}"
    return Door(
        source=one.stored.name,
        kind=one.stored.kind,
        address=address,
        command=_command(f"{address}/identify") if is_tracking else "",
        problem=one.problem,
    )


def _command(address: str) -> str:
    body = {"userId": "test-1", "traits": {"email": "you@example.com"}}
    return f"curl {address} -u KEY: -H 'Content-Type: application/json' -d '{json.dumps(body)}'"
