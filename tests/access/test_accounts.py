"""Accounts: who may log in, and that somebody always can."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from hub.admin import audit
from hub.admin.access import accounts, passwords, sessions
from hub.admin.access.accounts import AccountRole
from hub.admin.access.sessions import Refused
from hub.admin.audit import Action
from hub.admin.paging import Slice
from hub.admin.trouble import Conflict, NotThere, by_field
from hub.config import ConfigError
from hub.store import tables
from tests.clock import NOW
from tests.lab import Lab

PASSWORD = "three green kettles"
OTHER = "four yellow teapots"


def test_account_is_added_with_a_case_folded_name(lab: Lab) -> None:
    made = accounts.add(lab.hub, "  Ada@Acme.example ", PASSWORD, AccountRole.EDITOR)
    assert (made.name, made.role, made.created_at) == ("ada@acme.example", AccountRole.EDITOR, NOW)
    assert accounts.account_named(lab.hub, "ADA@acme.EXAMPLE") == made
    assert accounts.accounts(lab.hub) == [made]


def test_of_a_password_only_its_hash_is_kept(lab: Lab) -> None:
    accounts.add(lab.hub, "ada", PASSWORD, AccountRole.ADMIN)
    (row,) = lab.rows(tables.account)
    assert PASSWORD not in str(row._mapping)
    assert passwords.fits(row.password_hash, PASSWORD)


def test_name_is_taken_once_however_it_is_written(lab: Lab) -> None:
    accounts.add(lab.hub, "straße", PASSWORD, AccountRole.ADMIN)
    with pytest.raises(Conflict) as refused:
        accounts.add(lab.hub, "STRASSE", PASSWORD, AccountRole.ADMIN)
    assert by_field(refused.value) == {"name": "There is an account 'strasse' already; choose another name."}


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("  ", "is missing; write a name or a mail address"),
        ("two words", "is a word or a mail address: no spaces, no colons"),
        ("api:token", "is a word or a mail address: no spaces, no colons"),
        ("nul\x00", "is a word or a mail address: no spaces, no colons"),
        ("half\ud800", "is a word or a mail address: no spaces, no colons"),
        ("a" * 255, "has 255 characters; 254 are the most"),
    ],
)
def test_all_that_is_wrong_is_said_beside_its_field(lab: Lab, name: str, problem: str) -> None:
    with pytest.raises(ConfigError) as refused:
        accounts.add(lab.hub, name, "short", AccountRole.ADMIN)
    assert by_field(refused.value) == {
        "name": f"{problem[0].upper()}{problem[1:]}.",
        "password": "Has 5 characters; use 12 or more, a few words for example.",
    }
    assert lab.rows(tables.account) == []


def test_roles_include_those_before_them() -> None:
    allowed = {role: [other for other in AccountRole if role.includes(other)] for role in AccountRole}
    assert allowed == {
        AccountRole.VIEWER: [AccountRole.VIEWER],
        AccountRole.EDITOR: [AccountRole.VIEWER, AccountRole.EDITOR],
        AccountRole.ADMIN: [AccountRole.VIEWER, AccountRole.EDITOR, AccountRole.ADMIN],
    }


def test_unknown_name_is_answered_with_the_one_that_may_have_been_meant(lab: Lab) -> None:
    accounts.add(lab.hub, "ada", PASSWORD, AccountRole.ADMIN)
    with pytest.raises(NotThere, match="did you mean ada"):
        accounts.set_role(lab.hub, "adda", AccountRole.VIEWER)


# The last admin


def demote(lab: Lab, name: str) -> object:
    return accounts.set_role(lab.hub, name, AccountRole.EDITOR)


def disable(lab: Lab, name: str) -> object:
    return accounts.disable(lab.hub, name)


def remove(lab: Lab, name: str) -> object:
    accounts.remove(lab.hub, name)
    return None


WAYS = [demote, disable, remove]


@pytest.mark.parametrize("way", WAYS)
def test_last_admin_stays_admin(lab: Lab, way: Callable[[Lab, str], object]) -> None:
    accounts.add(lab.hub, "ada", PASSWORD, AccountRole.ADMIN)
    accounts.add(lab.hub, "ben", PASSWORD, AccountRole.ADMIN)
    accounts.add(lab.hub, "eve", PASSWORD, AccountRole.EDITOR)
    accounts.disable(lab.hub, "ben")
    before = accounts.accounts(lab.hub)
    with pytest.raises(Conflict, match="ada is the last admin; make somebody else admin first"):
        way(lab, "ada")
    assert accounts.accounts(lab.hub) == before
    accounts.enable(lab.hub, "ben")
    way(lab, "ada")


@pytest.mark.parametrize("way", WAYS)
def test_of_two_admins_who_end_each_other_at_once_one_stays(lab: Lab, way: Callable[[Lab, str], object]) -> None:
    for name in ("ada", "ben"):
        accounts.add(lab.hub, name, PASSWORD, AccountRole.ADMIN)
    refused: list[Conflict] = []
    barrier = threading.Barrier(2)

    def end(name: str) -> None:
        barrier.wait()
        try:
            way(lab, name)
        except Conflict as conflict:
            refused.append(conflict)

    threads = [threading.Thread(target=end, args=(name,)) for name in ("ada", "ben")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    left = [one for one in accounts.accounts(lab.hub) if one.role is AccountRole.ADMIN and one.disabled_at is None]
    assert len(left) == 1


# What a change does to sessions


@pytest.fixture
def two(lab: Lab) -> tuple[str, str]:
    """The secrets of two sessions of ada, who is no last admin."""
    for name in ("ada", "ben"):
        accounts.add(lab.hub, name, PASSWORD, AccountRole.ADMIN)
    first, second = (sessions.log_in(lab.hub, "ada", PASSWORD) for _ in range(2))
    assert isinstance(first, str)
    assert isinstance(second, str)
    return first, second


def living(lab: Lab, secrets: tuple[str, str]) -> list[bool]:
    return [sessions.account_of(lab.hub, secret) is not None for secret in secrets]


def test_another_password_ends_all_sessions_but_the_one_it_was_set_in(lab: Lab, two: tuple[str, str]) -> None:
    accounts.change_password(lab.hub, "ada", PASSWORD, OTHER, keep=two[0])
    assert living(lab, two) == [True, False]
    accounts.set_password(lab.hub, "ada", PASSWORD)
    assert living(lab, two) == [False, False]


def test_another_role_ends_all_sessions_but_the_one_it_was_set_in(lab: Lab, two: tuple[str, str]) -> None:
    accounts.set_role(lab.hub, "ada", AccountRole.ADMIN)
    assert living(lab, two) == [True, True]
    accounts.set_role(lab.hub, "ada", AccountRole.EDITOR, keep=two[1])
    assert living(lab, two) == [False, True]


def test_who_is_disabled_or_removed_is_out_at_once(lab: Lab, two: tuple[str, str]) -> None:
    accounts.disable(lab.hub, "ada")
    assert living(lab, two) == [False, False]
    assert isinstance(sessions.log_in(lab.hub, "ada", PASSWORD), Refused)
    accounts.enable(lab.hub, "ada")
    back = sessions.log_in(lab.hub, "ada", PASSWORD)
    assert isinstance(back, str)
    accounts.remove(lab.hub, "ada")
    assert sessions.account_of(lab.hub, back) is None
    assert isinstance(sessions.log_in(lab.hub, "ada", PASSWORD), Refused)


def test_own_password_is_changed_by_whoever_knows_the_current_one(lab: Lab, two: tuple[str, str]) -> None:
    with pytest.raises(ConfigError) as refused:
        accounts.change_password(lab.hub, "ada", "not the password", OTHER)
    assert by_field(refused.value) == {"current": "Is not your password."}
    [entry] = audit.entries(lab.hub, audit.Wanted(action=Action.LOGIN_REFUSED), Slice()).items
    assert entry.subject == "ada"
    with pytest.raises(ConfigError) as refused:
        accounts.change_password(lab.hub, "ada", PASSWORD, "password1234")
    assert list(by_field(refused.value)) == ["password"]
    assert living(lab, two) == [True, True]


def test_the_current_password_is_not_guessed_in_a_session(lab: Lab, two: tuple[str, str]) -> None:
    for _ in range(5):
        with pytest.raises(ConfigError, match="is not your password"):
            accounts.change_password(lab.hub, "ada", "not the password", OTHER)
    with pytest.raises(Conflict, match="current: too many wrong passwords; try again from 09:45:00 UTC"):
        accounts.change_password(lab.hub, "ada", PASSWORD, OTHER)
    assert living(lab, two) == [True, True]


def test_every_change_of_an_account_is_in_the_audit_log_without_its_password(lab: Lab, two: tuple[str, str]) -> None:
    with audit.acting_as("ben"):
        accounts.set_password(lab.hub, "ada", OTHER)
        accounts.set_role(lab.hub, "ada", AccountRole.VIEWER)
        accounts.disable(lab.hub, "ada")
        accounts.enable(lab.hub, "ada")
        accounts.remove(lab.hub, "ada")
    page = audit.entries(lab.hub, audit.Wanted(who="ben", subject="ada"), Slice())
    assert {entry.action: entry.detail for entry in page.items} == {
        Action.ACCOUNT_PASSWORD: {},
        Action.ACCOUNT_ROLE: {"before": "admin", "after": "viewer"},
        Action.ACCOUNT_DISABLED: {},
        Action.ACCOUNT_ENABLED: {},
        Action.ACCOUNT_REMOVED: {"role": "viewer"},
    }
    said = str([row._mapping for row in lab.rows(tables.audit)])
    assert PASSWORD not in said
    assert OTHER not in said
    assert "scrypt" not in said
