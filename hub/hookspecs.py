"""The doors into the hub: hooks that a plugin implements with `hub.plugin.hookimpl`.

Each is called once when a process starts; every implementation is called on its own, so that a broken plugin is
reported and the others work.
"""

from __future__ import annotations

from collections.abc import Sequence

import pluggy

from hub.plugin import EventSource, Listener, SurveyChannel, SyncTarget

hookspec = pluggy.HookspecMarker("survey_hub")


@hookspec
def hub_event_sources() -> Sequence[type[EventSource]]:  # type: ignore[empty-body]
    """Return the kinds of event sources this plugin offers."""


@hookspec
def hub_survey_channels() -> Sequence[type[SurveyChannel]]:  # type: ignore[empty-body]
    """Return the kinds of survey channels this plugin offers."""


@hookspec
def hub_sync_targets() -> Sequence[type[SyncTarget]]:  # type: ignore[empty-body]
    """Return the kinds of sync targets this plugin offers."""


@hookspec
def hub_listeners() -> Sequence[type[Listener]]:  # type: ignore[empty-body]
    """Return the kinds of listeners this plugin offers."""
