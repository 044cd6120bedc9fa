"""docs/plugin-tutorial.md, followed as it stands: its files work at every step."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hub.admin.configuration import document
from hub.admin.configuration.plugin_check import check
from hub.plugins import find_plugins
from tests import documents
from tests.documents import ROOT

PAGE = documents.read("docs/plugin-tutorial.md")
HEADING = re.compile(r"# (\w+\.py)(, continued)?\n")
ENVIRONMENT = {"SHOP_TOKEN": "a" * 32, "POSTBOX_TOKEN": "b" * 32, "POSTBOX_REPORT_TOKEN": "c" * 32} | {
    "CHAT_ADDRESS": "https://chat.example/rooms/k3y"
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All files of the page."""
    folder = tmp_path_factory.mktemp("tutorial")
    for name, text in files().items():
        (folder / name).write_text(text)
    return folder


def files() -> dict[str, str]:
    """Return the files of the page; the first line of each block says to which it belongs."""
    found: dict[str, str] = {}
    for block in documents.blocks(PAGE, "python"):
        heading = HEADING.match(block)
        assert heading, f"the first line of a block names its file: {block[:60]}"
        assert (heading[1] in found) == bool(heading[2]), f"{heading[0]} is begun once, then continued"
        found[heading[1]] = found.get(heading[1], "") + ("\n" if heading[2] else "") + block
    return found


def run(folder: Path, *line: str, path: Path) -> str:
    """Return what a program printed, with a folder on Python's path."""
    environ = {**os.environ, "PYTHONPATH": f"{path}{os.pathsep}{ROOT}", "HUB_DATA_DIR": str(folder / "data")}
    environ.pop("HUB_PLUGINS_DIR", None)
    done = subprocess.run(line, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pytest_line(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]


def test_page_has_a_plugin_of_every_role_each_with_its_tests():
    names = ["shop.py", "hub_postbox.py", "hub_crm.py", "hub_chat.py"]
    assert sorted(files()) == sorted([*names, *(f"test_{name}" for name in names)])


@pytest.mark.processes
def test_all_plugins_pass_their_own_tests(folder):
    run(folder, *pytest_line("--rootdir", str(folder), str(folder)), path=folder)


@pytest.mark.parametrize("name", ["shop", "hub_postbox", "hub_crm", "hub_chat"])
def test_single_file_in_the_folder_is_found_without_a_problem(tmp_path, name):
    (tmp_path / f"{name}.py").write_text(files()[f"{name}.py"])
    plugins = find_plugins(plugins_dir=tmp_path)
    [plugin] = [one for one in plugins.installed if one.name == name]
    assert [problem for verdict in check(plugin, plugins) for problem in verdict.problems] == []


@pytest.mark.parametrize("block", documents.blocks(PAGE, "toml"))
def test_configuration_applies_once_the_plugins_are_there(tmp_path, block):
    for name, text in files().items():
        if not name.startswith("test_"):
            (tmp_path / name).write_text(text)
    plugins = find_plugins(plugins_dir=tmp_path)
    wanted = document.read(document.parse(block), plugins, environ=ENVIRONMENT, kept=lambda role, name, kind, key: None)
    assert wanted.problems == []


@pytest.mark.processes
def test_package_with_the_files_of_the_page_is_installed_tested_and_checked(folder, tmp_path):
    run(tmp_path, sys.executable, "-m", "hub", "plugin", "new", "shop", path=ROOT)
    package = tmp_path / "survey-hub-shop"
    assert (package / "hub_shop.py").exists()
    (package / "hub_shop.py").write_text(files()["shop.py"])
    tests = files()["test_shop.py"].replace("from shop import", "from hub_shop import")
    (package / "tests" / "test_hub_shop.py").write_text(tests)
    site = tmp_path / "site"
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    run(tmp_path, sys.executable, "-m", "pip", "install", *options, "--target", str(site), str(package), path=ROOT)
    run(package, *pytest_line(), path=site)
    checked = run(tmp_path, sys.executable, "-m", "hub", "plugins", "check", "shop", path=site)
    assert checked.startswith("ok      shop loads")
