"""Names of surveys, connections and ratings for people, also of those that are no longer in use, and back."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from hub.admin.trouble import NotThere
from hub.admin.words import hint
from hub.registry import Configuration
from hub.registry import Connection as ConfiguredConnection
from hub.store.configuration import Role, StoredSurvey
from hub.store.tables import survey

REMOVED = "(removed)"


def survey_names(connection: Connection) -> dict[str, str]:
    """Return the names of all surveys there ever were, by id."""
    return {row.id: row.name for row in connection.execute(select(survey.c.id, survey.c.name))}


def connection_name(configuration: Configuration, connection_id: str) -> str:
    """Return a connection's name."""
    connection = configuration.connections.get(connection_id)
    return connection.stored.name if connection else REMOVED


def connection_named(configuration: Configuration, role: Role, name: str) -> ConfiguredConnection:
    """Return the connection of this name that is in use. Raises NotThere naming those there are."""
    found = configuration.named(role, name)
    if found is None:
        known = hint(name, [one.stored.name for one in configuration.live(role)])
        raise NotThere(f"There is no {role} {name!r}{known}")
    return found


def survey_named(configuration: Configuration, name: str) -> StoredSurvey:
    """Return the survey of this name. Raises NotThere naming those there are."""
    for one in configuration.surveys.values():
        if one.name == name:
            return one
    known = hint(name, [one.name for one in configuration.surveys.values()])
    raise NotThere(f"There is no survey {name!r}{known}")


def rating_names(configuration: Configuration, survey_ids: Sequence[str]) -> Sequence[str]:
    """Return the names of the ratings that surveys ask for now, in their order."""
    return list(dict.fromkeys(name for id in survey_ids for name in configuration.texts[id].ratings))
