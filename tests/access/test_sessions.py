"""Logging in, staying in, and who guesses."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Engine, event

from hub.admin import audit
from hub.admin.access import accounts, sessions
from hub.admin.access.accounts import Account, AccountRole
from hub.admin.access.sessions import Refused
from hub.admin.audit import Action
from hub.admin.paging import Slice
from hub.admin.trouble import NotThere
from hub.store import tables
from hub.store.keys import hash_key
from hub.work.jobs import JOBS
from hub.work.schedule import due_jobs
from tests.clock import NOW
from tests.lab import Lab

PASSWORD = "three green kettles"
WRONG = Refused(sentence="The name or the password is wrong.")


@pytest.fixture
def ada(lab: Lab) -> Account:
    return accounts.add(lab.hub, "ada", PASSWORD, AccountRole.ADMIN)


def entered(lab: Lab, user_agent: str = "") -> str:
    """Log ada in and return the secret."""
    secret = sessions.log_in(lab.hub, "Ada", PASSWORD, user_agent)
    assert isinstance(secret, str)
    return secret


def test_login_begins_a_new_session_each_time_and_keeps_only_hashes(lab: Lab, ada: Account) -> None:
    first, second = entered(lab), entered(lab, "A browser\x00" + "x" * 500)
    rows = {row.key_hash: row for row in lab.rows(tables.session)}
    assert set(rows) == {hash_key(first), hash_key(second)}
    assert rows[hash_key(second)].user_agent == "A browser\ufffd" + "x" * 190
    assert len(first) == 43
    found = sessions.account_of(lab.hub, first)
    assert found is not None
    assert (found.id, found.last_seen_at) == (ada.id, NOW)


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ada", "another password"),
        ("eve", PASSWORD),
        ("", ""),
        ("\x00", "\x00"),
        ("\ud800", "\ud800"),
        ("a b", PASSWORD),
    ],
)
def test_wrong_name_and_wrong_password_are_told_alike(lab: Lab, name: str, password: str) -> None:
    assert sessions.log_in(lab.hub, name, password) == WRONG
    assert lab.rows(tables.session) == []


@pytest.mark.parametrize("secret", ["", "x", "\x00", "\ud800", "a" * 43])
def test_secret_that_nobody_was_given_is_nobodys(lab: Lab, ada: Account, secret: str) -> None:
    entered(lab)
    assert sessions.account_of(lab.hub, secret) is None


@pytest.mark.usefixtures("ada")
def test_who_a_browser_belongs_to_is_one_query_within_a_minute(lab: Lab) -> None:
    secret = entered(lab)
    asked: list[str] = []
    event.listen(Engine, "before_cursor_execute", keep := lambda *said: asked.append(said[2]))
    try:
        sessions.account_of(lab.hub, secret)
    finally:
        event.remove(Engine, "before_cursor_execute", keep)
    assert [statement.split()[0] for statement in asked if statement != "BEGIN"] == ["SELECT"]


# How long a session lasts


@pytest.mark.usefixtures("ada")
def test_session_ends_after_a_day_without_use(lab: Lab) -> None:
    secret = entered(lab)
    lab.clock.advance(timedelta(hours=24) - timedelta(microseconds=1))
    assert sessions.account_of(lab.hub, secret)
    lab.clock.advance(timedelta(hours=24))
    assert sessions.account_of(lab.hub, secret) is None


@pytest.mark.usefixtures("ada")
def test_session_ends_after_thirty_days_however_much_it_is_used(lab: Lab) -> None:
    secret = entered(lab)
    for _ in range(59):
        lab.clock.advance(timedelta(hours=12))
        assert sessions.account_of(lab.hub, secret)
    lab.clock.advance(timedelta(hours=12))
    assert sessions.account_of(lab.hub, secret) is None


@pytest.mark.usefixtures("ada")
def test_use_is_noted_once_a_minute(lab: Lab) -> None:
    secret = entered(lab)
    seen = []
    for _ in range(4):
        lab.clock.advance(timedelta(seconds=25))
        sessions.account_of(lab.hub, secret)
        ((session,), (account,)) = lab.rows(tables.session), lab.rows(tables.account)
        assert session.seen_at == account.last_seen_at
        seen.append((session.seen_at - NOW).seconds)
    assert seen == [0, 0, 75, 75]


@pytest.mark.usefixtures("ada")
def test_sessions_that_ended_are_swept(lab: Lab) -> None:
    entered(lab)
    assert due_jobs(lab.hub) == []
    lab.clock.advance(timedelta(hours=24))
    assert due_jobs(lab.hub) == ["sweep"]
    kept = entered(lab)
    JOBS["sweep"](lab.hub)
    assert [row.key_hash for row in lab.rows(tables.session)] == [hash_key(kept)]
    assert due_jobs(lab.hub) == []


# Logging out


def test_log_out_ends_this_session_alone(lab: Lab, ada: Account) -> None:
    first, second = entered(lab), entered(lab)
    sessions.log_out(lab.hub, first)
    sessions.log_out(lab.hub, "of nobody")
    assert sessions.account_of(lab.hub, first) is None
    assert sessions.account_of(lab.hub, second) == accounts.account_named(lab.hub, ada.name)


def test_log_out_everywhere_ends_all_but_the_one_that_is_kept(lab: Lab, ada: Account) -> None:
    first, second, third = entered(lab), entered(lab), entered(lab)
    assert sessions.log_out_everywhere(lab.hub, ada, keep=second) == 2
    assert [sessions.account_of(lab.hub, one) is None for one in (first, second, third)] == [True, False, True]
    assert sessions.log_out_everywhere(lab.hub, ada) == 1


def test_own_sessions_are_seen_and_ended_one_by_one(lab: Lab, ada: Account) -> None:
    accounts.add(lab.hub, "ben", PASSWORD, AccountRole.VIEWER)
    bens = sessions.log_in(lab.hub, "ben", PASSWORD)
    phone = entered(lab, "A phone")
    lab.clock.advance(timedelta(minutes=1))
    here = entered(lab, "A laptop")
    seen = sessions.sessions_of(lab.hub, ada, current=here)
    assert [(one.user_agent, one.is_current) for one in seen] == [("A laptop", True), ("A phone", False)]
    sessions.end(lab.hub, ada, seen[1].id)
    assert sessions.account_of(lab.hub, phone) is None
    for strange in (seen[1].id, hash_key(str(bens))):
        with pytest.raises(NotThere):
            sessions.end(lab.hub, ada, strange)


# Guessing


def test_after_five_wrong_passwords_a_name_waits_and_is_told_until_when(lab: Lab, ada: Account) -> None:
    session = entered(lab)
    for _ in range(5):
        assert sessions.log_in(lab.hub, "ADA", "a wrong password") == WRONG
        lab.clock.advance(timedelta(minutes=1))
    refused = sessions.log_in(lab.hub, "ada", PASSWORD)
    assert refused == Refused(
        sentence="There were too many wrong passwords; try again from 09:45:00 UTC.",
        again_at=NOW + timedelta(minutes=15),
    )
    assert sessions.account_of(lab.hub, session), "who is in stays in"
    accounts.add(lab.hub, "ben", PASSWORD, AccountRole.VIEWER)
    assert isinstance(sessions.log_in(lab.hub, "ben", PASSWORD), str)
    lab.clock.advance(timedelta(minutes=10))
    assert isinstance(sessions.log_in(lab.hub, "ada", PASSWORD), str)


@pytest.mark.usefixtures("ada")
def test_unknown_name_waits_as_well(lab: Lab) -> None:
    found = [sessions.log_in(lab.hub, "nobody", "a wrong password") for _ in range(6)]
    assert [one == WRONG for one in found] == [True] * 5 + [False]
    assert "nobody" not in str([row._mapping for row in lab.rows(tables.wrong_login)])


@pytest.mark.usefixtures("ada")
def test_right_password_forgets_the_wrong_ones(lab: Lab) -> None:
    for _ in range(3):
        for _ in range(4):
            assert sessions.log_in(lab.hub, "ada", "a wrong password") == WRONG
        entered(lab)


@pytest.mark.usefixtures("ada")
def test_who_was_locked_out_may_try_at_once_with_a_new_password(lab: Lab) -> None:
    for _ in range(6):
        sessions.log_in(lab.hub, "ada", "a wrong password")
    accounts.set_password(lab.hub, "ada", "four yellow teapots")
    assert isinstance(sessions.log_in(lab.hub, "ada", "four yellow teapots"), str)


def test_guesses_of_many_names_have_an_end_and_keep_nobody_else_out(lab: Lab) -> None:
    accounts.add(lab.hub, "grace", PASSWORD, AccountRole.VIEWER)
    found = [sessions.log_in(lab.hub, f"name-{number}", "a wrong password") for number in range(50)]
    assert found == [WRONG] * 50
    refused = sessions.log_in(lab.hub, "name-7", "a wrong password")
    assert isinstance(refused, sessions.Refused)
    assert refused.again_at is not None
    assert isinstance(sessions.log_in(lab.hub, "grace", PASSWORD), str)
    lab.clock.advance(timedelta(minutes=15))
    assert sessions.log_in(lab.hub, "name-7", "a wrong password") == WRONG
    assert len(lab.rows(tables.wrong_login)) == 1


def test_a_name_or_password_without_end_costs_no_more_than_a_wrong_one(lab: Lab) -> None:
    endless = "\u0301\u0323" * 100_000
    assert sessions.log_in(lab.hub, endless, endless) == WRONG
    assert sessions.log_in(lab.hub, "ada", endless) == WRONG


@pytest.mark.usefixtures("ada")
def test_guesses_at_the_same_time_are_no_more_than_one_after_the_other(lab: Lab) -> None:
    found: list[str | Refused] = []
    at_once(8, lambda: found.append(sessions.log_in(lab.hub, "ada", "a wrong password")))
    assert sorted(one == WRONG for one in found) == [False] * 3 + [True] * 5


def at_once(number: int, work: Callable[[], object]) -> None:
    barrier = threading.Barrier(number)

    def run() -> None:
        barrier.wait()
        work()

    threads = [threading.Thread(target=run) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_logins_are_in_the_audit_log_with_names_that_are_known(lab: Lab, ada: Account) -> None:
    sessions.log_in(lab.hub, "ada", "a wrong password")
    sessions.log_in(lab.hub, "my password, in the wrong field", "")
    secret = entered(lab, "A browser")
    with audit.acting_as("ada"):
        sessions.log_out(lab.hub, secret)
        sessions.log_out_everywhere(lab.hub, ada)
    found = [
        (entry.who, entry.action, entry.subject, entry.detail)
        for entry in audit.entries(lab.hub, audit.Wanted(), Slice(limit=100)).items
        if entry.action in (Action.LOGGED_IN, Action.LOGGED_OUT, Action.LOGIN_REFUSED)
    ]
    assert sorted(found, key=str) == [
        ("ada", Action.LOGGED_IN, "ada", {"user_agent": "A browser"}),
        ("ada", Action.LOGGED_OUT, "ada", {"sessions": 0}),
        ("ada", Action.LOGGED_OUT, "ada", {}),
        ("the hub", Action.LOGIN_REFUSED, "ada", {}),
    ]
