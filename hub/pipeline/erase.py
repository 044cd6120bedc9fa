"""Erase: a person is forgotten everywhere, and never mailed again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select, update

from hub.domain.identity import Identity, IdKind, fingerprint
from hub.domain.reasons import Stop
from hub.domain.traits import value_of
from hub.domain.world import Person
from hub.failpoints import failpoint
from hub.pipeline.forget import who_keep_something
from hub.pipeline.hub import Hub
from hub.plugin import Person as PluginPerson
from hub.store import forgettings, score_counts, tables, worlds
from hub.store.engine import lock_until_commit
from hub.store.sql import is_among, upsert


def erase_people(
    hub: Hub, identities: Collection[Identity], *, note: Callable[[Connection, Mapping[str, int]], None]
) -> dict[str, int]:
    """Forget the people with these ids; return how many rows of each kind were deleted.

    What stays: one-way fingerprints of their ids and mailboxes, so that they are never mailed again, and the bare
    messageIds of their events and of what was synced, so that copies and echoes of them are recognised. The caller
    holds the decider's lock, and has `forget_due` see to the connections once it holds it no more; `note` writes down,
    in the same transaction, that it was done.
    """
    keepers = who_keep_something(hub.registry.current())

    def work(connection: Connection) -> dict[str, int]:
        lock_until_commit(connection, "decide")
        counts = erase_within(connection, identities, keepers, hub.now())
        note(connection, counts)
        return counts

    counts = hub.store.transact(work)
    failpoint("erase.after_commit")
    return counts


def erase_within(
    connection: Connection, identities: Collection[Identity], keepers: Sequence[str], now: datetime
) -> dict[str, int]:
    """Forget the people with these ids in a transaction of the caller's; return the counts of `erase_people`.

    The connections `keepers` have to forget them as well: the caller lets `forget_due` see to that afterwards.
    """
    people = list(worlds.load_people(connection, worlds.person_ids(connection, identities)).values())
    ids = [person.id for person in people]
    counts: Counter[str] = Counter()
    invitations = _lock_invitations(connection, ids)
    _suppress(connection, people, identities, now)
    counts["events"] = connection.execute(
        update(tables.event)
        .where(is_among(connection, tables.event.c.person_id, ids))
        .values(person_id=None, payload=None, note=None)
    ).rowcount
    counts["sync entries"] = connection.execute(
        update(tables.outbox)
        .where(is_among(connection, tables.outbox.c.person_id, ids))
        .values(person_id="", response_id="", state="done", note=None, code=None, claim=None, lease_until=None)
    ).rowcount
    answers = connection.execute(
        select(*(tables.response.c[name] for name in _COUNTED)).where(
            is_among(connection, tables.response.c.person_id, ids)
        )
    ).all()
    responses = [one.id for one in answers]
    for name, table, column, values in (
        ("tags of answers", tables.response_tag, tables.response_tag.c.response_id, responses),
        ("answer versions", tables.response_version, tables.response_version.c.response_id, responses),
        ("answers", tables.response, tables.response.c.id, responses),
        ("openings of links", tables.opening, tables.opening.c.invitation_id, invitations),
        ("notices", tables.notice, tables.notice.c.invitation_id, invitations),
        ("delivery attempts", tables.attempt, tables.attempt.c.invitation_id, invitations),
        ("invitations", tables.invitation, tables.invitation.c.id, invitations),
        ("ids", tables.identity, tables.identity.c.person_id, ids),
        ("people", tables.person, tables.person.c.id, ids),
    ):
        counts[name] = connection.execute(delete(table).where(is_among(connection, column, values))).rowcount
    score_counts.take_out(connection, _counted(answers))
    forgettings.owe(connection, keepers, [_as_plugins_see(person) for person in people], now=now)
    return dict(counts)


# The id, then what `keys_of` takes.
_COUNTED = ("id", "survey_id", "rated_at", "score", "language", "segments", "ratings")


def _counted(answers: Iterable[Any]) -> Iterator[score_counts.Key]:
    for one in answers:
        yield from score_counts.keys_of(*one[1:])


def _lock_invitations(connection: Connection, person_ids: Collection[str]) -> Sequence[str]:
    """Return people's invitations, locked: an answer or an outcome in this very moment is waited for, then erased."""
    table = tables.invitation
    statement = select(table.c.id).where(is_among(connection, table.c.person_id, person_ids)).with_for_update()
    return connection.scalars(statement).all()


def _suppress(
    connection: Connection, people: Collection[Person], identities: Collection[Identity], now: datetime
) -> None:
    keys = {(i.kind.value, fingerprint(i.kind, i.namespace, i.value)) for i in identities}
    mailboxes = set(
        connection.scalars(
            select(tables.invitation.c.mailbox).where(
                is_among(connection, tables.invitation.c.person_id, [person.id for person in people])
            )
        )
    )
    mailboxes |= worlds.mailboxes_of(connection, [person.id for person in people])
    for person in people:
        keys |= {(i.kind.value, fingerprint(i.kind, i.namespace, i.value)) for i in person.identities}
    keys |= {("mailbox", fingerprint("mailbox", mailbox)) for mailbox in mailboxes}
    table = tables.suppression
    connection.execute(delete(table).where(is_among(connection, table.c.mailbox, mailboxes)))
    rows = [
        {"key": key, "subject": subject, "mailbox": None, "reason": Stop.ERASED, "created_at": now, "note": None}
        for subject, key in sorted(keys)
    ]
    upsert(connection, table, rows, update=["reason", "mailbox", "note"])


def _as_plugins_see(person: Person) -> PluginPerson:
    users = [identity.value for identity in person.identities if identity.kind is IdKind.USER]
    anonymous = tuple(identity.value for identity in person.identities if identity.kind is IdKind.ANONYMOUS)
    email = value_of(person.profile, "email")
    return PluginPerson(
        user_id=users[0] if users else None, anonymous_ids=anonymous, email=email if isinstance(email, str) else None
    )
