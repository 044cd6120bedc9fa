"""Configuration documents: plan, apply, export, and everything that is wrong at once."""

from __future__ import annotations

import pytest

from hub.admin.configuration import apply as applying
from hub.admin.configuration import planning
from hub.admin.configuration.export import export
from hub.admin.trouble import Conflict
from hub.config import ConfigError
from hub.store import tables
from hub.store.configuration import Role
from tests.lab import SETUP, Lab, identify, survey_lines

TEXT = SETUP + survey_lines()


def lines(lab: Lab, text: str, **environ: str) -> list[str]:
    return planning.plan(lab.hub, text, environ=environ).lines


def problems(lab: Lab, text: str, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        planning.plan(lab.hub, text, environ=environ)
    return caught.value.problems


def test_applying_again_changes_nothing(lab):
    assert lines(lab, TEXT) == []


def test_export_is_what_apply_reads(lab):
    lab.set(min_delay_days=3, brand="Acme")
    assert lines(lab, export(lab.hub)) == []
    lab.configure(export(lab.hub))
    assert lines(lab, export(lab.hub)) == []


def test_export_shows_no_secret_unless_asked(lab):
    key = lab.hub.registry.current().named(Role.SOURCE, "product").provider.config["api_key"]
    assert key not in export(lab.hub)
    assert key in export(lab.hub, reveal=True)
    assert lines(lab, export(lab.hub, reveal=True)) == []


def test_generated_key_is_told_once_and_kept(lab):
    text = TEXT.replace("[channels", '[sources.second]\nkind = "fake"\n[channels', 1)
    made = planning.plan(lab.hub, text, environ={})
    assert list(made.generated) == ["sources.second.api_key"]
    applying.apply(lab.hub, made)
    assert planning.plan(lab.hub, text, environ={}).generated == {}


def test_source_that_is_put_back_takes_the_key_it_had(lab):
    key = lab.hub.registry.current().named(Role.SOURCE, "product").provider.config["api_key"]
    lab.configure(TEXT.replace("sources.product", "sources.web").replace('["product"]', '["web"]'))
    made = planning.plan(lab.hub, TEXT, environ={})
    assert made.generated == {}
    assert "+ sources.product: back in use, kind fake, api_key = (as before)" in made.lines
    applying.apply(lab.hub, made)
    assert lab.hub.registry.current().named(Role.SOURCE, "product").provider.config["api_key"] == key
    assert lines(lab, TEXT) == []


def test_exported_secret_is_known_again_when_its_connection_is_put_back(lab):
    text = TEXT.replace('[targets.crm]\nkind = "fake"', '[targets.crm]\nkind = "fake"\npassword = "s3cret"')
    lab.configure(text)
    exported = export(lab.hub)
    lab.configure("")
    lab.configure(exported)
    assert lab.hub.registry.current().named(Role.TARGET, "crm").provider.config["password"] == "s3cret"


def test_plan_shows_what_is_new_but_no_secret(lab):
    text = TEXT + (
        '[sources.second]\nkind = "fake"\nnamespace = "shop"\n'
        '[channels.other]\nkind = "fake"\ncolour = "red"\npassword = "s3cret"\n'
        '[targets.other]\nkind = "fake"\npassword = "$CRM"\n'
        '[surveys.second]\nchannels = ["other"]\nmin_delay_days = 3\n'
    )
    assert lines(lab, text, CRM="s3cret") == [
        '+ sources.second: kind fake, namespace = "shop", api_key = (made by the hub)',
        '+ channels.other: kind fake, colour = "red", password = (hidden)',
        '+ targets.other: kind fake, password = "$CRM"',
        '+ surveys.second: a draft, channels = ["other"], min_delay_days = 3',
    ]


def test_every_problem_is_told_at_once_with_its_path(lab):
    text = (
        '[sources.product]\nkind = "fax"\n[channels.relay]\nkind = "fake"\ncolour = 7\nshade = "x"\n'
        '[channels.Bad]\nkind = "fake"\n[targets.crm]\nkind = "fake"\npassword = "(kept)"\nsync_at = "25:00"\n'
        '[targets.other]\nkind = "fake"\npassword = "$NOT_SET"\nsync_timezone = "Mars/Base"\n'
        "[surveys.onboarding]\nmin_delay_days = 5\nmax_delay_days = 3\n[surveys.b]\ndaily_limit = -1\n[zoo.x]\n"
    )
    found = problems(lab, text)
    for path in (
        *("sources.product.kind:", "channels.relay.colour:", "channels.relay.shade:", "channels.Bad:"),
        *("targets.crm.password:", "targets.crm.sync_at:", "targets.other.password:", "targets.other.sync_timezone:"),
        *("surveys.onboarding.max_delay_days:", "surveys.b.daily_limit:", "zoo:"),
    ):
        assert any(problem.startswith(path) for problem in found), path


@pytest.mark.parametrize(
    "setting",
    ["min_delay_days", "max_delay_days", "min_interval_weeks", "max_event_age_hours", "quiet_period_hours"],
)
@pytest.mark.parametrize("value", ["-1", "1e12", "nan", "inf"])
def test_span_that_no_clock_can_count_is_refused(lab, setting, value):
    assert any(setting in problem for problem in problems(lab, SETUP + f"{setting} = {value}\n"))


def test_unknown_connection_is_named_with_those_there_are(lab):
    [problem] = problems(lab, TEXT.replace('channels = ["relay"]', 'channels = ["relax"]'))
    assert problem == "surveys.onboarding.channels: there is no [channels.relax]; there are: relay"


def test_secret_from_a_variable_is_stored_by_its_name(lab):
    text = TEXT.replace('[targets.crm]\nkind = "fake"', '[targets.crm]\nkind = "fake"\npassword = "$CRM"')
    applying.apply(lab.hub, planning.plan(lab.hub, text, environ={"CRM": "s3cret"}))
    assert 'password = "$CRM"' in export(lab.hub, reveal=True)


def test_two_sources_with_one_key_are_refused(lab):
    text = '[sources.a]\nkind = "fake"\napi_key = "same"\n[sources.b]\nkind = "fake"\napi_key = "same"\n'
    assert problems(lab, text) == ["sources.b.api_key: sources.a has the same key; each source needs its own"]


def test_two_sources_may_swap_their_keys(lab):
    text = '[sources.a]\nkind = "fake"\napi_key = "{}"\n[sources.b]\nkind = "fake"\napi_key = "{}"\n'
    lab.configure(text.format("one", "two"))
    assert lines(lab, text.format("two", "one")) == ["~ sources.a.api_key: changed", "~ sources.b.api_key: changed"]


def test_other_kind_is_another_connection_and_the_old_one_is_retired(lab):
    before = lab.id_of(Role.CHANNEL, "relay")
    lab.hub.registry.plugins.kinds[Role.CHANNEL, "other"] = lab.hub.registry.plugins.kinds[Role.CHANNEL, "fake"]
    text = TEXT.replace('[channels.relay]\nkind = "fake"', '[channels.relay]\nkind = "other"')
    assert lines(lab, text) == ["~ channels.relay: kind fake -> other"]
    lab.configure(text)
    assert lab.id_of(Role.CHANNEL, "relay") != before
    assert {row.id: row.retired_at for row in lab.rows(tables.connection)}[before] == lab.clock()


def test_renamed_source_is_a_new_one_with_a_new_key(lab):
    text = TEXT.replace("sources.product", "sources.web").replace('["product"]', '["web"]')
    made = planning.plan(lab.hub, text, environ={})
    assert made.lines[0] == "+ sources.web: kind fake, api_key = (made by the hub)"
    assert "- sources.product: taken out of use" in made.lines
    assert list(made.generated) == ["sources.web.api_key"]


def test_removed_survey_cancels_what_waits_and_keeps_its_history(lab):
    lab.decide(identify())
    lab.configure(SETUP.split("[surveys.")[0])
    assert [(row.state, row.reason) for row in lab.invitations()] == [("cancelled", "cancelled")]
    assert lab.reasons() == ["scheduled"]


def test_survey_that_cannot_ask_anybody_is_warned_about(lab):
    made = planning.plan(lab.hub, "[surveys.idle]\nenabled = true\n", environ={})
    assert len(made.warnings) == 2


def test_plan_alone_changes_nothing(lab):
    before = lab.rows(tables.connection), lab.rows(tables.survey)
    lines(lab, "")
    assert (lab.rows(tables.connection), lab.rows(tables.survey)) == before


def test_plan_for_a_configuration_that_changed_meanwhile_is_refused(lab: Lab) -> None:
    made = planning.plan(lab.hub, SETUP, environ={})
    lab.set(min_delay_days=3)
    with pytest.raises(Conflict, match="was changed meanwhile"):
        applying.apply(lab.hub, made)
    assert next(iter(lab.hub.registry.current().surveys.values())).settings["min_delay_days"] == 3
