"""One-file plugins in HUB_PLUGINS_DIR: found like any other, under names of their own, and never in the way."""

from __future__ import annotations

import json
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from click.testing import CliRunner

from hub.cli import main
from hub.config import Settings, load_settings
from hub.pipeline.hub import open_hub
from hub.plugins import Plugins, find_plugins
from hub.store import migrate
from hub.store.configuration import Role
from hub.store.engine import Store
from hub.work import jobs

SOURCE = """
from __future__ import annotations
from dataclasses import dataclass
from marshmallow import Schema
from hub.plugin import EventSource, hookimpl

@dataclass(kw_only=True)
class Customer:
    name: str

class Some(EventSource):
    kind = "{kind}"
    config_schema = Schema
    def receive(self, request): ...
    def read(self, stored): ...

@hookimpl
def hub_event_sources():
    return [Some]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one good plugin."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "shop.py").write_text(SOURCE.format(kind="shop"))
    return folder


def find(folder: Path, *entries: EntryPoint) -> Plugins:
    return find_plugins(entries, plugins_dir=folder)


def test_file_is_a_plugin_named_after_it(folder):
    found = find(folder)
    [plugin] = found.installed
    assert (plugin.name, plugin.file, plugin.origin) == ("shop", folder / "shop.py", str(folder / "shop.py"))
    assert list(found.kinds) == [(Role.SOURCE, "shop")]
    assert found.problems == []


def test_file_stands_in_the_way_of_no_module(folder, monkeypatch):
    (folder / "json.py").write_text(SOURCE.format(kind="imposter"))
    assert (Role.SOURCE, "imposter") in find(folder).kinds
    assert "survey_hub_file.json" in sys.modules
    assert sys.modules["json"] is json
    assert str(folder) not in sys.path


@pytest.mark.parametrize("name", ["_shop.py", ".shop.py", "shop.txt", "shop.pyc"])
def test_other_files_are_left_alone(folder, name):
    (folder / name).write_text("raise RuntimeError")
    assert find(folder).problems == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"def broken(:", "cannot be loaded: SyntaxError"),
        (b"raise SystemExit(3)", "cannot be loaded: SystemExit: 3"),
        (b"\xff\xfe", "cannot be loaded: SyntaxError"),
        (b"hub_api = (7, 7)", "written for version 7"),
        (b"hub_api = (1, 1)", "offers nothing; does a hook of it return a class?"),
        (SOURCE.format(kind="Segment-X").encode(), "Some.kind is 'Segment-X'; use lower-case letters"),
    ],
)
def test_broken_file_is_reported_alone(folder, text, words):
    (folder / "bad.py").write_bytes(text)
    found = find(folder)
    [problem] = found.problems
    assert problem.startswith("bad: ")
    assert words in problem
    assert (Role.SOURCE, "shop") in found.kinds


def test_file_that_cannot_be_read_is_reported(folder):
    (folder / "gone.py").symlink_to(folder / "nowhere")
    assert find(folder).problems[0].startswith("gone: cannot be loaded: FileNotFoundError")


def test_file_that_failed_leaves_no_module_behind(folder):
    (folder / "half.py").write_text("raise RuntimeError")
    find(folder)
    assert "survey_hub_file.half" not in sys.modules


def test_folder_that_is_not_there_is_reported(tmp_path):
    missing = tmp_path / "missing"
    [problem] = find(missing).problems
    assert problem.startswith(f"HUB_PLUGINS_DIR: {missing} cannot be read: No such file or directory; make the folder")


def test_file_with_the_name_of_an_installed_plugin_is_not_loaded(folder):
    (folder / "segment.py").write_text(SOURCE.format(kind="other"))
    found = find(folder, EntryPoint(name="segment", value="hub_segment", group="survey_hub"))
    assert found.problems == ["segment: there is another plugin of this name; rename the file"]
    assert (Role.SOURCE, "segment") in found.kinds
    assert (Role.SOURCE, "other") not in found.kinds


# Where the setting goes


def test_setting_is_a_folder_and_may_stand_in_a_file(folder, tmp_path):
    assert load_settings({}).plugins_dir is None
    assert load_settings({"HUB_PLUGINS_DIR": "here"}).plugins_dir == Path.cwd() / "here"
    (tmp_path / "setting").write_text(f"{folder}\n")
    assert load_settings({"HUB_PLUGINS_DIR_FILE": str(tmp_path / "setting")}).plugins_dir == folder


def test_opened_hub_has_the_plugins_of_its_settings(folder, tmp_path):
    settings = Settings(data_dir=tmp_path / "data", plugins_dir=folder)
    store = Store(settings, pool_size=1)
    migrate.upgrade(store)
    store.dispose()
    hub = open_hub(settings)
    assert (Role.SOURCE, "shop") in hub.registry.plugins.kinds
    hub.close()


def test_workers_have_the_plugins_of_the_environment(folder, monkeypatch):
    monkeypatch.setenv("HUB_PLUGINS_DIR", str(folder))
    monkeypatch.setattr(jobs, "_plugins", None)
    jobs.preload(load_settings())
    assert jobs._plugins is not None
    assert (Role.SOURCE, "shop") in jobs._plugins.kinds


def test_hub_plugins_says_where_a_file_is(folder, monkeypatch):
    monkeypatch.setenv("HUB_PLUGINS_DIR", str(folder))
    assert f"shop ({folder}/shop.py): source 'shop'\n" in CliRunner().invoke(main, ["plugins"]).output
    rows = json.loads(CliRunner().invoke(main, ["plugins", "--json"]).output)
    files = {row["name"]: row["file"] for row in rows}
    assert (files["shop"], files["segment"]) == (str(folder / "shop.py"), None)
