"""The first run: one link, one first admin."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from hub.admin import audit
from hub.admin.access import accounts, setup
from hub.admin.access.accounts import Account, AccountRole
from hub.admin.audit import Action
from hub.admin.paging import Slice
from hub.admin.trouble import NotThere, by_field
from hub.config import ConfigError
from hub.store import tables
from tests.lab import Lab

PASSWORD = "three green kettles"


def offered(lab: Lab) -> str:
    """Return the secret of a new link."""
    link = setup.offer(lab.hub)
    assert link is not None
    address, _, secret = link.rpartition("/")
    assert address == "https://hub.example/setup"
    return secret


def test_link_makes_the_first_admin_and_is_dead_afterwards(lab: Lab) -> None:
    secret = offered(lab)
    assert setup.is_needed(lab.hub)
    assert setup.is_open(lab.hub, secret)
    made = setup.take(lab.hub, secret, "Ada@acme.example", PASSWORD)
    assert (made.name, made.role) == ("ada@acme.example", AccountRole.ADMIN)
    assert not setup.is_needed(lab.hub)
    assert not setup.is_open(lab.hub, secret)
    with pytest.raises(NotThere, match="used up"):
        setup.take(lab.hub, secret, "eve", PASSWORD)
    assert setup.offer(lab.hub) is None
    (entry,) = audit.entries(lab.hub, audit.Wanted(action=Action.ACCOUNT_ADDED), Slice()).items
    assert (entry.who, entry.subject, entry.detail) == ("ada@acme.example", "ada@acme.example", {"role": "admin"})


def test_of_a_link_only_its_hash_is_kept(lab: Lab) -> None:
    secret = offered(lab)
    assert secret not in str([row._mapping for row in lab.rows(tables.setting)])


def test_link_lasts_a_day_and_the_next_start_makes_another(lab: Lab) -> None:
    secret = offered(lab)
    lab.clock.advance(timedelta(hours=24) - timedelta(microseconds=1))
    assert setup.is_open(lab.hub, secret)
    lab.clock.advance(timedelta(microseconds=1))
    assert not setup.is_open(lab.hub, secret)
    newest = offered(lab)
    last = offered(lab)
    assert [setup.is_open(lab.hub, one) for one in (secret, newest, last, "x", "\ud800")] == [False] * 2 + [True] + [
        False
    ] * 2


def test_bad_name_and_password_leave_the_link_as_it_was(lab: Lab) -> None:
    secret = offered(lab)
    with pytest.raises(ConfigError) as refused:
        setup.take(lab.hub, secret, "", "password1234")
    assert set(by_field(refused.value)) == {"name", "password"}
    assert setup.is_open(lab.hub, secret)


def test_account_of_the_command_line_makes_the_link_dead(lab: Lab) -> None:
    secret = offered(lab)
    accounts.add(lab.hub, "ada", PASSWORD, AccountRole.ADMIN)
    assert not setup.is_open(lab.hub, secret)


def test_of_two_browsers_at_once_one_comes_too_late(lab: Lab) -> None:
    secret = offered(lab)
    made: list[Account] = []
    late: list[NotThere] = []
    barrier = threading.Barrier(2)

    def take(name: str) -> None:
        barrier.wait()
        try:
            made.append(setup.take(lab.hub, secret, name, PASSWORD))
        except NotThere as error:
            late.append(error)

    threads = [threading.Thread(target=take, args=(name,)) for name in ("ada", "eve")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(made), len(late)) == (1, 1)
    assert accounts.accounts(lab.hub) == made
