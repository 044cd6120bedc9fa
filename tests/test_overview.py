"""The hub at a glance: the sentences of the first page."""

from __future__ import annotations

from dataclasses import replace

from hub.admin.reporting.overview import overview
from hub.store import configuration, pauses, tables
from hub.store.configuration import Role
from tests.lab import SETUP, Lab, identify, survey_lines

UNREACHABLE = (
    "Mails would link to http://127.0.0.1:8000, which customers cannot open; set HUB_BASE_URL where the hub runs."
)


def local(lab: Lab) -> Lab:
    """Return the lab with an address that only this machine can open."""
    settings = replace(lab.hub.settings, base_url="http://127.0.0.1:8000")
    return replace(lab, hub=replace(lab.hub, settings=settings))


def hints(lab: Lab) -> list[str]:
    return [hint.sentence for hint in overview(lab.hub).hints]


def states(lab: Lab) -> dict[str, str]:
    return {survey.name: survey.state for survey in overview(lab.hub).surveys}


def test_a_survey_says_what_keeps_it_from_asking(lab):
    lab.configure(
        SETUP + survey_lines() + "[surveys.draft]\n[surveys.idle]\nenabled = true\n"
        '[surveys.mute]\nenabled = true\nsources = ["product"]\n'
    )
    assert states(lab) == {
        "draft": "Off: asks nobody.",
        "idle": "On, but has no channel: its invitations wait; listens to no source: nobody will be asked.",
        "mute": "On, but has no channel: its invitations wait.",
        "onboarding": "Asks its customers.",
    }


def test_mails_that_nobody_knows_about_need_attention(lab):
    lab.decide(identify("ada"), identify("bob"))
    assert not any("Nobody can know" in hint for hint in hints(lab))
    lab.change(tables.invitation, state="unknown")
    assert "Nobody can know whether 2 mails left: they count as sent until you say that they did not." in hints(lab)


def test_links_that_customers_cannot_open_are_a_next_step_once_a_survey_is_on(lab):
    assert UNREACHABLE not in hints(lab)
    assert UNREACHABLE in hints(local(lab))
    lab.set(enabled=False)
    assert UNREACHABLE not in hints(local(lab))


def test_a_demo_has_no_customers_who_would_have_to_open_links(lab):
    with lab.hub.store.write() as connection:
        configuration.write_setting(connection, configuration.DEMO, True)
    assert UNREACHABLE not in hints(local(lab))


def test_steps_of_the_set_up_are_ticked_off_until_all_are_done(lab):
    def steps() -> dict[str, bool]:
        return {step.what: step.is_done for step in overview(lab.hub).steps}

    lab.set(enabled=False)
    assert steps() == {"mail": True, "survey": True, "events": False, "on": False}
    lab.decide(identify("ada"))
    assert steps() == {"mail": True, "survey": True, "events": True, "on": False}
    lab.set(enabled=True)
    assert steps() == {}


def test_connection_in_trouble_and_a_surge_need_attention(lab):
    assert not any("relay" in sentence for sentence in hints(lab))
    lab.decide(identify("ada"), identify("bob"))
    lab.change(tables.invitation, state="held", reason="surge")
    relay = lab.hub.registry.current().named(Role.CHANNEL, "relay")
    with lab.hub.store.write() as connection:
        pauses.pause(connection, relay.id, why="the password is refused", after_s=None, now=lab.clock())
    assert "The channel relay is paused: the password is refused." in hints(lab)
    assert "The surge brake holds surveys of onboarding: 2 wait for you to release or cancel them." in hints(lab)
