"""Plugins that are bad from the start: named, left out, and nobody else is harmed. More of them: test_registry.py."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from click.testing import CliRunner

from hub.cli import configure
from hub.plugins import find_plugins
from hub.store.configuration import Role
from tests.zoo.keeper import PLUGINS


def test_bad_plugins_are_named_and_the_good_one_is_offered():
    found = find_plugins([], plugins_dir=PLUGINS)
    assert (Role.CHANNEL, "good") in found.kinds
    for named in (
        "raises_on_import: cannot be loaded: RuntimeError: a bug",
        "raises_in_its_hook: hub_event_sources() failed: RuntimeError: a bug",
        "offers_nonsense: hub_survey_channels() returned 7, which is no subclass",
        "offers_nonsense: Bare lacks kind, config_schema",
        "claims_a_path_of_the_hub: the source kind 'greedy' claims /healthz/*, which belongs to the hub",
        "targets: TakesNone.limits is Limits(count=0",
    ):
        assert [problem for problem in found.problems if problem.startswith(named)] != [], named


SECRET = "a-secret-of-some-length"


@pytest.mark.parametrize(
    ("kind", "settings", "words"),
    [
        ("forgets_super", f'api_key = "{SECRET}"\n', "self.name is not there; call super().__init__"),
        ("tells_secrets", f'api_key = "{SECRET}"\n', "cannot log in as (address) with (secret)"),
        ("hangs_being_made", "", "its plugin did not come back from __init__ within"),
        ("exits_being_made", "", "its plugin raised SystemExit in __init__"),
    ],
    ids=["forgets super", "tells secrets", "hangs", "exits"],
)
def test_connection_that_cannot_be_made_is_broken_and_the_others_work(zoo, impatient, kind, settings, words):
    impatient("MADE_WITHIN_S")
    zoo.let_in_source(kind, settings)
    zoo.identify("ada", source="good")
    zoo.lab.deliver()
    assert zoo.left("good") == ["ada"]
    [problem] = [connection.problem for connection in zoo.lab.hub.registry.current().broken()]
    assert words in problem
    assert f"sources.bad {problem}" in zoo.said()
    assert SECRET not in zoo.said()


def test_connection_that_does_not_come_back_from_close_keeps_nobody(zoo, impatient):
    impatient("MADE_WITHIN_S")
    zoo.let_in_source("hangs_checking")
    zoo.identify("ada", source="good")
    zoo.let_in_source("honest")  # closes the other
    zoo.lab.deliver()
    assert zoo.left("good") == ["ada"]
    assert "sources.bad could not be closed: its plugin did not come back from close" in zoo.said()


def test_connection_that_does_not_come_back_from_check_is_named(zoo, impatient, monkeypatch):
    impatient("CHECKED_WITHIN_S")
    zoo.let_in_source("hangs_checking")
    monkeypatch.setattr(configure, "opened_hub", lambda: nullcontext(zoo.lab.hub))
    done = CliRunner().invoke(configure.check)
    assert done.exit_code == 1
    assert "TROUBLE sources.bad: its plugin did not come back from check" in done.output
    assert "ok      sources.good" in done.output


def test_target_that_cannot_name_its_traits_keeps_nobody_from_applying(zoo):
    zoo.let_in_target("names_nothing")
    zoo.answers_of("ada")
    zoo.lab.sync()
    assert zoo.left("synced") == ["ada"]
    assert zoo.outbox_states("bad") == ["done"]
    assert "Target bad could not say which traits it writes" in zoo.said()
