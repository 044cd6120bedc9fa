"""The queue in the console: what leaves when, what is held, what nobody can know."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape

import pytest

from hub.admin.counts import Count
from hub.admin.mails import forecast
from hub.admin.mails.forecast import outlook
from hub.domain.states import State
from hub.store import tables
from tests.console.browsing import Visitor, visitor_of
from tests.lab import SETUP, Lab, identify, survey_lines


@pytest.fixture
def visitor(lab: Lab) -> Iterator[Visitor]:
    with visitor_of(lab.hub) as visitor:
        yield visitor


def schedule(lab: Lab, *users: str) -> list[str]:
    """Schedule a mail to each, an hour after the other, the first due in three days; return their ids in order."""
    lab.set(min_delay_days=3)
    for number, user in enumerate(users):
        lab.decide(identify(user, createdAt=(lab.clock.moment + timedelta(hours=number)).isoformat()))
    return [row.id for row in lab.invitations()]


def revision_of(lab: Lab, id: str) -> int:
    """Return where an invitation stands."""
    return next(int(row.revision) for row in lab.invitations() if row.id == id)


def hold_by_brake(lab: Lab, *users: str) -> None:
    """Have the surge brake hold the mails to these."""
    table = tables.invitation
    theirs = table.c.mailbox.in_([f"{user}@acme.example" for user in users])
    with lab.hub.store.write() as connection:
        connection.execute(table.update().where(theirs).values(state="held", reason="surge"))


def action_of(page: str, path: str) -> str:
    """Return the address of the form whose address begins with this path."""
    found = re.search(rf'action="({path}[^"]*)"', page)
    assert found is not None
    return unescape(found[1])


def test_what_leaves_next_is_listed_soonest_first(lab: Lab, visitor: Visitor) -> None:
    schedule(lab, "ada", "bob", "eve")
    page = visitor.get("/queue").text
    places = [page.index(f">{user}@<wbr>acme.example</a>") for user in ("ada", "bob", "eve")]
    assert places == sorted(places)


def test_queue_is_turned_a_page_at_a_time(lab: Lab, visitor: Visitor) -> None:
    lab.decide(*[identify(f"u{number}") for number in range(60)])
    first = visitor.get("/queue")
    second = visitor.get(visitor.next_of(first))
    assert [page.text.count('name="revision"') for page in (first, second)] == [50, 10]


def test_queue_shows_the_survey_and_state_that_are_asked_for(lab: Lab, visitor: Visitor) -> None:
    lab.configure(SETUP + survey_lines() + '[surveys.second]\nsources = ["product"]\n' + survey_lines())
    lab.decide(identify("ada"))
    waits = [
        ">ada@<wbr>acme.example</a>" in visitor.get("/queue", survey=survey, state=state).text
        for survey, state in [("onboarding", ""), ("second", "scheduled"), ("second", "held")]
    ]
    assert waits == [True, True, False]


@pytest.mark.parametrize(
    ("query", "status", "sentence"),
    [
        ({"state": "gone"}, 422, "state: gone is none of scheduled, held"),
        ({"survey": "onbording"}, 404, "did you mean onboarding?"),
        ({"cursor": "x"}, 422, "cursor: is none that this list gave"),
    ],
)
def test_filter_that_makes_no_sense_is_named(
    visitor: Visitor, query: dict[str, str], status: int, sentence: str
) -> None:
    page = visitor.get("/queue", **query)
    assert page.status_code == status
    assert sentence in page.text


def test_empty_queue_says_how_it_fills(visitor: Visitor) -> None:
    assert "Nothing waits to leave" in visitor.get("/queue").text
    assert "None stands there" in visitor.get("/queue", state="held").text


@pytest.mark.parametrize(
    ("state", "action", "expected", "sentence"),
    [
        ("scheduled", "hold", "held", "is held until you release or cancel it"),
        ("scheduled", "send-now", "scheduled", "is due now"),
        ("held", "release", "scheduled", "is released"),
        ("queued", "cancel", "cancelled", "is cancelled"),
        ("unknown", "arrived", "sent", "arrived. It counts as sent"),
        ("unknown", "never-left", "cancelled", "never left. It does not count as sent"),
    ],
)
def test_every_button_does_what_it_says(
    lab: Lab, visitor: Visitor, state: str, action: str, expected: str, sentence: str
) -> None:
    [id] = schedule(lab, "ada")
    lab.change(tables.invitation, state=state)
    assert f'formaction="/queue/{id}/{action}' in visitor.get("/queue", state=state).text
    page = visitor.post(f"/queue/{id}/{action}", revision=revision_of(lab, id))
    assert sentence in page.text
    assert lab.states() == [expected]


def test_what_waits_for_a_person_is_said_first(lab: Lab, visitor: Visitor) -> None:
    ids = schedule(lab, "ada", "bob", "eve", "kim")
    table = tables.invitation
    with lab.hub.store.write() as connection:
        for id, state in zip(ids, ("unknown", "held", "held", "scheduled"), strict=True):
            connection.execute(table.update().where(table.c.id == id).values(state=state))
    page = visitor.get("/queue").text
    assert "Nobody can know whether 1 mail left.</strong> It counts as sent until you say that it did not." in page
    assert '<a class="button quiet small" href="/queue?state=unknown">Decide</a>' in page
    assert "2 mails are held.</strong> They wait until you release or cancel them." in page
    assert '<a class="button quiet small" href="/queue?state=held">Look at them</a>' in page
    assert ">Look at them</a>" not in visitor.get("/queue", state="held").text
    assert ">Decide</a>" not in visitor_of(lab.hub, "viewer").get("/queue").text


def test_what_the_brake_holds_is_said_once(lab: Lab, visitor: Visitor) -> None:
    schedule(lab, "ada")
    lab.change(tables.invitation, state="held", reason="surge")
    page = visitor.get("/queue").text
    assert ("The surge brake holds" in page, "1 mail is held." in page) == (True, False)


def test_what_is_sent_now_is_due_at_once(lab: Lab, visitor: Visitor) -> None:
    [id] = schedule(lab, "ada")
    visitor.post(f"/queue/{id}/send-now", revision=revision_of(lab, id))
    assert lab.deliver() == 1


def test_what_waits_for_the_hours_of_its_survey_says_so(lab: Lab, visitor: Visitor) -> None:
    lab.set(send_from="22:00")
    lab.decide(identify("ada"))
    sentence = "Waits for Wednesday, 11 Mar, 22:00 (UTC)."
    assert sentence in visitor.get("/queue").text
    page = visitor.get(f"/queue/{lab.invitations()[0].id}").text
    assert sentence in page
    assert "Send now does not wait for the days and hours" in page


def test_a_reminder_is_called_one_and_leads_to_its_mail(lab: Lab) -> None:
    lab.set(reminders=1)
    lab.remind()
    lab.decide(identify("ada"))
    lab.deliver()
    lab.clock.advance(timedelta(days=7))
    lab.remind()
    first, reminder = lab.invitations()
    visitor = visitor_of(lab.hub)
    assert "onboarding, a reminder" in visitor.get("/queue").text
    page = visitor.get(f"/queue/{reminder.id}").text
    assert "Reminder of onboarding to ada@acme.example" in page
    assert f'<a href="/queue/{first.id}">the mail before</a>' in page


def test_button_on_an_old_page_does_nothing(lab: Lab, visitor: Visitor) -> None:
    [id] = schedule(lab, "ada")
    visitor.post(f"/queue/{id}/hold", revision=0)
    page = visitor.post(f"/queue/{id}/cancel", revision=0)
    assert "The invitation changed since revision 0: it is held now." in page.text
    assert lab.states() == ["held"]


def test_button_leads_back_to_the_list_as_it_was(lab: Lab, visitor: Visitor) -> None:
    [id] = schedule(lab, "ada")
    listed = visitor.client.post(f"/queue/{id}/hold?survey=onboarding&state=scheduled&_external=1&endpoint=x")
    assert listed.location == "/queue?survey=onboarding&state=scheduled"
    alone = visitor.client.post(f"/queue/{id}/release", data={"from": "invitation"})
    assert alone.location == f"/queue/{id}"


def test_mail_that_a_worker_has_in_hand_has_no_buttons(lab: Lab, visitor: Visitor) -> None:
    schedule(lab, "ada")
    lab.change(tables.invitation, state="sending")
    page = visitor.get("/queue", state="sending").text
    assert ">ada@<wbr>acme.example</a>" in page
    assert "formaction" not in page


def test_surge_is_told_with_its_numbers_and_released(lab: Lab, visitor: Visitor) -> None:
    schedule(lab, "ada", "bob")
    lab.change(tables.invitation, state="held", reason="surge")
    page = visitor.get("/queue").text
    assert "The surge brake holds surveys of onboarding." in page
    assert "more than 500 fall due within one hour, and over 10 times as many" in page
    assert ("Release 2 surveys" in page, "Cancel 2 surveys" in page) == (True, True)
    assert "held by a person" not in page
    assert "Released 2 surveys" in visitor.post("/queue/held/onboarding/release").text
    assert lab.deliver() == 2


@pytest.mark.parametrize(
    ("page", "form", "after"),
    [("/queue", {}, "scheduled"), ("/queue/held/onboarding/cancel", {"confirm": "onboarding"}, "cancelled")],
)
def test_what_the_brake_held_since_the_page_was_made_stays_held(
    lab: Lab, visitor: Visitor, page: str, form: dict[str, str], after: str
) -> None:
    schedule(lab, "ada", "bob")
    lab.change(tables.invitation, state="held", reason="surge")
    button = action_of(visitor.get(page).text, "/queue/held/onboarding/")
    schedule(lab, "eve")
    hold_by_brake(lab, "eve")
    assert "2 surveys" in visitor.post(button, **form).text
    stand = {row.mailbox.partition("@")[0]: row.state for row in lab.invitations()}
    assert stand == {"ada": after, "bob": after, "eve": "held"}


def test_what_came_under_the_brake_among_what_was_seen_is_looked_at_first(lab: Lab, visitor: Visitor) -> None:
    schedule(lab, "ada", "bob", "eve")
    hold_by_brake(lab, "ada", "eve")
    button = action_of(visitor.get("/queue").text, "/queue/held/onboarding/release")
    hold_by_brake(lab, "bob")
    page = visitor.post(button).text
    assert "3 are held by now, where 2 were when you looked; look again" in page
    assert lab.states() == ["held"] * 3
    assert "Release 3 surveys" in page


def test_surge_is_cancelled_with_what_people_held(lab: Lab, visitor: Visitor) -> None:
    first, _ = schedule(lab, "ada", "bob")
    visitor.post(f"/queue/{first}/hold")
    with lab.hub.store.write() as connection:
        table = tables.invitation
        connection.execute(table.update().where(table.c.id != first).values(state="held", reason="surge"))
    assert "Some of them were held by a person" in visitor.get("/queue").text
    asked = visitor.get("/queue/held/onboarding/cancel").text
    assert "2 are cancelled, whatever held them" in asked
    assert "Type onboarding, the name of the survey." in visitor.post("/queue/held/onboarding/cancel").text
    assert lab.states() == ["held", "held"]
    assert "Cancelled 2 surveys" in visitor.post("/queue/held/onboarding/cancel", confirm="onboarding").text
    assert lab.states() == ["cancelled", "cancelled"]


def test_nothing_is_asked_about_a_surge_that_is_over(visitor: Visitor) -> None:
    page = visitor.client.get("/queue/held/onboarding/cancel", follow_redirects=True).text
    assert "Nothing of onboarding is held by the surge brake any more." in page


def test_what_people_hold_is_no_surge(lab: Lab, visitor: Visitor) -> None:
    [id] = schedule(lab, "ada")
    visitor.post(f"/queue/{id}/hold")
    assert "surge brake" not in visitor.get("/queue").text


def test_one_invitation_shows_its_attempts(lab: Lab) -> None:
    [id] = schedule(lab, "ada")
    lab.clock.advance(timedelta(days=3))
    lab.deliver()
    page = visitor_of(lab.hub).get(f"/queue/{id}").text
    assert "onboarding to ada@acme.example" in page
    assert page.partition("Attempts and reports")[2].count("<li") == 1


def test_unknown_one_asks_whether_it_arrived(lab: Lab, visitor: Visitor) -> None:
    [id] = schedule(lab, "ada")
    lab.change(tables.invitation, state="unknown", sent_at=lab.clock.moment)
    page = visitor.get(f"/queue/{id}").text
    assert "Nobody can know whether this mail left." in page
    assert ("It arrived" in page, "It did not" in page) == (True, True)


@pytest.mark.parametrize("path", ["/queue/nobody", "/queue/%00"])
def test_invitation_that_is_not_there_is_said_to_be_missing(visitor: Visitor, path: str) -> None:
    assert visitor.get(path).status_code == 404


def test_days_ahead_count_what_leaves_on_each(lab: Lab) -> None:
    schedule(lab, "ada", "bob", "eve")
    first, second, third = lab.invitations()
    moments = [lab.clock.moment - timedelta(days=9), first.due_at, first.due_at + timedelta(days=30)]
    for row, moment in zip((first, second, third), moments, strict=True):
        with lab.hub.store.write() as connection:
            table = tables.invitation
            connection.execute(table.update().where(table.c.id == row.id).values(next_attempt_at=moment))
    found = outlook(lab.hub)
    assert [one.count.number for one in found.days] == [1, 0, 0, 1, *[0] * 10]
    assert found.first_later_at == moments[2]
    [standing] = found.standing
    assert {state: count.number for state, count in standing.counts.items() if count} == {State.SCHEDULED: 3}


def test_counts_stop_where_they_would_take_long(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    schedule(lab, "ada", "bob", "eve")
    monkeypatch.setattr(forecast, "MOST", 2)
    days = [one.count for one in outlook(lab.hub).days if one.count]
    assert days == [Count(number=2, is_more=True)]
    assert (str(days[0]), days[0].brief) == ("more than 2", "2+")


def test_viewer_sees_the_queue_and_changes_nothing(lab: Lab) -> None:
    [id] = schedule(lab, "ada")
    viewer = visitor_of(lab.hub, "viewer")
    page = viewer.get("/queue").text
    assert (">ada@<wbr>acme.example</a>" in page, "formaction" in page) == (True, False)
    for path in (f"/queue/{id}/hold", "/queue/held/onboarding/release", "/queue/held/onboarding/cancel"):
        assert viewer.post(path).status_code == 403
    assert lab.states() == ["scheduled"]
