"""The sync target `csv`: answers as rows of a file on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from marshmallow import Schema, fields, validate

from hub.plugin import CheckFailed, CustomerUpdate, Done, Limits, Parked, Person, Retry, SyncTarget
from hub_webhook import csv_file
from hub_webhook.answers import FIELDS, TRAITS, fields_of

_USER_ID, _ANONYMOUS_ID = FIELDS.index("user_id"), FIELDS.index("anonymous_id")


class CsvSettings(Schema):
    """What an operator sets."""

    path = fields.String(
        required=True,
        validate=validate.Regexp(r"/.+\.csv\Z", error="Write a whole path that ends with .csv, as in /srv/nps.csv."),
        metadata={"help": "The file: a whole path that ends with .csv, in a folder that is there."},
    )


class CsvTarget(SyncTarget):
    """Answers as rows of a CSV file on this machine."""

    kind = "csv"
    config_schema = CsvSettings
    limits = Limits(count=500)

    @property
    def trait_names(self) -> frozenset[str]:
        """The columns of score, comment and time, should somebody import the file where events come from."""
        return frozenset(TRAITS)

    def check(self) -> None:
        """Append nothing, which needs all that appending needs."""
        try:
            csv_file.append(self._path, FIELDS, [])
        except (OSError, csv_file.OtherColumns) as error:
            raise CheckFailed(f"{self._path} cannot be written: {error}") from error

    def push(self, updates: Sequence[CustomerUpdate]) -> Sequence[Done | Retry | Parked]:
        """Append a row an update, all or none."""
        answers = [fields_of(update) for update in updates]
        rows = [list(answer.values()) for answer in answers if not isinstance(answer, Parked)]
        if rows:
            csv_file.append(self._path, FIELDS, rows)
        return [answer if isinstance(answer, Parked) else Done() for answer in answers]

    def erase(self, person: Person) -> None:
        """Remove the rows with one of the person's ids."""
        user_id = [csv_file.cell(person.user_id)] if person.user_id else None
        anonymous_ids = {csv_file.cell(id) for id in person.anonymous_ids}
        csv_file.remove(
            self._path,
            lambda row: row[_USER_ID:][:1] == user_id or bool(anonymous_ids.intersection(row[_ANONYMOUS_ID:][:1])),
        )

    @property
    def _path(self) -> Path:
        return Path(self.config["path"])
