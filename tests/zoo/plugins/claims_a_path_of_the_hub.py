"""Claims a path of the hub itself."""

from marshmallow import Schema

from hub.plugin import EventSource, hookimpl


class Greedy(EventSource):
    """Wants all."""

    kind = "greedy"
    config_schema = Schema
    paths = ("/healthz/*",)

    def receive(self, request):
        """Take it all."""

    def read(self, stored):
        """Read nothing."""


@hookimpl
def hub_event_sources():
    return [Greedy]
