"""Targets with a vice each."""

from __future__ import annotations

import itertools
import os
import time

from marshmallow import Schema

from hub.plugin import Done, Limits, Parked, Retry, SyncTarget, hookimpl


class Nothing(Schema):
    """No settings."""


class Honest(SyncTarget):
    """What the bad ones do right."""

    kind = "honest"
    config_schema = Nothing

    def push(self, updates):
        return [Done() for _ in updates]


class ExitsPushing(Honest):
    """Means to end the process in push."""

    kind = "exits_pushing"

    def push(self, updates):
        raise SystemExit(3)


class EmptiesPushing(Honest):
    """Takes the updates out of the list that it was given."""

    kind = "empties_pushing"

    def push(self, updates):
        updates.clear()
        return []


class NeverEndsPushing(Honest):
    """Gives results without end."""

    kind = "never_ends_pushing"

    def push(self, updates):
        return (Done() for _ in itertools.count())


class AsksForNonsense(Honest):
    """Asks for a pause of no length that makes sense."""

    kind = "asks_for_nonsense"

    def push(self, updates):
        return [Retry(why=None, after_s="soon") for _ in updates]


class ParksNonsense(Honest):
    """Parks updates with a code that is no text."""

    kind = "parks_nonsense"

    def push(self, updates):
        return [Parked(why=None, code=[7]) for _ in updates]


class NamesNothing(Honest):
    """Raises when it is asked which traits it writes."""

    kind = "names_nothing"

    @property
    def trait_names(self):
        raise RuntimeError("a bug")


class TakesNone(Honest):
    """Has limits that let nothing through."""

    kind = "takes_none"
    limits = Limits(count=0)


class HangsPushing(Honest):
    """Does not come back from push."""

    kind = "hangs_pushing"

    def push(self, updates):
        time.sleep(3_600)


class DiesPushing(Honest):
    """Ends its process in push."""

    kind = "dies_pushing"

    def push(self, updates):
        os._exit(7)


@hookimpl
def hub_sync_targets():
    return Honest.__subclasses__()
