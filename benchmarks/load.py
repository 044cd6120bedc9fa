"""`wrk`, sending identifies as an SDK does."""

from __future__ import annotations

import base64
import json
import subprocess
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from benchmarks.machine import find
from tests.running_hub import API_KEY

CONNECTIONS = 32
AUTHORIZATION = "Basic " + base64.b64encode(f"{API_KEY}:".encode()).decode()
_SCRIPT = Path(__file__).with_name("load.lua")
_runs = count(1)


@dataclass(frozen=True, kw_only=True)
class Load:
    """What came of a run of `wrk`."""

    answered: int
    rate: float
    p99_ms: float


def send(url: str, path: str, *, seconds: int, batch: int = 0) -> Load:
    """Send as many identifies as get through 32 connections, alone or in batches. Raises when one isn't taken."""
    words = [path, AUTHORIZATION, f"r{next(_runs)}", str(batch)]
    options = ["-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(_SCRIPT), url, "--", *words]
    done = subprocess.run(
        [str(find("wrk")), *options], check=True, capture_output=True, text=True, timeout=seconds + 30
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("counted "))
    requests, microseconds, errors, p99_us = (int(word) for word in line.split()[1:])
    if errors:
        raise RuntimeError(f"{errors} of {requests} requests to {url}{path} were not taken")
    return Load(answered=requests, rate=requests / microseconds * 1_000_000, p99_ms=p99_us / 1_000)


def identify(user_id: str, message_id: str, *, at: str) -> bytes:
    """Return an identify like those of `wrk`, of a person who came and was identified at a time."""
    event = {
        "type": "identify",
        "userId": user_id,
        "messageId": message_id,
        "timestamp": at,
        "traits": {"email": f"{user_id}@customer.example", "firstName": "Ada", "plan": "pro", "createdAt": at},
        "context": {"library": {"name": "analytics-python", "version": "2.3.4"}, "locale": "en-GB"},
    }
    return json.dumps(event, separators=(",", ":")).encode()
