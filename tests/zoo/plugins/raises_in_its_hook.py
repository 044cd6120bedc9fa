"""Raises in its hook."""

from hub.plugin import hookimpl


@hookimpl
def hub_event_sources():
    raise RuntimeError("a bug")
