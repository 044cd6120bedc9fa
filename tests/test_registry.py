"""Finding plugins and connecting them: what is wrong is said, and everything else works."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from hub.plugins import Plugins, find_plugins
from hub.store import tables
from hub.store.configuration import Role
from tests.lab import Lab, identify

HEAD = "from hub.plugin import *\nfrom marshmallow import Schema\n"
SOURCE = """
class {name}(EventSource):
    kind = "{kind}"
    config_schema = Schema
    paths = {paths}
    def receive(self, request): ...
    def read(self, stored): ...
"""
OFFER = "@hookimpl\ndef hub_event_sources():\n    return [{name}]\n"
GOOD = HEAD + SOURCE.format(name="Good", kind="good", paths='("/good/*",)') + OFFER.format(name="Good")


def source(kind: str, *paths: str) -> str:
    return HEAD + SOURCE.format(name="Some", kind=kind, paths=repr(paths)) + OFFER.format(name="Some")


@pytest.fixture
def find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Install modules under names and find the plugins they are."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def finding(**modules: str) -> Plugins:
        entries = []
        for name, text in {**modules, "good": GOOD}.items():
            module = f"plugin_for_test_{name}"
            (tmp_path / f"{module}.py").write_text(text)
            monkeypatch.delitem(sys.modules, module, raising=False)
            entries.append(EntryPoint(name=name, value=module, group="survey_hub"))
        found = find_plugins(entries)
        assert (Role.SOURCE, "good") in found.kinds, "a good plugin works beside any other"
        return found

    return finding


def test_good_plugin_is_found_without_a_problem(find):
    found = find()
    assert found.problems == []
    assert found.installed[0].offers == [(Role.SOURCE, "good")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "@hookimpl\ndef hub_event_source(): return []",
            ["no hook hub_event_source", "did you mean hub_event_sources?"],
        ),
        ("@hookimpl\ndef hub_greetings(): return []", ["no hook hub_greetings"]),
        ("def hub_event_sources(): return []", ["hub_event_sources is not marked with @hookimpl"]),
        ("@hookimpl\ndef hub_event_sources(surprise): return []", ["cannot be loaded", "surprise"]),
        ("raise RuntimeError('broken')", ["cannot be loaded: RuntimeError: broken"]),
        ("import not_installed_anywhere", ["cannot be loaded: ModuleNotFoundError"]),
        ("def broken(:", ["cannot be loaded: SyntaxError"]),
        ("raise SystemExit(3)", ["cannot be loaded: SystemExit: 3"]),
        ("@hookimpl\ndef hub_event_sources(): return 1 / 0", ["hub_event_sources() failed: ZeroDivisionError"]),
        ("@hookimpl\ndef hub_event_sources(): raise SystemExit(3)", ["hub_event_sources() failed: SystemExit"]),
        ("@hookimpl\ndef hub_event_sources(): return None", ["hub_event_sources() failed: TypeError"]),
        ("@hookimpl\ndef hub_event_sources(): return [7]", ["7, which is no subclass of hub.plugin.EventSource"]),
        ("@hookimpl\ndef hub_sync_targets(): return [SurveyChannel]", ["no subclass of hub.plugin.SyncTarget"]),
        (
            "class Bare(SyncTarget): ...\n@hookimpl\ndef hub_sync_targets(): return [Bare]",
            ["Bare lacks", "kind", "push"],
        ),
        (SOURCE.format(name="Odd", kind="odd", paths="()") + "Odd.kind = []\n" + OFFER.format(name="Odd"), ["no text"]),
        (
            SOURCE.format(name="Odd", kind="odd", paths="'/odd/*'") + OFFER.format(name="Odd"),
            ["Odd.paths is '/odd/*'", '("/shop/*",)'],
        ),
        (SOURCE.format(name="Odd", kind="odd", paths="(7,)") + OFFER.format(name="Odd"), ["Odd.paths is (7,)"]),
    ],
)
def test_broken_plugin_is_reported_alone(find, text, words):
    found = find(bad=HEAD + text)
    [problem] = found.problems
    assert [word for word in ["bad:", *words] if word not in problem] == []


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ("(2, 3)", ["written for the versions 2 to 3", "this hub has version 1", "upgrade survey-hub"]),
        ("(2, 2)", ["written for version 2 of", "this hub has version 1"]),
        ("(0, 0)", ["written for version 0 of", "this hub has version 1", "upgrade the plugin"]),
        ("1", ["hub_api is 1;", "works with: (1, 1)"]),
        ("(2, 1)", ["hub_api is (2, 1);"]),
        ("('1', '1')", ["hub_api is ('1', '1');"]),
        ("(1,)", ["hub_api is (1,);"]),
    ],
)
def test_plugin_for_another_version_of_the_seam_is_refused_before_its_hooks_are_called(find, declared, words):
    hook = "@hookimpl\ndef hub_event_sources(): raise RuntimeError('called')"
    found = find(bad=f"{HEAD}hub_api = {declared}\n{hook}")
    [problem] = found.problems
    assert [word for word in ["bad:", *words] if word not in problem] == []


@pytest.mark.parametrize("declared", ["(1, 1)", "(0, 1)", "(1, 9)"])
def test_plugin_for_this_version_of_the_seam_is_accepted(find, declared):
    found = find(fitting=source("fitting") + f"hub_api = {declared}\n")
    assert found.problems == []
    assert (Role.SOURCE, "fitting") in found.kinds


def test_kind_that_two_plugins_offer_is_nobodys_and_both_are_named(find):
    found = find(first=source("twin"), second=source("twin"))
    assert (Role.SOURCE, "twin") not in found.kinds
    assert len(found.problems) == 2
    assert all("first and second" in problem for problem in found.problems)


@pytest.mark.parametrize(
    ("one", "other"), [("/v9/*", "/v9/*"), ("/v9/*", "/v9/track"), ("/v9/track", "/v9/*"), ("/v9", "/v9/*")]
)
def test_root_path_that_two_kinds_claim_is_nobodys_and_both_are_named(find, one, other):
    found = find(first=source("kind_a", one), second=source("kind_b", other))
    assert {kind for _, kind in found.kinds} == {"good"}
    assert all("'kind_a'" in problem and "'kind_b'" in problem for problem in found.problems)


@pytest.mark.parametrize("path", ["/", "/*", "/s/*", "/s", "/api/v1/x", "/healthz", "/channels/*", "/sources/x"])
def test_path_of_the_hub_cannot_be_claimed(find, path):
    found = find(bad=source("greedy", path))
    [problem] = found.problems
    assert f"claims {path}, which belongs to the hub" in problem


def test_neighbouring_paths_are_apart(find):
    assert find(first=source("kind_a", "/v9/*"), second=source("kind_b", "/v90/*")).problems == []


# Connections


def change_connection(lab: Lab, role: Role, **values: object) -> None:
    with lab.hub.store.write() as connection:
        table = tables.connection
        connection.execute(table.update().where(table.c.role == role).values(**values))
        connection.execute(tables.setting.update().where(tables.setting.c.name == "revision").values(value=999))


def problem_of(lab: Lab, role: Role) -> str | None:
    [connection] = lab.hub.registry.current().live(role)
    return connection.problem


def test_connection_of_an_unknown_kind_is_broken_and_its_work_waits(lab):
    lab.decide(identify())
    change_connection(lab, Role.CHANNEL, kind="gone")
    assert "no installed plugin offers the channel kind 'gone'" in problem_of(lab, Role.CHANNEL)
    assert lab.deliver() == 0
    assert lab.states() == ["scheduled"]
    lab.decide(identify("u2"))
    assert lab.reasons() == ["scheduled", "scheduled"]


def test_missing_variable_breaks_its_connection_and_is_named(lab):
    change_connection(lab, Role.CHANNEL, config={"password": {"env": "NOT_SET_ANYWHERE"}})
    assert problem_of(lab, Role.CHANNEL) == "password: the environment variable NOT_SET_ANYWHERE is not set"


def test_secret_of_another_key_breaks_its_connection(lab):
    change_connection(lab, Role.CHANNEL, config={"password": {"sealed": "gAAAAABforeign"}})
    assert "encrypted with another key" in problem_of(lab, Role.CHANNEL)


def test_setting_that_the_plugin_no_longer_knows_breaks_its_connection(lab):
    change_connection(lab, Role.CHANNEL, config={"shade": "dark"})
    assert "shade" in problem_of(lab, Role.CHANNEL)


def test_provider_that_cannot_be_made_breaks_its_connection(lab, monkeypatch):
    def refuse(self, name, config, services):
        raise RuntimeError("no")

    monkeypatch.setattr(lab.hub.registry.plugins.kinds[Role.CHANNEL, "fake"], "__init__", refuse)
    change_connection(lab, Role.CHANNEL, config={})
    assert problem_of(lab, Role.CHANNEL) == "its plugin failed: RuntimeError: no"


def test_change_of_the_configuration_is_seen_at_once(lab):
    first = lab.hub.registry.current()
    assert lab.hub.registry.current() is first
    lab.set(min_delay_days=1)
    assert lab.hub.registry.current() is not first
