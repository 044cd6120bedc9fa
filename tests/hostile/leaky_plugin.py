"""A channel and a target that say in their errors all that they should not."""

import json

from marshmallow import Schema, fields

from hub.plugin import ChannelPaused, Retry, Secret, Sent, SurveyChannel, SyncTarget, hookimpl


class LeakySettings(Schema):
    """A password, and what to do."""

    password = Secret(required=True)
    does = fields.String(load_default="send")


class LeakyChannel(SurveyChannel):
    """Fails in the way that its settings say, and quotes password and address."""

    kind = "leaky"
    config_schema = LeakySettings

    def send(self, message, point_of_no_return):
        said = f"550 <{message.to}> refused, logged in as hub:{self.config['password']}"
        if self.config["does"] == "pause":
            raise ChannelPaused(said)
        if self.config["does"] == "raise":
            raise RuntimeError(said)
        point_of_no_return()
        if self.config["does"] == "lose":
            raise RuntimeError(said)
        return Sent(detail=said)

    def reports(self, request):
        raise RuntimeError(f"{request.body.decode()} {self.config['password']}")

    def erase(self, person):
        raise RuntimeError(f"cannot forget {person.email} with {self.config['password']}")

    def check(self):
        raise RuntimeError(f"login with {self.config['password']} refused")


class LeakyTarget(SyncTarget):
    """Quotes password and addresses."""

    kind = "leaky"
    config_schema = LeakySettings

    def push(self, updates):
        said = json.dumps([self.config["password"], *[update.person.email for update in updates]])
        if self.config["does"] == "raise":
            raise RuntimeError(said)
        return [Retry(why=said) for _ in updates]


@hookimpl
def hub_survey_channels():
    return [LeakyChannel]


@hookimpl
def hub_sync_targets():
    return [LeakyTarget]
