"""Ports on this machine that nobody listens on."""

from __future__ import annotations

import random
from collections.abc import Iterable

from hub.cli.up import check_port
from hub.config import ConfigError

HOST = "127.0.0.1"
_NEAR = 50


def is_free(port: int) -> bool:
    """Return whether a server could listen there."""
    try:
        check_port(HOST, port)
    except ConfigError:
        return False
    return True


def first_free(start: int) -> int:
    """Return the first free port from `start` on. Raises ConfigError when there is none near."""
    return _first(range(start, min(start + _NEAR, 65_536)))


def any_free() -> int:
    """Return a free port below those that the system gives to outgoing connections."""
    return _first(random.sample(range(20_000, 32_000), 200))


def _first(ports: Iterable[int]) -> int:
    for port in ports:
        if is_free(port):
            return port
    raise ConfigError(["No free port was found on 127.0.0.1; name one with --port"])
