"""The pages about surveys: made, steered, understood."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.admin.configuration import connections, surveys
from hub.admin.configuration.schemas import SurveySchema
from hub.admin.trouble import Conflict
from hub.pipeline import decide
from hub.pipeline.hub import Hub
from hub.store.configuration import Role
from hub.web.console.survey_rules import APART, FIRST, GROUPS
from tests.configured import API_KEY, configured_hub
from tests.console.browsing import visitor_of
from tests.console.meanwhile import Meanwhile

NOTHING = ""
HOSTILE = '"><script>alert(1)</script>{{7*7}}'
WANTED = {"min_delay_days": "3", "max_delay_days": "14", "min_interval_weeks": "26"}


@pytest.fixture
def empty_hub(tmp_path: Path) -> Iterator[Hub]:
    with configured_hub(tmp_path, f"sqlite:///{tmp_path}/hub.db", toml=NOTHING) as hub:
        yield hub


def settings_of(hub: Hub, name: str = "onboarding") -> dict[str, object]:
    return dict(surveys.survey_of(hub, name).settings)


def typed(hub: Hub, **changed: str) -> dict[str, str]:
    """Return what the form of the survey holds, with some fields changed."""
    page = visitor_of(hub, "viewer").get("/surveys/onboarding").text
    inputs = re.findall(r'<input id="field-(\w+)" name="\w+" type="\w+" value="([^"]*)"', page)
    return {**dict(inputs), "sources": "product", "channels": "relay", "targets": "product", **changed}


def test_what_a_saved_survey_lacks_is_said_in_words(hub: Hub) -> None:
    page = visitor_of(hub).post("/surveys/onboarding", **{**typed(hub), "channels": ""}).text
    assert "<p>onboarding is on, but has no channel: its invitations wait.</p>" in page


def test_two_who_edit_a_survey_do_not_overwrite_each_other(hub: Hub) -> None:
    ada, ben = visitor_of(hub), visitor_of(hub, "editor")
    form = typed(hub)
    page = ada.get("/surveys/onboarding").text
    ben.post("/surveys/onboarding", **{**form, "daily_limit": "50", "since": since(page)})
    mine = {**form, "min_delay_days": "2", "max_delay_days": "14"}
    refused = ada.post("/surveys/onboarding", **mine, since=since(page))
    assert refused.status_code == 409
    assert "<strong>These settings were changed meanwhile.</strong>" in refused.text
    assert "<li>daily_limit: 50 → 0</li>" in refused.text
    assert 'name="min_delay_days" type="number" value="2"' in refused.text
    assert settings_of(hub)["daily_limit"] == 50
    ada.post("/surveys/onboarding", **mine, since=since(refused.text))
    assert (settings_of(hub)["daily_limit"], settings_of(hub)["min_delay_days"]) == (0, 2)


def test_form_that_is_put_right_still_says_what_it_was_made_from(hub: Hub) -> None:
    ada, form = visitor_of(hub), typed(hub)
    page = ada.get("/surveys/onboarding").text
    wrong = ada.post("/surveys/onboarding", **{**form, "min_delay_days": "x", "since": "before"})
    assert (wrong.status_code, since(wrong.text)) == (409, since(page))
    wrong = ada.post("/surveys/onboarding", **{**form, "min_delay_days": "x", "since": since(page)})
    surveys.put(hub, "onboarding", {**settings_of(hub), "daily_limit": 50})
    assert (wrong.status_code, since(wrong.text)) == (422, since(page))
    assert ada.post("/surveys/onboarding", **form, since=since(wrong.text)).status_code == 409


def test_what_a_save_leaves_alone_may_change_meanwhile(hub: Hub) -> None:
    ada = visitor_of(hub)
    page = ada.get("/surveys/onboarding").text
    ada.post("/surveys/onboarding/texts", language_of="de", **{"texts.subject": "Na?"})
    surveys.switch(hub, "onboarding", on=False)
    saved = ada.post("/surveys/onboarding", **typed(hub, daily_limit="50"), since=since(page))
    assert "Saved." in saved.text
    assert (settings_of(hub)["enabled"], settings_of(hub)["texts"]) == (False, {"de": {"subject": "Na?"}})


def test_a_save_does_not_undo_a_switch_of_the_same_moment(hub: Hub) -> None:
    table = Meanwhile(lambda: surveys.switch(hub, "onboarding", on=False))
    with pytest.raises(Conflict, match="in this very moment"):
        surveys.save(hub, "onboarding", table, since=None)
    assert settings_of(hub)["enabled"] is False


# Making one


def test_a_survey_is_made_with_its_source_and_target_on_one_page(empty_hub: Hub) -> None:
    ada = visitor_of(empty_hub)
    assert "Make a survey" in ada.get("/surveys").text
    form = {"name": "nps", "source": "+", "channel": "", "target": "+", "write_key": "wk-1", "region": "eu", **WANTED}
    page = ada.post("/surveys/_new", **form)
    assert page.request.path == "/surveys/nps"
    assert "as a draft" in page.text
    settings = settings_of(empty_hub, "nps")
    assert (settings["sources"], settings["channels"], settings["targets"]) == (["segment"], [], ["segment"])
    assert (settings["enabled"], settings["min_delay_days"], settings["max_delay_days"]) == (False, 3.0, 14.0)
    target = empty_hub.registry.current().named(Role.TARGET, "segment")
    assert target is not None
    assert target.stored.config["region"] == "eu"


def test_what_is_wrong_stands_beside_its_field_and_nothing_is_made(empty_hub: Hub) -> None:
    ada = visitor_of(empty_hub)
    form = {"name": "Not a name", "source": "+", "channel": "", "target": "+", "write_key": "", **WANTED}
    page = ada.post("/surveys/_new", **form)
    assert page.status_code == 422
    assert "lower-case letters, digits" in problem(page.text, "name")
    assert problem(page.text, "write_key") == "This is needed."
    assert 'value="Not a name"' in page.text
    page = ada.post("/surveys/_new", **{**form, "name": "nps"})
    assert problem(page.text, "write_key") == "This is needed."
    page = ada.post("/surveys/_new", **{**form, "name": "nps", "write_key": "x", "min_delay_days": "20"})
    assert "ust not be less than “Ask at the earliest” (20)" in problem(page.text, "max_delay_days")
    assert 'value="20"' in page.text
    assert surveys.surveys(empty_hub) == []
    assert empty_hub.registry.current().live(Role.SOURCE) == []


def test_a_survey_does_not_take_the_place_of_another(hub: Hub) -> None:
    before = settings_of(hub)
    ada = visitor_of(hub)
    assert 'name="name" type="text" value="nps"' in ada.get("/surveys/_new").text
    form = {"name": "onboarding", "source": "+", "channel": "", "target": "+", "write_key": "wk", **WANTED}
    page = ada.post("/surveys/_new", **form)
    assert problem(page.text, "name") == "There is a survey of this name already."
    assert settings_of(hub) == before
    ada.post("/surveys/_new", **{**form, "name": "nps"})
    assert 'name="name" type="text" value="nps-2"' in ada.get("/surveys/_new").text


# Settings


def test_settings_are_saved_and_the_switch_stays(hub: Hub) -> None:
    page = visitor_of(hub, "editor").post(
        "/surveys/onboarding", **typed(hub, min_delay_days="2", trigger_event="Bought & paid")
    )
    assert "Saved." in page.text
    settings = settings_of(hub)
    assert (settings["min_delay_days"], settings["trigger_event"]) == (2.0, "Bought & paid")
    assert settings["enabled"] is True
    assert settings["channels"] == ["relay"]


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("min_delay_days", "soon", "Write a number."),
        ("min_interval_weeks", "-1", "Must be 0 to"),
        ("holdout_percent", "101", "Must be 0 to 100"),
        ("daily_limit", "1.5", "Write a whole number."),
        ("reminders", "3", "Must be 0, 1 or 2."),
        ("send_from", "9 am", "Write a time of day such as 09:00."),
        ("send_timezone", "Berlin", "There is no time zone"),
    ],
)
def test_a_wrong_setting_is_told_beside_its_field_and_kept_as_typed(hub: Hub, field: str, text: str, said: str) -> None:
    before = settings_of(hub)
    page = visitor_of(hub).post("/surveys/onboarding", **typed(hub, **{field: text}))
    assert page.status_code == 422
    assert problem(page.text, field).startswith(said)
    assert problem(page.text, field)
    assert f'value="{text}"' in page.text
    assert settings_of(hub) == before


def test_every_tab_says_whether_the_survey_is_on_and_has_the_switch(hub: Hub) -> None:
    ada = visitor_of(hub)
    for tab in ("", "/texts", "/rehearsal", "/readiness"):
        page = ada.get(f"/surveys/onboarding{tab}").text
        assert '<span class="badge good">on</span>' in page
        assert page.count("Switch off") == 1
        for where in ("/?survey=onboarding", "/responses?survey=onboarding", "/queue?survey=onboarding"):
            assert f'href="{where}"' in page
    ada.post("/surveys/onboarding/switch", on="false")
    for tab in ("", "/texts", "/rehearsal", "/readiness"):
        page = ada.get(f"/surveys/onboarding{tab}").text
        assert '<span class="badge ">off</span>' in page
        assert 'href="/surveys/onboarding/readiness#automation">Switch on' in page
    assert 'id="automation"' in page


def test_where_to_send_events_stands_first_until_one_has_come(hub: Hub) -> None:
    ada = visitor_of(hub)

    def order() -> list[str]:
        return re.findall("Send your events here|What this means", ada.get("/surveys/onboarding").text)

    assert order() == ["Send your events here", "What this means"]
    body = {"type": "identify", "userId": "u-1", "messageId": "m-1", "traits": {"email": "ada@customer.example"}}
    assert ada.client.post("/v1/identify", json=body, auth=(API_KEY, "")).status_code == 200
    decide.drain(hub, until=time.monotonic() + 30)
    assert order() == ["What this means", "Send your events here"]


def test_days_and_hours_of_mails_are_set_and_said_in_a_sentence(hub: Hub) -> None:
    hours = {"send_days": ["fri", "mon"], "send_from": "09:00", "send_until": "17:30", "send_timezone": "Europe/Berlin"}
    page = visitor_of(hub).post("/surveys/onboarding", **{**typed(hub), **hours, "reminders": "2"})
    assert "Saved." in page.text
    assert "Mails go out on Monday and Friday between 09:00 and 17:30, in" in page.text
    assert "Who has not answered 7 days after the mail is reminded, and once more 7 days after that." in page.text
    assert {name: settings_of(hub)[name] for name in hours} == hours


def test_a_survey_that_mails_on_all_days_shows_all_of_them(hub: Hub) -> None:
    ada, days = visitor_of(hub), ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    form = typed(hub)
    assert re.findall(r'name="send_days" value="(\w+)" checked', ada.get("/surveys/onboarding").text) == days
    ada.post("/surveys/onboarding", **form, send_days=days)
    assert settings_of(hub)["send_days"] == []
    ada.post("/surveys/onboarding", **form, send_days=days[:5])
    assert settings_of(hub)["send_days"] == days[:5]
    page = ada.post("/surveys/onboarding", **form, send_days="")
    assert "Choose at least one day." in page.text
    assert re.findall(r'name="send_days" value="\w+"[^>]* checked', page.text) == []
    assert settings_of(hub)["send_days"] == days[:5]


def test_every_rule_has_a_group_that_is_open_where_it_says_something(hub: Hub) -> None:
    grouped = [name for names in GROUPS.values() for name in names]
    assert sorted([*FIRST, *grouped]) == sorted(SurveySchema(exclude=APART).fields)
    ada = visitor_of(hub)
    closed, opened = (f'<details class="more"{word}><summary>Reminders</summary>' for word in ("", " open"))
    assert closed in ada.get("/surveys/onboarding").text
    ada.post("/surveys/onboarding", **typed(hub, reminders="2"))
    assert opened in ada.get("/surveys/onboarding").text


def test_the_order_of_channels_is_that_of_the_form(hub: Hub) -> None:
    table = {"kind": "sendgrid", "api_key": "SG.x", "from": "Acme <hello@acme.example>", "host": "http://127.0.0.1:9"}
    connections.put(hub, Role.CHANNEL, "spare", table)
    ada = visitor_of(hub)
    form = {**typed(hub), "channels": ["spare", "relay", "relay", ""]}
    assert "Saved." in ada.post("/surveys/onboarding", **form).text
    assert settings_of(hub)["channels"] == ["spare", "relay"]


def test_what_settings_mean_is_told_while_they_are_typed(hub: Hub) -> None:
    ada = visitor_of(hub)
    part = ada.post("/surveys/_meaning", is_enabled="false", **WANTED).text
    assert "New customers are asked 3 days after they were created, and up to 14 days after it." in part
    assert "<html" not in part
    unclear = ada.post("/surveys/_meaning", is_enabled="true", min_delay_days="x").text
    assert "Ask at the earliest: Write a number." in unclear


def test_hostile_text_is_shown_as_text(hub: Hub) -> None:
    ada = visitor_of(hub)
    ada.post("/surveys/onboarding", **typed(hub, trigger_event=HOSTILE))
    for path in ("/surveys/onboarding", "/surveys/onboarding/rehearsal", "/surveys/onboarding/readiness"):
        text = ada.get(path).text
        assert "<script>alert" not in text
        assert "49" not in re.findall(r'id="field-trigger_event"[^>]*value="([^"]*)"', text)
    assert settings_of(hub)["trigger_event"] == HOSTILE


# Keys


def test_the_key_is_shown_to_admins_when_they_ask(hub: Hub) -> None:
    ada, eve = visitor_of(hub), visitor_of(hub, "viewer")
    assert API_KEY not in ada.get("/surveys/onboarding").text
    assert API_KEY in ada.get("/surveys/onboarding", keys="shown").text
    assert API_KEY not in eve.get("/surveys/onboarding", keys="shown").text


# Rehearsal and readiness


def test_an_emptied_field_is_rehearsed_as_it_is_saved(hub: Hub) -> None:
    ada = visitor_of(hub)
    form = {name: value for name, value in typed(hub, min_delay_days="0").items() if name != "max_delay_days"}
    ada.post("/surveys/onboarding", **form, max_delay_days="5")
    traits = {"email": "ada@customer.example", "createdAt": "2020-01-01"}
    event = {"type": "identify", "userId": "u1", "messageId": "m1", "traits": traits}
    ada.client.post("/v1/identify", json=event, auth=(API_KEY, ""))
    decide.drain(hub, until=float("inf"))
    written = {"as it is": "5", "nothing": "", "no limit": "0"}
    rehearsed = {
        how: ada.post("/surveys/onboarding/rehearsal", **form, max_delay_days=days).text
        for how, days in written.items()
    }
    mails = {how: re.findall(r'<div class="big">(\d+)</div><p>mails? would', page) for how, page in rehearsed.items()}
    assert mails == {"as it is": ["0"], "nothing": ["1"], "no limit": ["1"]}
    ada.post("/surveys/onboarding", **form, max_delay_days="")
    assert settings_of(hub)["max_delay_days"] == 0


def test_edited_rules_are_rehearsed_on_what_was_recorded_and_not_saved(hub: Hub) -> None:
    ada = visitor_of(hub)
    assert "Nothing was recorded yet" in ada.get("/surveys/onboarding/rehearsal").text
    event = {"type": "identify", "userId": "u1", "messageId": "m1", "traits": {"email": "ada@customer.example"}}
    ada.client.post("/v1/identify", json=event, auth=(API_KEY, ""))
    decide.drain(hub, until=float("inf"))
    before = settings_of(hub)
    form = typed(hub)
    page = ada.post("/surveys/onboarding/rehearsal", **{**form, "on_missing_created_at": "skip"})
    assert "nothing was saved" in page.text
    assert "1 event since" in page.text
    assert settings_of(hub) == before
    page = ada.post("/surveys/onboarding/rehearsal", **{**form, "min_delay_days": "x"})
    assert page.status_code == 422
    assert "don't fit together yet" in page.text


def test_a_survey_that_lacks_something_cannot_be_switched_on(empty_hub: Hub) -> None:
    ada = visitor_of(empty_hub)
    ada.post("/surveys/_new", name="nps", source="+", channel="", target="", **WANTED)
    report = ada.get("/surveys/nps/readiness").text
    assert "missing" in report
    assert '<button class="button" disabled>Switch on</button>' in report
    page = ada.post("/surveys/nps/switch", on="true")
    assert "It cannot go on yet" in page.text
    assert settings_of(empty_hub, "nps")["enabled"] is False


def test_a_survey_is_switched_off_and_on(hub: Hub) -> None:
    ben = visitor_of(hub, "editor")
    assert "nobody is asked" in ben.post("/surveys/onboarding/switch", on="false").text
    assert settings_of(hub)["enabled"] is False
    assert "customers are asked from now on" in ben.post("/surveys/onboarding/switch", on="true").text
    assert settings_of(hub)["enabled"] is True


def test_a_survey_goes_out_of_use_when_its_name_is_typed(hub: Hub) -> None:
    ada = visitor_of(hub)
    page = ada.post("/surveys/onboarding/retire", confirm="onboardin")
    assert page.status_code == 422
    assert [one.name for one in surveys.surveys(hub)] == ["onboarding"]
    assert "out of use" in ada.post("/surveys/onboarding/retire", confirm="onboarding").text
    assert surveys.surveys(hub) == []


# Who may what


@pytest.mark.parametrize(
    ("role", "path", "form"),
    [
        ("viewer", "/surveys/onboarding", {"min_delay_days": "1"}),
        ("viewer", "/surveys/onboarding/switch", {"on": "false"}),
        ("viewer", "/surveys/onboarding/rehearsal", {}),
        ("editor", "/surveys/_new", {"name": "nps"}),
        ("editor", "/surveys/onboarding/retire", {"confirm": "onboarding"}),
    ],
)
def test_who_may_not_changes_nothing(hub: Hub, role: str, path: str, form: dict[str, str]) -> None:
    before = settings_of(hub)
    assert visitor_of(hub, role).post(path, **form).status_code == 403
    assert settings_of(hub) == before
    assert len(surveys.surveys(hub)) == 1


@pytest.mark.parametrize("path", ["/surveys/nothing", "/surveys/nothing/rehearsal", "/surveys/nothing/readiness"])
def test_a_survey_that_is_not_there_is_said_in_a_sentence(hub: Hub, path: str) -> None:
    page = visitor_of(hub).get(path)
    assert page.status_code == 404
    assert "There is no survey" in page.text


def since(page: str) -> str:
    """Return what a form says that it was made from."""
    found = re.search(r'name="since" value="(\w+)"', page)
    assert found is not None
    return found[1]


def problem(page: str, field: str) -> str:
    """Return what stands beside a field."""
    found = re.search(rf'<p class="problem" id="field-{field}-problem"[^>]*>([^<]*)</p>', page)
    assert found is not None
    return found[1]
