"""The audit log: whatever people change is in it, with who did it, and without secrets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from hub.admin import audit
from hub.admin.access import tokens
from hub.admin.access.tokens import Scope
from hub.admin.audit import WORDS, Action, Wanted
from hub.admin.configuration import connections, credentials, surveys
from hub.admin.mails import invitations, queue
from hub.admin.operations import restore, syncs, trials
from hub.admin.paging import Slice
from hub.admin.people import people, people_import, person_export, suppressions
from hub.admin.records import Record
from hub.admin.responses import parked
from hub.domain.reasons import Stop
from hub.domain.states import State
from hub.store import holds, tables
from hub.store.configuration import Role
from tests.clock import NOW
from tests.lab import SETUP, Lab, identify


@pytest.fixture
def quiet(lab: Lab) -> Lab:
    """A lab whose audit log is empty, with one invitation that waits."""
    lab.set(min_delay_days=3)
    lab.decide(identify(createdAt=NOW.isoformat()))
    with lab.hub.store.write() as connection:
        connection.execute(tables.audit.delete())
    return lab


def entries(lab: Lab, **wanted: Any) -> list[tuple[str, str, str, Any]]:
    page = audit.entries(lab.hub, Wanted(**wanted), Slice(limit=100))
    return [(one.who, one.action, one.subject, one.detail) for one in page.items]


def invitation(lab: Lab) -> str:
    return str(lab.invitations()[0].id)


def person(lab: Lab) -> str:
    return str(lab.rows(tables.person)[0].id)


def hold(lab: Lab) -> None:
    lab.change(tables.invitation, state=State.HELD)


def suppressed(lab: Lab) -> str:
    return suppressions.add(lab.hub, "eve@acme.example", Stop.COMPLAINED)[0].id


def release(lab: Lab) -> None:
    hold(lab)
    queue.release(lab.hub, "onboarding")


def cancel(lab: Lab) -> None:
    hold(lab)
    queue.cancel(lab.hub, "onboarding")


def resume_sending(lab: Lab) -> None:
    with lab.hub.store.write() as connection:
        holds.begin(connection, backup_made_at=NOW, now=NOW)
    restore.resume(lab.hub, NOW)


def unsuppress(lab: Lab) -> None:
    suppressions.remove(lab.hub, suppressed(lab))


def revoke(lab: Lab) -> None:
    tokens.add(lab.hub, "crm", [Scope.READ])
    tokens.revoke(lab.hub, "crm")


def import_addresses(lab: Lab) -> None:
    rows = [Record(line=number, values={"email": email}) for number, email in enumerate(["u7@acme.example", "no"])]
    suppressions.import_records(lab.hub, rows, reason=Stop.UNSUBSCRIBED)


def import_people(lab: Lab) -> None:
    people_import.import_people(lab.hub, "product", [Record(line=1, values={"userId": "u9"})], receive=lambda *_: None)


CHANGES: list[tuple[Callable[[Lab], object], Action, str, Any]] = [
    (
        lambda lab: lab.set(min_delay_days=5),
        Action.CONFIGURATION_CHANGED,
        "surveys.onboarding",
        {"changes": ["~ surveys.onboarding.min_delay_days: 3 -> 5"]},
    ),
    (lambda lab: surveys.switch(lab.hub, "onboarding", on=False), Action.SURVEY_OFF, "surveys.onboarding", {}),
    (lambda lab: surveys.switch(lab.hub, "onboarding", on=True), Action.SURVEY_ON, "surveys.onboarding", {}),
    (release, Action.HELD_RELEASED, "surveys.onboarding", {"count": 1}),
    (cancel, Action.HELD_CANCELLED, "surveys.onboarding", {"count": 1}),
    (
        lambda lab: invitations.act(lab.hub, invitation(lab), invitations.Action.SEND_NOW),
        Action.INVITATION_SEND_NOW,
        "INVITATION",
        {"before": "scheduled"},
    ),
    (suppressed, Action.SUPPRESSION_ADDED, "SUPPRESSION", {"reason": "complained"}),
    (unsuppress, Action.SUPPRESSION_REMOVED, "SUPPRESSION", {"reason": "complained"}),
    (
        import_addresses,
        Action.SUPPRESSIONS_IMPORTED,
        "suppressions",
        {"added": 1, "known": 0, "refused": 1},
    ),
    (import_people, Action.PEOPLE_IMPORTED, "sources.product", {"accepted": 1, "refused": 0}),
    (
        lambda lab: connections.resume(lab.hub, Role.CHANNEL, "relay"),
        Action.CONNECTION_RESUMED,
        "channels.relay",
        {},
    ),
    (lambda lab: parked.retry(lab.hub, target="crm"), Action.PARKED_RETRIED, "targets.crm", {"count": 0}),
    (lambda lab: parked.retry(lab.hub), Action.PARKED_RETRIED, "targets", {"count": 0}),
    (lambda lab: syncs.start_now(lab.hub), Action.SYNC_STARTED, "targets.crm", {}),
    (
        resume_sending,
        Action.SENDING_RESUMED,
        "sending",
        {"stopped_at": "2026-03-11T09:30:00Z", "unknown": 0},
    ),
    (
        lambda lab: trials.check(lab.hub, Role.TARGET, "crm"),
        Action.CONNECTION_CHECKED,
        "targets.crm",
        {"ok": True, "edited": False},
    ),
    (
        lambda lab: trials.check_edited(lab.hub, Role.TARGET, "new", {"kind": "fake"}),
        Action.CONNECTION_CHECKED,
        "targets.new",
        {"ok": True, "edited": True},
    ),
    (
        lambda lab: trials.send_test(lab.hub, "relay", "me@acme.example"),
        Action.TEST_MAIL_SENT,
        "channels.relay",
        {"to": "me@acme.example", "outcome": "sent", "edited": False},
    ),
    (
        lambda lab: credentials.reveal(lab.hub, Role.SOURCE, "product"),
        Action.SECRETS_SHOWN,
        "sources.product",
        {"secrets": ["api_key"]},
    ),
    (lambda lab: list(suppressions.export_csv(lab.hub)), Action.EXPORTED, "suppressions", {}),
    (lambda lab: list(suppressions.export_json(lab.hub)), Action.EXPORTED, "suppressions", {}),
    (lambda lab: person_export.export_person(lab.hub, person(lab)), Action.EXPORTED, "PERSON", {}),
    (
        lambda lab: tokens.add(lab.hub, "crm", [Scope.WRITE, Scope.READ]),
        Action.TOKEN_ADDED,
        "crm",
        {"scopes": ["read", "write"]},
    ),
    (revoke, Action.TOKEN_REVOKED, "crm", {}),
]


@pytest.mark.parametrize(("change", "action", "subject", "detail"), CHANGES, ids=[str(one[1]) for one in CHANGES])
def test_a_change_is_noted_with_who_and_what(
    quiet: Lab, change: Callable[[Lab], object], action: Action, subject: str, detail: Any
) -> None:
    known = {
        "INVITATION": invitation(quiet),
        "SUPPRESSION": suppressions.id_of("eve@acme.example"),
        "PERSON": person(quiet),
    }
    with audit.acting_as("ben"):
        change(quiet)
    assert entries(quiet, action=action) == [("ben", action, known.get(subject, subject), detail)]


def test_erasing_is_noted_without_whom_it_was_about(quiet: Lab) -> None:
    erased = person(quiet)
    with audit.acting_as("ben"):
        people.erase(quiet.hub, "u1@acme.example")
    ((who, action, subject, detail),) = entries(quiet)
    assert (who, action, subject) == ("ben", Action.PERSON_ERASED, erased)
    assert detail["deleted"]["people"] == 1
    assert "u1" not in str([row._mapping for row in quiet.rows(tables.audit)])


def test_what_changes_nothing_or_fails_is_not_noted(quiet: Lab) -> None:
    quiet.set(min_delay_days=3)
    suppressions.add(quiet.hub, "eve@acme.example", Stop.COMPLAINED)
    before = entries(quiet)
    suppressions.add(quiet.hub, "eve@acme.example", Stop.COMPLAINED)
    with pytest.raises(Exception, match="no invitation"):
        invitations.act(quiet.hub, "f" * 28, invitations.Action.HOLD)
    with pytest.raises(Exception, match="possible while"):
        invitations.act(quiet.hub, invitation(quiet), invitations.Action.ARRIVED)
    with pytest.raises(Exception, match="no token"):
        tokens.revoke(quiet.hub, "crm")
    assert entries(quiet) == before
    assert len(before) == 1


def test_no_secret_of_a_connection_and_no_token_is_noted(quiet: Lab) -> None:
    quiet.configure(
        SETUP.replace('[channels.relay]\nkind = "fake"', '[channels.relay]\nkind = "fake"\npassword = "canary"')
    )
    token = tokens.add(quiet.hub, "crm", [Scope.READ])
    said = str([row._mapping for row in quiet.rows(tables.audit)])
    assert "password" in said
    assert "canary" not in said
    assert token not in said


def test_a_change_of_several_things_is_one_of_the_configuration(quiet: Lab) -> None:
    quiet.configure("")
    assert [(action, subject) for _, action, subject, _ in entries(quiet)] == [
        (Action.CONFIGURATION_CHANGED, "configuration")
    ]


def test_who_acts_is_said_for_a_context_and_forgotten_after_it(quiet: Lab) -> None:
    with audit.acting_as("ada"):
        with audit.acting_as("ben"):
            tokens.add(quiet.hub, "by-ben", [Scope.READ])
        tokens.add(quiet.hub, "by-ada", [Scope.READ])
    tokens.add(quiet.hub, "by-nobody", [Scope.READ])
    assert {subject: who for who, _, subject, _ in entries(quiet)} == {
        "by-ben": "ben",
        "by-ada": "ada",
        "by-nobody": "the hub",
    }


def test_entries_come_a_page_at_a_time_the_newest_first_by_what_is_wanted(quiet: Lab) -> None:
    for number in range(7):
        with audit.acting_as("ada" if number % 2 else "ben"):
            tokens.add(quiet.hub, f"t{number}", [Scope.READ])
        quiet.clock.advance(timedelta(minutes=1))
    seen, cursor = [], None
    while True:
        page = audit.entries(quiet.hub, Wanted(), Slice(limit=3, cursor=cursor))
        seen += [one.subject for one in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == [f"t{number}" for number in reversed(range(7))]
    assert [subject for _, _, subject, _ in entries(quiet, who="ada")] == ["t5", "t3", "t1"]
    assert [subject for _, _, subject, _ in entries(quiet, subject="t2")] == ["t2"]
    within = {"since": NOW + timedelta(minutes=2), "until": NOW + timedelta(minutes=4)}
    assert [subject for _, _, subject, _ in entries(quiet, **within)] == ["t3", "t2"]
    assert entries(quiet, action=Action.TOKEN_REVOKED) == []


def test_every_action_of_an_invitation_has_its_own_and_all_have_words() -> None:
    assert {f"invitation.{one}" for one in invitations.Action} <= set(Action)
    assert set(WORDS) == set(Action)
