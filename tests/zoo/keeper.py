"""A hub with every bad plugin beside a good one, and short words for looking after them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from hub.admin.operations.doctor import examine
from hub.pipeline import deliver
from hub.pipeline.respond import answer
from hub.plugin import Provider
from hub.plugins import find_plugins
from hub.store import tables
from hub.store.configuration import Role
from tests.lab import Lab, identify, open_lab

PLUGINS = Path(__file__).with_name("plugins")
SURVEY = 'enabled = true\nsurge_brake = false\nsources = ["shop"]\n'


@dataclass(kw_only=True)
class Zoo:
    """The lab with a bad plugin of some kind in it, and a good one."""

    lab: Lab
    folder: Path
    caplog: pytest.LogCaptureFixture

    def let_in_source(self, kind: str, settings: str = "") -> None:
        """Have a source of this kind beside the good one, and a survey that listens to both."""
        channels = self._table("channels", "good", "good", self._file("good"))
        sources = self._table("sources", "good", "good") + self._table("sources", "bad", kind, settings)
        survey = SURVEY.replace('["shop"]', '["good", "bad"]')
        self.lab.configure(f'{sources}{channels}[surveys.asking]\n{survey}channels = ["good"]\n')

    def let_in_channel(self, kind: str) -> None:
        """Have two surveys of the same customers, one by a channel of this kind, one by a good channel."""
        text = self._table("sources", "shop", "good")
        for name, its_kind in (("bad", kind), ("good", "good")):
            text += self._table("channels", name, its_kind, self._file(name))
            text += f'[surveys.{name}]\n{SURVEY}channels = ["{name}"]\n'
        self.lab.configure(text)

    def let_in_target(self, kind: str) -> None:
        """Have a target of this kind beside a good one."""
        text = self._table("sources", "shop", "good") + self._table("channels", "good", "good", self._file("good"))
        text += self._table("targets", "bad", kind) + self._table("targets", "good", "good", self._file("synced"))
        survey = f'{SURVEY}channels = ["good"]\ntargets = ["bad", "good"]\n'
        self.lab.configure(f"{text}[surveys.asking]\n{survey}")

    def identify(self, *users: str, source: str = "shop") -> None:
        """Take a body with these customers, and decide what waits."""
        self.lab.receive(*[identify(user) for user in users], source=source)
        self.lab.decide()

    def answers_of(self, *users: str) -> None:
        """Have these customers asked, and answer."""
        self.identify(*users)
        self.lab.deliver()
        for invitation in self.lab.invitations():
            answer(self.lab.hub, self.lab.hub.keys.token_of(invitation.id), 9, "")

    def deliver_impatiently(self) -> None:
        """Send for a moment, twice: what waits behind something that hangs has its turn in the next job."""
        for _ in range(2):
            deliver.drain(self.lab.hub, until=time.monotonic() + 2)

    def left(self, outbox: str) -> list[str]:
        """Return who stands in an outbox, sorted: what really left."""
        path = self.folder / outbox
        return sorted(line.partition("@")[0] for line in path.read_text().splitlines()) if path.exists() else []

    def states(self, survey: str) -> list[str]:
        """Return the states of a survey's invitations, in the order of the customers' names."""
        table = tables.invitation
        [survey_id] = [id for id, one in self.lab.hub.registry.current().surveys.items() if one.name == survey]
        statement = select(table.c.state).where(table.c.survey_id == survey_id).order_by(table.c.mailbox)
        with self.lab.hub.store.read() as connection:
            return list(connection.scalars(statement))

    def outbox_states(self, target: str) -> list[str]:
        """Return the states of what a target is to be told."""
        target_id = self.lab.id_of(Role.TARGET, target)
        return sorted(row.state for row in self.lab.rows(tables.outbox) if row.target_id == target_id)

    def bad(self, role: Role) -> Provider:
        """Return the bad provider itself."""
        connection = self.lab.hub.registry.current().named(role, "bad")
        assert connection is not None
        assert connection.provider is not None
        return connection.provider

    def said(self) -> str:
        """Return what an operator sees: `hub doctor`, and the log."""
        notes = [f"{finding.name} {finding.sentence}" for finding in examine(self.lab.hub) if not finding.ok]
        return "\n".join([*notes, *self.caplog.messages])

    def broken(self) -> list[str]:
        """Return the invariants that `hub doctor` finds broken."""
        return [finding.name for finding in examine(self.lab.hub) if not finding.ok and not finding.is_note]

    def _file(self, name: str) -> str:
        return f'file = "{self.folder / name}"\n'

    def _table(self, role: str, name: str, kind: str, settings: str = "") -> str:
        return f'[{role}.{name}]\nkind = "{kind}"\n{settings}'


def open_zoo(folder: Path, caplog: pytest.LogCaptureFixture) -> Zoo:
    """Return a zoo on SQLite."""
    plugins = find_plugins([], plugins_dir=PLUGINS)
    return Zoo(lab=open_lab(f"sqlite:///{folder / 'hub.db'}", folder, plugins), folder=folder, caplog=caplog)
