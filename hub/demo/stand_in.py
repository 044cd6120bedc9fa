"""Segment's place in the demo: takes what the hub syncs, keeps it, and sends it on to its own destination, the hub."""

from __future__ import annotations

import json
import logging
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import requests

log = logging.getLogger(__name__)

Event = Mapping[str, Any]


class StandIn:
    """Keeps the events it is sent, under one write key."""

    def __init__(self, write_key: str) -> None:
        self._write_key = write_key
        self._events: list[Event] = []
        self._lock = threading.Lock()
        self._listeners: list[Callable[[Sequence[Event]], object]] = []

    def listen(self, listener: Callable[[Sequence[Event]], object]) -> None:
        """Have `listener` called with the events of every request taken from now on."""
        self._listeners.append(listener)

    def take(self, endpoint: str, body: bytes, write_key: str | None) -> tuple[dict[str, Any], int]:
        """Keep the events of a request to `/v1/<endpoint>`; return the answer and its status, as Segment would."""
        if write_key != self._write_key:
            return {"success": False, "message": "invalid write key"}, 401
        try:
            events = _events(endpoint, json.loads(body))
        except ValueError as error:
            return {"success": False, "message": f"malformed JSON: {error}"}, 400
        with self._lock:
            self._events.extend(events)
        for listener in self._listeners:
            listener(events)
        return {"success": True}, 200

    def events(self) -> list[Event]:
        """Return everything taken, in order."""
        with self._lock:
            return list(self._events)


def _events(endpoint: str, content: Any) -> list[Event]:
    is_batch = endpoint in ("batch", "import")
    events = content.get("batch") if is_batch and isinstance(content, dict) else [content]
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        raise ValueError("no object, or `batch` is no list of objects")
    return [dict(event) if is_batch else {"type": endpoint, **event} for event in events]


def send_back(address: str, write_key: str, events: Sequence[Event]) -> None:
    """Send events to the hub as they are, as Segment does with a source that feeds it. Raises RequestException."""
    answer = requests.post(f"{address}/v1/batch", json={"batch": list(events)}, auth=(write_key, ""), timeout=10)
    answer.raise_for_status()


class Echo:
    """Sends back what the stand-in takes, from a thread of its own: whoever synced has its answer first."""

    def __init__(self, address: str, write_key: str) -> None:
        self._address = address
        self._write_key = write_key
        self._waiting: queue.SimpleQueue[Sequence[Event]] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="echo", daemon=True).start()

    def __call__(self, events: Sequence[Event]) -> None:
        """Return at once; the events follow."""
        if events:
            self._waiting.put(events)

    def _run(self) -> None:
        while True:
            events = self._waiting.get()
            try:
                send_back(self._address, self._write_key, events)
            except requests.RequestException as error:
                log.warning("What was synced could not be sent back: %s", type(error).__name__)
