"""What a worker makes of a process of its that died: the plugin that had it in its hands is named."""

from __future__ import annotations

import signal
from datetime import UTC, datetime

import pytest

from hub import containment
from hub.containment import Note, last_note, note_down, share_notes
from hub.store import tables
from hub.store.configuration import Role
from hub.work.deaths import report_death

FAR_AWAY = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _page(monkeypatch):
    monkeypatch.setattr(containment, "_page", None)
    share_notes()


@pytest.fixture
def in_hand(zoo):
    """A hub with a mail claimed by a process."""
    zoo.let_in_channel("honest")
    zoo.identify("ada")
    zoo.lab.change(tables.invitation, state="claimed", claim="of-the-dead", lease_until=FAR_AWAY)
    return zoo


def dies(zoo, status, doing="send"):
    note_down(Note(of=zoo.lab.id_of(Role.CHANNEL, "bad"), doing=doing, claim="of-the-dead"))
    report_death(zoo.lab.hub.settings, status)


@pytest.mark.parametrize(
    ("status", "how"),
    [
        (7 << 8, "exit code 7"),
        (signal.SIGSEGV, "SIGSEGV"),
        (None, "it took too long, and could not be stopped"),
    ],
)
def test_channel_that_ends_a_process_is_named_and_left_alone(in_hand, status, how):
    dies(in_hand, status)
    assert f"channels.bad: a worker died in its send ({how})" in in_hand.said()
    assert "channels.bad is left alone until" in in_hand.said()


def test_what_the_dead_had_in_hand_is_free_at_once(in_hand):
    dies(in_hand, 7 << 8)
    assert FAR_AWAY not in {row.lease_until for row in in_hand.lab.invitations()}


def test_process_killed_from_outside_is_no_proof_until_the_fifth_time(in_hand):
    for _ in range(4):
        dies(in_hand, signal.SIGKILL)
    assert "a worker died in its send (SIGKILL)" in in_hand.said()
    assert "is left alone" not in in_hand.said()
    dies(in_hand, signal.SIGKILL)
    assert "channels.bad is left alone until" in in_hand.said()


def test_channel_is_not_left_alone_for_what_it_does_in_erase(in_hand):
    dies(in_hand, 7 << 8, doing="erase")
    assert "channels.bad: a worker died in its erase" in in_hand.said()
    assert "is left alone" not in in_hand.said()


def test_death_in_nobodys_hands_accuses_nobody(in_hand):
    note_down(None)
    report_death(in_hand.lab.hub.settings, 7 << 8)
    assert "a worker died" not in in_hand.said()


def test_note_is_gone_once_a_call_is_over():
    containment.contained(lambda: None, of="someone", doing="read", within_s=5)
    assert last_note() is None
