"""What the views of an application work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from flask import Flask, current_app

from hub.admin import audit
from hub.pipeline.hub import Hub
from hub.plugin import Accepted

_EXTENSION = "survey_hub"


@dataclass(frozen=True, kw_only=True)
class Backing:
    """The hub; `receive` stores a body as intake does, `wake` asks for a worker and returns whether Redis took it."""

    hub: Hub
    wake: Callable[[str], bool]
    receive: Callable[[str, Accepted, datetime], None]


def put_behind(app: Flask, backing: Backing) -> None:
    """Have an application's views work with this; who acts in a request does not in the next of its thread."""
    app.extensions[_EXTENSION] = backing
    app.teardown_request(lambda _error: audit.act_as(audit.THE_HUB))


def backing() -> Backing:
    """Return what the current application works with."""
    return cast("Backing", current_app.extensions[_EXTENSION])


def hub() -> Hub:
    """Return the current application's hub."""
    return backing().hub


def wake(job: str) -> bool:
    """Have a worker do what was just made possible; best effort. Return whether Redis took the message."""
    return backing().wake(job)
