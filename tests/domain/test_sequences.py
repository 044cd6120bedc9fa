"""Whatever the sequence of events: what must hold for every decision and every mail."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hub.domain.created_at import UNREADABLE, read_created_at
from hub.domain.identity import identities_of
from hub.domain.reasons import Outcome, Reason
from hub.domain.rechecks import recheck
from hub.domain.rules import Incoming, Ruling, decide
from hub.domain.settings import SurveyRules
from hub.domain.states import State
from hub.domain.world import Invitation, Person, Survey, World
from hub.mail.addresses import check_address
from tests.clock import NOW, days

EMAILS = [None, "a@acme.example", "A@Acme.example", "b@acme.example", "oops", ""]
INTERVAL = timedelta(weeks=26)
AGES = [None, -2.0, -0.5, 0, 1, 2.999, 3, 13.9, 14, 14.1, "soon"]

event = st.fixed_dictionaries(
    {
        "after": st.sampled_from([0, 0.5, 3, 90, 182, 200]),
        "user": st.sampled_from([None, "u1", "u2"]),
        "anonymous": st.sampled_from([None, "a1", "a2"]),
        "email": st.sampled_from(EMAILS),
        "age": st.sampled_from(AGES),
        "message": st.integers(0, 30),
        "late": st.sampled_from([0, 1, 3]),
    }
)


crowded = st.fixed_dictionaries(
    {
        "after": st.sampled_from([0, 0.5, 3, 90, 182, 200]),
        "user": st.sampled_from(["u1", "u2", None]),
        "anonymous": st.sampled_from([None, "a1"]),
        "email": st.sampled_from([None, "a@acme.example", "A@Acme.example", "b@acme.example"]),
        "age": st.sampled_from([0, 2.999, 13.9]),
        "message": st.integers(0, 1_000_000),
        "late": st.just(0),
    }
)
"""Nearly every event may have somebody asked."""


@dataclass
class Story:
    """A survey (3 to 14 days, 26 weeks) that looks at each invitation the moment it is due, and sends it or not."""

    survey: Survey = field(
        default_factory=lambda: Survey(
            id="s",
            name="s",
            rules=SurveyRules(min_delay_days=3, max_delay_days=14, surge_brake=False),
            enabled=True,
            sources=frozenset({"source"}),
        )
    )
    now: datetime = NOW
    sent: list[tuple[datetime, str, str]] = field(default_factory=list)
    """When a mail left, to which mailbox, to which person."""
    beside: list[tuple[datetime, list[datetime]]] = field(default_factory=list)
    """When something fell due as it was scheduled, and when what was sent or waited of its mailbox or person did."""
    rulings: list[tuple[datetime, Ruling]] = field(default_factory=list)

    def __post_init__(self) -> None:
        ids = iter(range(10_000))
        self.world = World(new_id=lambda: f"{next(ids):05}", check_address=check_address)
        self.placed: dict[str, Invitation] = {}
        self.people: dict[str, Person] = {}

    def tell(self, told: dict) -> None:
        self.now += days(told["after"])
        self.send_due()
        traits = {"email": told["email"]} if told["email"] is not None else {}
        if told["age"] is not None:
            age = told["age"]
            traits["createdAt"] = age if isinstance(age, str) else (self.now - days(age)).isoformat()
        user, anonymous = identities_of("", told["user"], told["anonymous"])
        incoming = Incoming(
            source="source",
            type="identify",
            message_id=f"m{told['message']}",
            user=user,
            anonymous=anonymous,
            traits=traits,
            timestamp=self.now - days(told["late"]),
            arrived_at=self.now,
        )
        ruling = decide(self.world, incoming, [self.survey], self.now)
        self.rulings.append((self.now, ruling))
        self.placed |= self.world.changed
        if ruling.person is not None:
            self.people[ruling.person.id] = ruling.person
        for decision in ruling.decisions:
            if decision.outcome is Outcome.SCHEDULED:
                self.note_what_is_beside(self.placed[decision.invitation_id])

    def note_what_is_beside(self, new: Invitation) -> None:
        others = [
            one.sent_at or one.due_at
            for one in self.placed.values()
            if one.id != new.id
            and (one.person_id == new.person_id or one.mailbox == new.mailbox)
            and one.state in {State.SCHEDULED, State.SENT}
        ]
        self.beside.append((new.due_at, others))

    def send_due(self) -> None:
        for one in sorted(self.placed.values(), key=lambda one: (one.due_at, one.id)):
            if one.state is State.SCHEDULED and one.due_at <= self.now:
                person = self.people[one.person_id]
                reason = recheck(self.world, self.survey, person, one, one.due_at)
                if reason is not None:
                    self.world.cancel(one, reason)
                    continue
                one.state, one.sent_at = State.SENT, one.due_at
                self.sent.append((one.due_at, str(person.mailbox), person.id))


def tell_all(events: list[dict]) -> Story:
    story = Story()
    for told in events:
        story.tell(told)
    story.now += days(400)
    story.send_due()
    return story


@given(st.lists(crowded, max_size=14))
def test_no_two_mails_to_a_mailbox_or_a_person_within_the_interval(events):
    story = tell_all(events)
    for whom in {whom for _, *both in story.sent for whom in both}:
        moments = sorted(at for at, *both in story.sent if whom in both)
        assert all(later - earlier >= INTERVAL for earlier, later in pairwise(moments))


@given(st.lists(crowded, max_size=14))
def test_nothing_is_scheduled_within_the_interval_of_a_mail_that_was_sent_or_waits(events):
    for due_at, others in tell_all(events).beside:
        assert all(due_at - other >= INTERVAL for other in others)


@given(st.lists(event, max_size=14))
def test_every_event_has_a_reason_and_every_survey_a_decision(events):
    for _, ruling in tell_all(events).rulings:
        assert (ruling.reason is None) == bool(ruling.decisions)
        for decision in ruling.decisions:
            assert decision.reason in Reason
            assert (decision.outcome is Outcome.SCHEDULED) == (decision.reason is Reason.SCHEDULED)


@given(st.lists(event, max_size=14))
def test_nobody_is_due_before_now_or_before_the_minimum_delay(events):
    for now, ruling in tell_all(events).rulings:
        for decision in ruling.decisions:
            if decision.outcome is not Outcome.SCHEDULED:
                continue
            assert decision.due_at >= now
            created_at = decision.inputs.get("created_at")
            if created_at is not None and created_at <= now:
                assert decision.due_at >= created_at + days(3)


@given(st.lists(event, max_size=14))
def test_nobody_beyond_the_maximum_is_scheduled(events):
    for now, ruling in tell_all(events).rulings:
        for decision in ruling.decisions:
            raw = ruling.person.profile.get("createdAt") if ruling.person else None
            created_at = read_created_at(raw.value) if raw else UNREADABLE
            if created_at is not UNREADABLE and now - created_at > days(14):
                assert decision.outcome is not Outcome.SCHEDULED


@given(st.lists(event, max_size=14))
def test_same_story_is_decided_the_same_again(events):
    first, second = tell_all(events), tell_all(events)
    assert [ruling.decisions for _, ruling in first.rulings] == [ruling.decisions for _, ruling in second.rulings]


@given(st.lists(event, max_size=14))
def test_nobody_has_two_waiting_invitations(events):
    story = Story()
    for told in events:
        story.tell(told)
        waiting = [one.person_id for one in story.placed.values() if one.state is State.SCHEDULED]
        assert len(waiting) == len(set(waiting))
