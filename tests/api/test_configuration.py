"""Surveys and connections over the API: the same checks as `hub apply`, one table at a time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub.admin.configuration.export import export
from hub.plugin import ChannelPaused
from hub.plugins import Plugins
from hub.store import configuration, tables
from hub.store.configuration import Role
from tests.api.client import Api
from tests.lab import Lab, identify


def test_survey_is_shown_with_its_defaults(lab: Lab, api: Api) -> None:
    lab.set(min_delay_days=3)
    (survey,) = api.get("/surveys")["items"]
    assert survey == api.get("/surveys/onboarding")
    assert (survey["name"], survey["enabled"]) == ("onboarding", True)
    expected = {"channels": ["relay"], "min_delay_days": 3, "max_delay_days": 0, "on_missing_created_at": "immediate"}
    assert expected.items() <= survey["settings"].items()


def test_setting_that_an_older_version_did_not_know_has_its_default(lab: Lab, api: Api) -> None:
    with lab.hub.store.write() as connection:
        connection.execute(tables.survey.update().values(settings={}))
        configuration.raise_revision(connection)
    assert api.get("/surveys/onboarding")["settings"]["min_interval_weeks"] == 26


def test_what_get_shows_put_takes_and_changes_nothing(lab: Lab, api: Api) -> None:
    before = export(lab.hub, reveal=True)
    for path in ("/surveys/onboarding", "/connections/source/product", "/connections/target/crm"):
        assert api("PUT", path, body=api.get(path)["settings"]).json["changes"] == []
    assert export(lab.hub, reveal=True) == before


def test_put_changes_one_survey_and_nothing_else(lab: Lab, api: Api) -> None:
    settings = api.get("/surveys/onboarding")["settings"]
    answer = api("PUT", "/surveys/onboarding", body={**settings, "min_delay_days": 3})
    assert answer.json == {
        "changes": ["~ surveys.onboarding.min_delay_days: 0 -> 3"],
        "warnings": [],
        "generated": {},
    }
    assert api.get("/surveys/onboarding")["settings"]["min_delay_days"] == 3
    assert len(api.get("/connections")["items"]) == 3


def test_put_makes_a_survey(api: Api) -> None:
    answer = api("PUT", "/surveys/renewal", body={"sources": ["product"], "channels": ["relay"], "enabled": True})
    assert answer.json["changes"] == ['+ surveys.renewal: on, sources = ["product"], channels = ["relay"]']
    assert [survey["name"] for survey in api.get("/surveys")["items"]] == ["onboarding", "renewal"]


def test_survey_that_names_an_unknown_connection_is_refused(api: Api) -> None:
    answer = api("PUT", "/surveys/onboarding", body={"channels": ["relax"]})
    assert answer.status_code == 422
    assert answer.json["fields"] == {"channels": ["there is no [channels.relax]; there are: relay"]}


def test_put_makes_a_connection_and_tells_the_secret_it_made_once(api: Api) -> None:
    answer = api("PUT", "/connections/source/second", body={"kind": "fake", "namespace": "other"})
    key = answer.json["generated"]["sources.second.api_key"]
    (change,) = answer.json["changes"]
    assert change.startswith("+ sources.second: kind fake")
    assert key not in change
    shown = api.get("/connections/source/second")
    assert shown["settings"] == {"kind": "fake", "namespace": "other", "api_key": "(kept)"}
    assert key not in str(api.get("/connections"))


def test_secret_that_is_kept_stays(lab: Lab, api: Api) -> None:
    api("PUT", "/connections/target/crm", body={"kind": "fake", "password": "s3cret"})
    api("PUT", "/connections/target/crm", body={"kind": "fake", "password": "(kept)", "colour": "red"})
    target = lab.hub.registry.current().named(Role.TARGET, "crm")
    assert target is not None
    assert target.provider is not None
    assert target.provider.config == {"password": "s3cret", "colour": "red"}


def test_key_of_a_source_that_is_not_named_is_refused_too(lab: Lab, api: Api) -> None:
    source = lab.hub.registry.current().named(Role.SOURCE, "product")
    assert source is not None
    assert source.provider is not None
    key = source.provider.config["api_key"]
    answer = api("PUT", "/connections/source/second", body={"kind": "fake", "api_key": key})
    assert answer.json["fields"] == {"api_key": ["sources.product has the same key; each source needs its own"]}
    assert api("PUT", "/connections/source/product", body={"kind": "fake", "api_key": key}).status_code == 200


def test_wrong_settings_of_a_connection_are_all_named(api: Api) -> None:
    body = {"kind": "fake", "colour": 7, "shade": "x"}
    assert set(api("PUT", "/connections/target/crm", body=body).json["fields"]) == {"colour", "shade"}
    body = {"kind": "fake", "sync_at": "25:00"}
    assert set(api("PUT", "/connections/target/crm", body=body).json["fields"]) == {"sync_at"}
    assert api("PUT", "/connections/target/crm", body={"kind": "fax"}).json["fields"].keys() == {"kind"}


def test_connection_of_another_kind_takes_the_place_of_its_namesake_in_surveys(lab: Lab, api: Api) -> None:
    kinds = lab.hub.registry.plugins.kinds
    kinds[Role.CHANNEL, "other"] = kinds[Role.CHANNEL, "fake"]
    before = api.get("/connections/channel/relay")["id"]
    api("PUT", "/connections/channel/relay", body={"kind": "other"})
    assert api.get("/connections/channel/relay")["id"] != before
    assert api.get("/surveys/onboarding")["settings"]["channels"] == ["relay"]
    lab.decide(identify())
    assert lab.deliver() == 1


def test_connection_in_use_is_not_taken_out(api: Api) -> None:
    answer = api("DELETE", "/connections/channel/relay")
    assert answer.status_code == 409
    assert answer.json["message"] == "channels.relay is used by onboarding; take it out of there first"
    api("PUT", "/connections/channel/spare", body={"kind": "fake"})
    assert api("DELETE", "/connections/channel/spare").status_code == 204
    assert api("GET", "/connections/channel/spare").status_code == 404


def test_survey_taken_out_of_use_cancels_what_waits(lab: Lab, api: Api) -> None:
    lab.decide(identify())
    assert api("DELETE", "/surveys/onboarding").status_code == 204
    assert lab.states() == ["cancelled"]
    assert api("GET", "/surveys/onboarding").status_code == 404


def test_switched_off_nothing_leaves_and_the_time_off_does_not_count_as_late(lab: Lab, api: Api) -> None:
    lab.set(send_grace_hours=1)
    lab.decide(identify())
    assert api("POST", "/surveys/onboarding/disable").json["enabled"] is False
    assert lab.deliver() == 0
    lab.clock.advance(timedelta(days=2))
    assert api("POST", "/surveys/onboarding/enable").json["enabled"] is True
    assert lab.deliver() == 1


def test_switching_on_what_is_on_changes_nothing(lab: Lab, api: Api) -> None:
    before = lab.rows(tables.survey)
    lab.clock.advance(timedelta(days=2))
    assert api("POST", "/surveys/onboarding/enable").status_code == 200
    assert lab.rows(tables.survey) == before


def test_survey_can_be_switched_off_while_a_plugin_is_missing(lab: Lab, api: Api) -> None:
    kinds = {key: kind for key, kind in lab.hub.registry.plugins.kinds.items() if key[0] is not Role.TARGET}
    lab.hub.registry.plugins = Plugins(kinds=kinds)
    api("PUT", "/surveys/other", body={})
    broken = api.get("/connections/target/crm")
    assert broken["state"] == "broken"
    assert "no installed plugin offers" in broken["sentence"]
    assert api("POST", "/surveys/onboarding/disable").status_code == 200
    settings = api.get("/surveys/onboarding")["settings"]
    assert api("PUT", "/surveys/onboarding", body={**settings, "brand": "Acme"}).status_code == 200


def test_paused_channel_says_until_when_and_why(lab: Lab, api: Api) -> None:
    def refuse(*_: object) -> None:
        raise ChannelPaused("the login was refused", retry_after_s=600)

    lab.office.behaviour["relay"] = refuse
    lab.decide(identify())
    lab.deliver()
    (channel,) = api.get("/connections", role="channel")["items"]
    assert (channel["state"], channel["sentence"]) == ("paused", "the login was refused.")
    assert channel["paused_until"] == "2026-03-11T09:40:00Z"
    assert api("POST", "/connections/channel/relay/resume").json["state"] == "working"
    lab.office.behaviour.clear()
    lab.clock.advance(timedelta(minutes=1))  # the invitation itself looks again after a minute
    assert lab.deliver() == 1
    assert api("POST", "/connections/channel/nobody/resume").status_code == 404


def test_queue_counts_and_a_whole_survey_is_released_or_cancelled(lab: Lab, api: Api) -> None:
    lab.decide(identify("u1"), identify("u2"))
    lab.change(tables.invitation, state="held", reason="surge")
    assert [(row["state"], row["count"]) for row in api.get("/queue")["items"]] == [("held", 2)]
    assert api("POST", "/surveys/onboarding/release-held").json == {"count": 2}
    assert lab.states() == ["scheduled", "scheduled"]
    lab.change(tables.invitation, state="held")
    assert api("POST", "/surveys/onboarding/cancel-held").json == {"count": 2}
    assert api("POST", "/surveys/unheard-of/cancel-held").status_code == 404


@pytest.mark.parametrize("bad", ["half \ud83d", "a\x00b"])
@pytest.mark.parametrize("field", ["namespace", "mode", "api_key"])
def test_connection_with_characters_that_are_no_text_is_refused_by_its_field(
    lab: Lab, api: Api, field: str, bad: str
) -> None:
    before = lab.rows(tables.connection, "id")
    answer = api("PUT", "/connections/source/product", body={"kind": "fake", field: bad})
    assert (answer.status_code, answer.json["fields"]) == (422, {field: ["holds characters that are no text"]})
    assert lab.rows(tables.connection, "id") == before


def test_survey_with_characters_that_are_no_text_is_refused_however_deep_they_are(api: Api) -> None:
    settings = api.get("/surveys/onboarding")["settings"]
    wrong = {
        **settings,
        "brand": "\ud800",
        "trigger_event": "Bought",
        "trigger_properties": {"plan": "a\x00", "\udc00": 1},
    }
    answer = api("PUT", "/surveys/onboarding", body=wrong)
    assert answer.status_code == 422
    assert answer.json["fields"] == {
        "brand": ["holds characters that are no text"],
        "trigger_properties.plan": ["holds characters that are no text"],
        "trigger_properties.\ufffd": ["has a name with characters that are no text"],
    }


def test_versions_of_what_customers_see_are_listed_and_shown(lab: Lab, api: Api) -> None:
    settings = api.get("/surveys/onboarding")["settings"]
    api("PUT", "/surveys/onboarding", body={**settings, "texts": {"de": {"subject": "Hallo"}}})
    assert [one["number"] for one in api.get("/surveys/onboarding/texts")["items"]] == [2, 1]
    shown = api.get("/surveys/onboarding/texts/2")
    assert shown["content"]["texts"] == {"de": {"subject": "Hallo"}}
    assert api("GET", "/surveys/onboarding/texts/3").status_code == 404


def test_wrong_text_is_told_by_its_path(api: Api) -> None:
    refused = api("PUT", "/surveys/onboarding", body={"texts": {"de": {"subject": "{{ nme }}"}}})
    assert refused.status_code == 422
    assert "texts.de.subject" in " ".join(refused.json["fields"])
