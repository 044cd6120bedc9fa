"""The configuration as it is, for a plan to compare with."""

from __future__ import annotations

from hub.admin.configuration.document import WantedSurvey
from hub.config import ConfigError
from hub.pipeline.hub import Hub
from hub.store import configuration
from hub.store.configuration import Role, StoredConnection, StoredSurvey


class Current:
    """The configuration as it is, to compare with."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        with hub.store.read() as connection:
            snapshot = configuration.snapshot(connection)
        self.revision = snapshot.revision
        self.connections = {(c.role, c.name): c for c in snapshot.connections if c.retired_at is None}
        retired = [c for c in snapshot.connections if c.retired_at is not None]
        self._retired = {(c.role, c.name, c.kind): c for c in sorted(retired, key=lambda c: str(c.retired_at))}
        self.surveys = {survey.name: survey for survey in snapshot.surveys}
        self._names = {c.id: c.name for c in snapshot.connections}

    def kept_secret(self, role: Role, name: str, kind: str, key: str) -> str | None:
        """Return a stored secret in the clear, or None; a connection put back in use has those it had."""
        stored = self.of(role, name, kind) or self.retired(role, name, kind)
        if stored is None or key not in stored.config:
            return None
        try:
            return str(self._hub.registry.reveal({key: stored.config[key]})[key])
        except ConfigError:
            return None

    def of(self, role: Role, name: str, kind: str) -> StoredConnection | None:
        """Return the stored connection that a wanted one would change."""
        stored = self.connections.get((role, name))
        return stored if stored is not None and stored.kind == kind else None

    def retired(self, role: Role, name: str, kind: str) -> StoredConnection | None:
        """Return the connection that a wanted one would put back in use: the one that was retired last."""
        return self._retired.get((role, name, kind))

    def users_of(self, role: Role, name: str) -> list[str]:
        """Return the names of the surveys that use a connection."""
        return [survey.name for survey in self.surveys.values() if name in self.names_of(survey).get(role, ())]

    def listeners_to(self, survey: str) -> list[str]:
        """Return the listeners that name a survey, as in `listeners.ops`."""
        listeners = [one for (role, _), one in self.connections.items() if role is Role.LISTENER]
        return [f"listeners.{one.name}" for one in listeners if survey in one.options["surveys"]]

    def as_wanted(self, name: str) -> WantedSurvey:
        """Return a survey as it is."""
        survey = self.surveys[name]
        return WantedSurvey(
            name=name, enabled=survey.enabled, settings=survey.settings, connections=self.names_of(survey)
        )

    def names_of(self, survey: StoredSurvey) -> dict[Role, list[str]]:
        """Return a survey's connections by name."""
        return {role: [self._names[id] for id in ids] for role, ids in survey.connections.items()}
