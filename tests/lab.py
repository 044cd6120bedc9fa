"""A hub with fake plugins and a clock of its own, and short words for what tests do with it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import select

from hub.admin.configuration import apply as applying
from hub.admin.configuration import planning
from hub.config import Settings
from hub.pipeline import decide, deliver, forget, notify, remind, sync
from hub.pipeline.hub import Hub, open_hub
from hub.plugin import Accepted
from hub.plugins import Plugins
from hub.store import intake, leases, migrate, tables
from hub.store.configuration import Role
from hub.store.engine import Store
from hub.store.intake import AcceptedBody
from tests.clock import Clock
from tests.fakes import Crm, Ears, PostOffice, fake_plugins

SETUP = """
[sources.product]
kind = "fake"
[channels.relay]
kind = "fake"
[targets.crm]
kind = "fake"
[surveys.onboarding]
sources = ["product"]
channels = ["relay"]
targets = ["crm"]
"""
USUAL = {"enabled": True, "surge_brake": False}
KEY = "a key for tests that is long enough"


@dataclass(kw_only=True)
class Lab:
    """A hub at work."""

    hub: Hub
    clock: Clock
    office: PostOffice = field(default_factory=PostOffice)
    crm: Crm = field(default_factory=Crm)
    ears: Ears = field(default_factory=Ears)
    numbers: Any = field(default_factory=lambda: count(1))

    def configure(self, text: str) -> None:
        """Make the configuration what `text` says."""
        applying.apply(self.hub, planning.plan(self.hub, text, environ={}))

    def set(self, **settings: Any) -> None:
        """Configure the usual setup with some settings of the survey."""
        self.configure(SETUP + survey_lines(**settings))

    def id_of(self, role: Role, name: str) -> str:
        """Return the id of a connection."""
        connection = self.hub.registry.current().named(role, name)
        assert connection is not None
        return connection.id

    @property
    def survey_id(self) -> str:
        """The id of the first survey."""
        return next(iter(self.hub.registry.current().surveys))

    def receive(self, *events: dict[str, Any], source: str = "product") -> None:
        """Store one body with these events; each gets a messageId unless it has one."""
        body = [{"message_id": f"m{next(self.numbers)}", **event} for event in events]
        self.receive_body(json.dumps(body).encode(), source=source)

    def receive_body(self, body: bytes, *, source: str = "product") -> None:
        """Store one body."""
        source_id = self.id_of(Role.SOURCE, source)
        accepted = AcceptedBody(source_id=source_id, hint="", arrived_at=self.clock(), body=body)
        intake.append(self.hub.store, [accepted])

    def receive_accepted(self, accepted: Accepted, *, source: str = "product") -> None:
        """Store what a source accepted."""
        row = AcceptedBody(
            source_id=self.id_of(Role.SOURCE, source),
            hint=accepted.hint,
            arrived_at=self.clock(),
            body=accepted.body,
        )
        intake.append(self.hub.store, [row])

    def decide(self, *events: dict[str, Any]) -> list[Any]:
        """Decide what waits, these events included; return all decisions, oldest first."""
        if events:
            self.receive(*events)
        decide.drain(self.hub, until=time.monotonic() + 60)
        return self.decisions()

    def deliver(self) -> int:
        """Send what is due."""
        return deliver.drain(self.hub, until=time.monotonic() + 60)

    def remind(self) -> int:
        """Schedule the reminders that are due."""
        return remind.remind(self.hub, until=time.monotonic() + 60)

    def sweep(self) -> tuple[int, int]:
        """Take back what lost workers had in hand."""
        return self.hub.store.transact(lambda connection: leases.expire_leases(connection, self.clock()))

    def sync(self) -> int:
        """Push what is due to the targets, in a run of its own."""
        sync.start_now(self.hub)
        return sync.drain(self.hub, until=time.monotonic() + 60)

    def notify(self) -> int:
        """Tell listeners what is due."""
        return notify.drain(self.hub, until=time.monotonic() + 60)

    def forget(self) -> int:
        """Have connections forget whom they still have to."""
        return forget.forget_due(self.hub, until=time.monotonic() + 60)

    def rows(self, table: Any, *order: str) -> list[Any]:
        """Return a table's rows."""
        with self.hub.store.read() as connection:
            return list(connection.execute(select(table).order_by(*order)))

    def decisions(self) -> list[Any]:
        """Return the decisions, oldest first."""
        statement = select(tables.decision, tables.event.c.message_id).join(
            tables.event, tables.event.c.id == tables.decision.c.event_id
        )
        with self.hub.store.read() as connection:
            rows = list(connection.execute(statement))
        return sorted(rows, key=lambda row: (row.decided_at, len(row.message_id), row.message_id))

    def reasons(self) -> list[str]:
        """Return the reasons of the decisions, oldest first."""
        return [row.reason for row in self.decisions()]

    def events(self) -> dict[str, tuple[str, str | None]]:
        """Return outcome and reason of every event by its messageId."""
        return {row.message_id: (row.outcome, row.reason) for row in self.rows(tables.event)}

    def invitations(self) -> list[Any]:
        """Return the invitations by due time."""
        return self.rows(tables.invitation, "due_at", "id")

    def states(self) -> list[str]:
        """Return the states of the invitations by due time."""
        return [row.state for row in self.invitations()]

    def token(self, index: int = 0) -> str:
        """Return the token of an invitation's links."""
        return self.hub.keys.token_of(self.invitations()[index].id)

    def change(self, table: Any, **values: Any) -> None:
        """Set columns of every row of a table, as a tool of the test's own."""
        with self.hub.store.write() as connection:
            connection.execute(table.update().values(**values))


def survey_lines(**settings: Any) -> str:
    """Return settings of a survey as TOML; without any it is switched on, without a brake."""
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in {**USUAL, **settings}.items())


def settings_for(database_url: str, data_dir: Path) -> Settings:
    """Return the settings of a hub on this database."""
    return Settings(data_dir=data_dir, database_url=database_url, base_url="https://hub.example", secret_keys=(KEY,))


def open_lab(database_url: str, data_dir: Path, plugins: Plugins | None = None) -> Lab:
    """Return a lab on an empty database, or on one that has its schema."""
    settings = settings_for(database_url, data_dir)
    make_schema(database_url, data_dir)
    clock, office, crm, ears = Clock(), PostOffice(), Crm(), Ears()
    hub = open_hub(settings, plugins=plugins or fake_plugins(office, crm, ears), now=clock)
    return Lab(hub=hub, clock=clock, office=office, crm=crm, ears=ears)


def make_schema(database_url: str, data_dir: Path) -> None:
    """Give a database the schema of this version unless it has it."""
    store = Store(settings_for(database_url, data_dir), pool_size=1)
    if not migrate.is_current(store):
        migrate.upgrade(store)
    store.dispose()


def identify(user: str = "u1", **traits: Any) -> dict[str, Any]:
    """Return an identify of a customer with an address."""
    return {"user_id": user, "traits": {"email": f"{user}@acme.example", **traits}}
