"""A survey channel that writes mails to a folder: what a stranger's plugin looks like."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from marshmallow import Schema, fields

from hub.plugin import CheckFailed, Message, Outcome, Sent, SurveyChannel, hookimpl

hub_api = (1, 1)


class Settings(Schema):
    """Where the mails go, and who they come from."""

    folder = fields.String(required=True, metadata={"help": "An existing folder."})
    sender = fields.String(load_default="Surveys <surveys@hub.example>")


class OutboxFile(SurveyChannel):
    """Each mail becomes a file named after its invitation."""

    kind = "outbox_file"
    config_schema = Settings

    def check(self) -> None:
        """Look whether the folder is there."""
        if not Path(self.config["folder"]).is_dir():
            raise CheckFailed(f"{self.config['folder']} is no folder; make it first")

    def send(self, message: Message, point_of_no_return: Callable[[], None]) -> Outcome:
        """Write one mail."""
        path = Path(self.config["folder"]) / f"{message.id}.eml"
        mail = message.mime(self.config["sender"])
        point_of_no_return()
        with path.open("xb") as file:
            file.write(mail)
        return Sent(provider_id=path.name)


@hookimpl
def hub_survey_channels() -> list[type[SurveyChannel]]:
    """Offer the kind."""
    return [OutboxFile]
