"""The good plugin: whatever the others do, its work goes on."""

from __future__ import annotations

import json
import os
from pathlib import Path

from marshmallow import Schema, fields

from hub import containment
from hub.plugin import Accepted, Done, Event, EventSource, Reply, Sent, SurveyChannel, SyncTarget, hookimpl

if os.environ.get("ZOO_IS_IMPATIENT"):  # what hangs is given up after seconds instead of a minute
    containment.MADE_WITHIN_S = containment.READ_WITHIN_S = containment.DONE_WITHIN_S = 2.0


class Nothing(Schema):
    """No settings."""


class Outbox(Schema):
    """Where a channel or target writes what left it."""

    file = fields.String(required=True)


class GoodSource(EventSource):
    """Takes JSON lists of what `Event` takes."""

    kind = "good"
    config_schema = Nothing

    def receive(self, request):
        return Accepted(body=request.body, reply=Reply.json({}))

    def read(self, stored):
        for item in json.loads(stored.body):
            yield Event(type="identify", payload=item, **item)


class GoodChannel(SurveyChannel):
    """Writes down to whom a mail left."""

    kind = "good"
    config_schema = Outbox

    def send(self, message, point_of_no_return):
        point_of_no_return()
        with Path(self.config["file"]).open("a") as outbox:
            outbox.write(f"{message.to}\n")
        return Sent()


class GoodTarget(SyncTarget):
    """Writes down whose answers came."""

    kind = "good"
    config_schema = Outbox

    def push(self, updates):
        with Path(self.config["file"]).open("a") as outbox:
            outbox.writelines(f"{update.person.user_id}\n" for update in updates)
        return [Done() for _ in updates]


@hookimpl
def hub_event_sources():
    return [GoodSource]


@hookimpl
def hub_survey_channels():
    return [GoodChannel]


@hookimpl
def hub_sync_targets():
    return [GoodTarget]
