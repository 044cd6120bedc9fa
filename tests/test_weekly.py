"""The weekly report by mail: when it goes out, what stands in it, and that nobody gets it twice."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hub.admin.audit import Action, Wanted, entries
from hub.admin.configuration import apply as applying
from hub.admin.configuration import connections, planning, weekly
from hub.admin.operations.doctor import examine
from hub.admin.paging import Slice
from hub.admin.reporting import weekly_sending
from hub.admin.reporting.weekly_content import report_to
from hub.admin.scoring.scores import scores
from hub.admin.trouble import Conflict, NotThere
from hub.config import ConfigError
from hub.pipeline.respond import answer
from hub.plugin import ChannelPaused, NotSent, Rejected, Sent
from hub.store import holds, tables
from hub.store.configuration import Role
from hub.store.report_mails import depart
from hub.work import schedule
from tests.clock import NOW, days, seconds
from tests.console.answers import give
from tests.console.browsing import readable, visitor_of
from tests.lab import SETUP, Lab, identify

MONDAY = datetime(2026, 3, 16, 8, 0, tzinfo=UTC)
"""The first one after NOW."""
TO = {"enabled": True, "channel": "relay", "recipients": ["ada@acme.example", "ben@acme.example"]}


@pytest.fixture
def weekly_lab(lab: Lab) -> Lab:
    """A hub that sends a report on Mondays at eight, at the moment at which it is due."""
    weekly.put(lab.hub, TO)
    lab.clock.moment = MONDAY
    return lab


def send_due(lab: Lab) -> int:
    return weekly_sending.send_due(lab.hub, until=time.monotonic() + 60)


def states(lab: Lab) -> list[str]:
    return [row.state for row in lab.rows(tables.report_mail, "slot", "recipient")]


def test_report_goes_out_once_a_week_to_everybody(weekly_lab):
    assert "report" in schedule.due_jobs(weekly_lab.hub)
    assert send_due(weekly_lab) == 2
    assert send_due(weekly_lab) == 0
    assert "report" not in schedule.due_jobs(weekly_lab.hub)
    assert weekly_lab.office.addresses == ["ada@acme.example", "ben@acme.example"]
    weekly_lab.clock.advance(days(7))
    assert send_due(weekly_lab) == 2
    assert states(weekly_lab) == ["sent"] * 4


def test_report_is_not_sent_before_its_time_nor_a_day_later(weekly_lab):
    for moment in (MONDAY - timedelta(seconds=1), MONDAY + days(1)):
        weekly_lab.clock.moment = moment
        assert "report" not in schedule.due_jobs(weekly_lab.hub)
        assert send_due(weekly_lab) == 0
    weekly_lab.clock.moment = MONDAY + days(1) - timedelta(seconds=1)
    assert send_due(weekly_lab) == 2


def test_report_that_is_switched_on_after_its_time_waits_for_the_next_week(lab):
    lab.clock.moment = MONDAY + timedelta(minutes=1)
    weekly.put(lab.hub, TO)
    assert send_due(lab) == 0
    assert weekly.report_settings(lab.hub).next_at == MONDAY + days(7)


def test_report_that_waits_goes_out_although_its_settings_are_saved_meanwhile(weekly_lab):
    connections.put(weekly_lab.hub, Role.CHANNEL, "spare", {"kind": "fake"})
    weekly_lab.office.behaviour["relay"] = lambda message, depart: NotSent(why="busy")
    assert send_due(weekly_lab) == 0
    weekly_lab.clock.advance(timedelta(minutes=10))
    weekly.put(weekly_lab.hub, {**TO, "channel": "spare"})
    assert send_due(weekly_lab) == 2


def test_report_that_is_switched_on_again_after_its_time_waits_for_the_next_week(weekly_lab):
    weekly.put(weekly_lab.hub, {**TO, "enabled": False})
    weekly.put(weekly_lab.hub, TO)
    weekly_lab.clock.advance(timedelta(minutes=1))
    weekly.put(weekly_lab.hub, TO)
    assert send_due(weekly_lab) == 2  # it was on again at its very moment
    weekly_lab.clock.advance(days(7))
    weekly.put(weekly_lab.hub, {**TO, "enabled": False})
    weekly.put(weekly_lab.hub, TO)
    assert send_due(weekly_lab) == 0


@pytest.mark.parametrize("moved", [{"hour": 9}, {"timezone": "America/New_York"}, {"weekday": "tuesday"}])
def test_report_whose_time_is_moved_is_not_sent_twice_in_a_week(weekly_lab, moved):
    assert send_due(weekly_lab) == 2
    weekly_lab.clock.advance(timedelta(minutes=30))
    weekly.put(weekly_lab.hub, {**TO, **moved, "recipients": [*TO["recipients"], "cat@acme.example"]})
    first = weekly.report_settings(weekly_lab.hub).next_at
    assert first is not None
    weekly_lab.clock.moment = first
    assert send_due(weekly_lab) == 1
    assert weekly_lab.office.addresses[2:] == ["cat@acme.example"]
    weekly_lab.clock.advance(days(7))
    assert send_due(weekly_lab) == 3


def test_next_report_is_the_first_that_anybody_gets(weekly_lab):
    send_due(weekly_lab)
    weekly.put(weekly_lab.hub, {**TO, "hour": 9})
    assert weekly.report_settings(weekly_lab.hub).next_at == MONDAY + timedelta(days=7, hours=1)
    weekly.put(weekly_lab.hub, {**TO, "weekday": "friday"})
    assert weekly.report_settings(weekly_lab.hub).next_at == MONDAY + days(4)


def test_report_that_did_not_leave_goes_out_at_the_time_that_it_is_moved_to(weekly_lab):
    weekly_lab.office.behaviour["relay"] = lambda message, depart: NotSent(why="busy")
    send_due(weekly_lab)
    weekly_lab.office.behaviour.clear()
    weekly.put(weekly_lab.hub, {**TO, "hour": 9})
    weekly_lab.clock.advance(timedelta(hours=1))
    assert send_due(weekly_lab) == 2


def test_report_that_was_given_up_says_so(weekly_lab):
    weekly_lab.office.behaviour["relay"] = lambda message, depart: NotSent(why="busy.")
    send_due(weekly_lab)
    seen = weekly.report_settings(weekly_lab.hub)
    assert ({one.state for one in seen.last}, seen.troubles) == ({"pending"}, [])
    weekly_lab.clock.advance(days(1))
    lost = "The weekly report of 16 March could not be sent to 2 addresses within a day, and was given up: busy."
    with visitor_of(weekly_lab.hub) as page:
        assert lost in page.text("/")
        assert page.link("/", "Look at its settings") == "/settings/report"
        said = page.text("/settings/report")
        assert [word in said for word in (lost, "given up", "waits")] == [True, True, False]
    assert lost in [one.sentence for one in examine(weekly_lab.hub)]
    weekly_lab.office.behaviour.clear()
    weekly_lab.clock.advance(days(6))
    assert send_due(weekly_lab) == 2
    assert weekly.troubles(weekly_lab.hub) == []


def test_report_that_no_worker_was_there_for_says_so(weekly_lab):
    missed = ["The weekly report of 16 March was not sent: no worker was there within a day of its time."]
    weekly_lab.clock.advance(days(1) - seconds(1))
    assert weekly.troubles(weekly_lab.hub) == []
    weekly_lab.clock.advance(seconds(1))
    assert weekly.troubles(weekly_lab.hub) == missed
    weekly.put(weekly_lab.hub, {**TO, "weekday": "sunday"})
    assert weekly.troubles(weekly_lab.hub) == []
    weekly_lab.clock.moment = MONDAY + days(6)
    assert send_due(weekly_lab) == 2
    weekly_lab.clock.advance(days(3))
    assert weekly.troubles(weekly_lab.hub) == []


def test_report_that_is_switched_off_while_it_waits_waits_no_more(weekly_lab):
    weekly_lab.office.behaviour["relay"] = lambda message, depart: NotSent(why="busy")
    send_due(weekly_lab)
    weekly.put(weekly_lab.hub, {**TO, "enabled": False})
    assert [one.state for one in weekly.report_settings(weekly_lab.hub).last] == ["given_up", "given_up"]
    assert weekly.troubles(weekly_lab.hub) == []


@pytest.fixture
def spare_lab(weekly_lab: Lab) -> Lab:
    """The same hub, whose report goes out by a channel that no survey uses."""
    connections.put(weekly_lab.hub, Role.CHANNEL, "spare", {"kind": "fake"})
    weekly.put(weekly_lab.hub, {**TO, "channel": "spare"})
    return weekly_lab


def test_channel_of_the_report_stays_in_use(spare_lab):
    with visitor_of(spare_lab.hub) as page:
        assert "It cannot go while the weekly report goes out by it." in page.text("/connections/channel/spare/retire")
        refused = page.post("/connections/channel/spare/retire", confirm="spare")
        assert refused.status_code == 409
        weekly.put(spare_lab.hub, TO)
        assert "Take it out of use" in page.text("/connections/channel/spare/retire")
    with pytest.raises(Conflict, match=r"channels\.relay is used by onboarding and the weekly report"):
        connections.retire(spare_lab.hub, Role.CHANNEL, "relay")


def test_report_whose_channel_is_gone_says_so(spare_lab):
    made = planning.plan(spare_lab.hub, SETUP, environ={})
    assert made.warnings == ["channels.spare: the weekly report goes out by it; choose another there"]
    applying.apply(spare_lab.hub, made)
    gone = "The weekly report cannot go out: its channel spare is out of use."
    with visitor_of(spare_lab.hub) as page:
        assert gone in page.text("/")
        said = page.text("/settings/report")
        assert gone in said
        assert "spare (out of use)" in said
        assert "The next one goes out" not in said
        refused = page.post("/settings/report/now", to="ada@acme.example")
        assert "The channel spare is out of use; choose another above." in readable(refused.text)
        form = {"channel": "spare", "recipients": "ada@acme.example", "weekday": "monday", "hour": "8"}
        assert "Saved." in readable(page.post("/settings/report", **form, timezone="UTC").text)
        assert gone not in page.text("/")


def test_slow_mail_system_makes_the_report_go_on_later(weekly_lab):
    until = time.monotonic() + 2

    def take_until_then(message: Any, depart: Any) -> Any:
        while time.monotonic() <= until:
            time.sleep(0.05)
        depart()
        return Sent()

    weekly_lab.office.behaviour["relay"] = take_until_then
    assert weekly_sending.send_due(weekly_lab.hub, until=until) == 1
    assert "report" in schedule.due_jobs(weekly_lab.hub)
    assert send_due(weekly_lab) == 1


def test_report_quotes_comments_that_lie_before_many_answers_without_any(lab):
    give(lab, [3], at=MONDAY - timedelta(hours=3), comment="the export is slow")
    give(lab, [9] * 60, at=MONDAY - timedelta(hours=2))
    assert "the export is slow" in report_to(lab.hub, "ada@acme.example", until=MONDAY).text


def test_page_says_the_next_moment_in_utc(lab):
    weekly.put(lab.hub, {**TO, "hour": 9, "timezone": "America/New_York"})
    with visitor_of(lab.hub) as page:
        assert "The next one goes out 16 Mar 2026, 13:00 UTC" in page.text("/settings/report")


def test_report_goes_out_at_its_local_hour(lab):
    weekly.put(lab.hub, {**TO, "weekday": "sunday", "hour": 9, "timezone": "Europe/Berlin"})
    assert weekly.report_settings(lab.hub).next_at == datetime(2026, 3, 15, 8, 0, tzinfo=UTC)
    lab.clock.moment = datetime(2026, 3, 29, 6, 59, 59, tzinfo=UTC)  # summer time began that night
    assert "report" not in schedule.due_jobs(lab.hub)
    lab.clock.moment = datetime(2026, 3, 29, 7, 0, tzinfo=UTC)
    assert "report" in schedule.due_jobs(lab.hub)


def test_report_tells_scores_comments_and_what_needs_attention(lab):
    lab.decide(*[identify(f"u{number}") for number in range(3)])
    lab.deliver()
    before = lab.office.mails[:]
    answer(lab.hub, lab.token(0), 9, "lovely <b>thing</b>")
    lab.clock.moment = MONDAY
    answer(lab.hub, lab.token(1), 2, "too slow")
    lab.clock.advance(timedelta(hours=1))
    lab.office.behaviour["relay"] = refuse
    lab.decide(identify("late"))
    lab.deliver()
    lab.office.behaviour.clear()
    sent = weekly_sending.send_now(lab.hub, "ada@acme.example", "relay")
    assert sent.outcome == "sent"
    [(_, mail)] = lab.office.mails[len(before) :]
    assert mail.subject == "Your surveys, the 7 days to 16 March: 2 answers"
    for text in (mail.text, readable(mail.html)):
        assert "NPS 0 from 2 answers: too few to say much" in text
        assert "The week before: No answers." in text
        assert "too slow" in text
        assert "lovely <b>thing</b>" in text
        assert "The channel relay is paused: the login was refused." in text
    assert "lovely &lt;b&gt;" in mail.html
    assert b"Subject: Your surveys" in mail.mime("Acme <hello@acme.example>")
    assert states(lab) == []


def refuse(*_: Any) -> None:
    raise ChannelPaused("the login was refused")


def test_report_that_certainly_did_not_leave_is_tried_again(weekly_lab):
    weekly_lab.office.behaviour["relay"] = lambda message, depart: NotSent(why="busy")
    assert send_due(weekly_lab) == 0
    assert states(weekly_lab) == ["pending", "pending"]
    weekly_lab.office.behaviour.clear()
    assert send_due(weekly_lab) == 0
    weekly_lab.clock.advance(timedelta(minutes=10))
    assert send_due(weekly_lab) == 2


def test_report_that_nobody_can_know_about_is_not_sent_again(weekly_lab):
    def fall_silent(message: Any, depart: Any) -> None:
        depart()
        raise OSError("cut off")

    weekly_lab.office.behaviour["relay"] = fall_silent
    send_due(weekly_lab)
    assert states(weekly_lab) == ["unknown", "unknown"]
    weekly_lab.clock.advance(timedelta(hours=3))
    send_due(weekly_lab)
    assert len(weekly_lab.office.mails) == 2


def test_report_of_a_worker_that_died_past_the_point_of_no_return_is_in_doubt(weekly_lab):
    weekly_lab.office.behaviour["relay"] = lambda message, depart: NotSent(why="busy")
    send_due(weekly_lab)
    weekly_lab.hub.store.transact(lambda connection: depart(connection, MONDAY, "ada@acme.example"))
    weekly_lab.office.behaviour.clear()
    weekly_lab.clock.advance(timedelta(minutes=10))
    assert send_due(weekly_lab) == 1
    assert states(weekly_lab) == ["unknown", "sent"]


def test_report_passes_the_point_of_no_return_once(weekly_lab):
    weekly_lab.office.behaviour["relay"] = lambda message, depart: NotSent(why="busy")
    send_due(weekly_lab)
    passed = [
        weekly_lab.hub.store.transact(lambda connection: depart(connection, MONDAY, "ada@acme.example"))
        for _ in range(2)
    ]
    assert passed == [True, False]


def test_address_that_is_refused_is_not_tried_again(weekly_lab):
    weekly_lab.office.behaviour["relay"] = lambda message, depart: Rejected(why="550 unknown")
    send_due(weekly_lab)
    assert [one.note for one in weekly.report_settings(weekly_lab.hub).last] == ["550 unknown", "550 unknown"]
    weekly_lab.clock.advance(timedelta(hours=3))
    assert "report" not in schedule.due_jobs(weekly_lab.hub)


def test_report_that_may_have_left_before_a_restore_is_in_doubt(weekly_lab):
    weekly_lab.hub.store.transact(lambda connection: holds.begin(connection, backup_made_at=NOW, now=MONDAY))
    assert send_due(weekly_lab) == 0
    weekly_lab.hub.store.transact(lambda connection: holds.end(connection, stopped_at=MONDAY, now=MONDAY))
    assert send_due(weekly_lab) == 0
    assert states(weekly_lab) == ["unknown", "unknown"]


def test_who_is_taken_off_gets_it_no_more(weekly_lab):
    weekly_lab.office.behaviour["relay"] = lambda message, depart: NotSent(why="busy")
    send_due(weekly_lab)
    weekly.put(weekly_lab.hub, {**TO, "recipients": ["ben@acme.example"]})
    weekly_lab.office.behaviour.clear()
    weekly_lab.clock.advance(timedelta(minutes=10))
    send_due(weekly_lab)
    assert weekly_lab.office.addresses == ["ben@acme.example"]


def test_everything_that_is_wrong_is_named(lab):
    with pytest.raises(ConfigError) as failure:
        weekly.put(lab.hub, {"recipients": ["ada", "b@c.de"], "hour": 24, "timezone": "Mars/Base"})
    assert {problem.partition(":")[0] for problem in failure.value.problems} == {
        "report.recipients.0",
        "report.hour",
        "report.timezone",
    }
    with pytest.raises(ConfigError) as failure:
        weekly.put(lab.hub, {"enabled": True})
    assert {problem.partition(":")[0] for problem in failure.value.problems} == {"report.recipients", "report.channel"}
    with pytest.raises(NotThere):
        weekly.put(lab.hub, {**TO, "channel": "gone"})


def test_report_is_set_and_one_is_sent_in_the_console(lab):
    with visitor_of(lab.hub, name="admin@acme.example") as page:
        form = {"enabled": "true", "channel": "relay", "recipients": "ada@acme.example", "weekday": "friday"}
        assert "Saved." in readable(page.post("/settings/report", **form, hour="7", timezone="UTC").text)
        assert "The next one goes out" in page.text("/settings/report")
        wrong = page.post("/settings/report", **form, hour="77", timezone="UTC")
        assert (wrong.status_code, "Must be 0 to 23." in readable(wrong.text)) == (422, True)
        said = readable(page.post("/settings/report/now", to="ben@acme.example").text)
        assert "The mail system took the report." in said
        assert page.post("/settings/report/now", to="ben").status_code == 422
        assert f'name="to" type="text" value="{page.name}"' in page.get("/settings/report").text
        two = page.post("/settings/report", **{**form, "recipients": "ada@acme.example\nben"})
        assert "Entry 2: &#39;ben&#39; is no address that can be mailed." in two.text
    assert lab.office.addresses == ["ben@acme.example"]


def test_link_in_a_comment_is_not_mailed_to_the_staff(weekly_lab):
    weekly_lab.decide(identify("eve"))
    weekly_lab.deliver()
    answer(weekly_lab.hub, weekly_lab.token(), 1, "Your session expired: https://evil.example/login")
    text = report_to(weekly_lab.hub, "ada@acme.example", until=weekly_lab.clock() + timedelta(minutes=1)).text
    assert "evil.example" not in text
    assert "The comment has a link in it; the hub shows it." in text


def test_who_has_a_report_sent_or_changed_is_written_down(weekly_lab):
    weekly_sending.send_now(weekly_lab.hub, "cat@acme.example", "relay")
    sent, changed = entries(weekly_lab.hub, Wanted(), Slice()).items[:2]
    assert (sent.action, sent.detail["to"], sent.detail["outcome"]) == (Action.REPORT_SENT, "cat@acme.example", "sent")
    assert (changed.action, changed.detail["recipients"]) == (Action.REPORT_CHANGED, TO["recipients"])


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Pacific/Kiritimati"])
def test_week_of_any_zone_counts_every_answer_of_its_seven_days_once(lab, zone):
    until = datetime(2026, 3, 16, 8, 0, tzinfo=ZoneInfo(zone))
    for hour in range(8 * 24):
        give(lab, [9], at=until - timedelta(hours=hour, minutes=30))
    [week] = scores(lab.hub, since=until - timedelta(days=7), until=until)
    assert week.n == 7 * 24
