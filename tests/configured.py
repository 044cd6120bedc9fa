"""A configured hub in this process, on a database of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from hub.admin.configuration import apply as applying
from hub.admin.configuration import planning
from hub.config import load_settings
from hub.pipeline.hub import Hub, open_hub
from hub.registry import utc_now
from tests.lab import make_schema

BASE_URL = "https://hub.acme.example"
API_KEY = "test-key-of-the-source"
TOML = f"""
[sources.product]
kind = "segment"
api_key = "{API_KEY}"

[channels.relay]
kind = "smtp"
host = "127.0.0.1"
port = 9
from = "Acme <hello@acme.example>"

[targets.product]
kind = "segment"
write_key = "write-key"

[surveys.onboarding]
sources = ["product"]
channels = ["relay"]
targets = ["product"]
enabled = true
"""


def environ_of(directory: Path, database_url: str, *, redis_url: str = "", base_url: str = BASE_URL) -> dict[str, str]:
    """Return the environment of such a hub, for processes of it."""
    return {
        "HUB_DATA_DIR": str(directory / "data"),
        "HUB_DATABASE_URL": database_url,
        "HUB_REDIS_URL": redis_url or f"unix://{directory}/no-redis.sock",
        "HUB_BASE_URL": base_url,
        "HUB_SECRET_KEY": "k" * 32,
    }


@contextmanager
def configured_hub(
    directory: Path,
    database_url: str,
    *,
    redis_url: str = "",
    toml: str = TOML,
    base_url: str = BASE_URL,
    now: Callable[[], datetime] = utc_now,
) -> Iterator[Hub]:
    """Yield a hub with the shipped plugins, configured by `toml`."""
    make_schema(database_url, directory)
    environ = environ_of(directory, database_url, redis_url=redis_url, base_url=base_url)
    hub = open_hub(load_settings(environ), now=now)
    try:
        applying.apply(hub, planning.plan(hub, toml, environ={}))
        yield hub
    finally:
        hub.registry.close()
        hub.close()
