"""`hub plugin new`: a package that installs, passes its own tests and is found, whatever it is to be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hub.cli import main
from hub.store.configuration import Role

ROOT = Path(__file__).parent.parent
STYLE = ["--isolated", "--no-cache", "--line-length", "120"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def new(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["plugin", "new", *arguments])


def run(folder: Path, *line: str, site: Path | None = None) -> str:
    """Return what a program printed."""
    path = os.pathsep.join(str(part) for part in (site, ROOT) if part)
    environ = {**os.environ, "PYTHONPATH": path, "HUB_DATA_DIR": str(folder / "data")}
    done = subprocess.run(line, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.processes
@pytest.mark.parametrize("role", Role)
def test_new_package_passes_its_tests_and_is_found_once_installed(folder, role):
    assert new("corner-shop", "--kind", role.value).exit_code == 0
    package = folder / "survey-hub-corner-shop"
    run(package, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    run(package, sys.executable, "-m", "ruff", "check", *STYLE, "--select", "E,F,W,I,B,UP,SIM,RET,PT,RUF", ".")
    run(package, sys.executable, "-m", "ruff", "format", "--check", *STYLE, ".")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    run(folder, sys.executable, "-m", "pip", "install", *options, "--target", str(folder / "site"), str(package))
    rows = json.loads(run(folder, sys.executable, "-m", "hub", "plugins", "--json", site=folder / "site"))
    [found] = [row for row in rows if row["name"] == "corner_shop"]
    assert found == {
        "name": "corner_shop",
        "distribution": "survey-hub-corner-shop",
        "version": "0.1.0",
        "file": None,
        "offers": [f"{role}:corner_shop"],
        "problems": [],
    }
    run(folder, sys.executable, "-m", "hub", "plugins", "check", "corner_shop", site=folder / "site")


def test_without_a_kind_it_is_a_source():
    new("corner_shop")
    assert "class CornerShopSource(EventSource)" in Path("survey-hub-corner-shop/hub_corner_shop.py").read_text()


def test_what_was_written_is_named():
    assert new("shop").output.splitlines() == [
        "wrote survey-hub-shop/pyproject.toml",
        "wrote survey-hub-shop/README.md",
        "wrote survey-hub-shop/hub_shop.py",
        "wrote survey-hub-shop/tests/test_hub_shop.py",
        "Next: pip install -e ./survey-hub-shop && pytest ./survey-hub-shop",
    ]


def test_folder_that_is_there_is_left_alone(folder):
    (folder / "survey-hub-shop").mkdir()
    result = new("shop")
    assert (result.exit_code, result.output) == (
        2,
        "survey-hub-shop cannot be made: File exists; nothing was written\n",
    )
    assert list((folder / "survey-hub-shop").iterdir()) == []


@pytest.mark.parametrize("name", ["Shop", "7shop", "shop.io", "../shop", "shop__", "sh op", "großhandel", ""])
def test_name_that_cannot_be_a_kind_is_refused(folder, name):
    result = new(name)
    assert result.exit_code == 2
    assert f"{name!r} is no name for a plugin" in result.output
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "role"), [("segment", "source"), ("smtp", "channel"), ("email_smtp", "target"), ("email-smtp", "source")]
)
def test_name_of_something_installed_is_refused(folder, name, role):
    result = new(name, "--kind", role)
    assert result.exit_code == 2
    assert f"{name!r} is the name of something installed" in result.output
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["class", "json", "email", "flask", "requests"])
def test_name_of_a_module_or_a_word_of_python_is_refused(folder, name):
    result = new(name)
    assert result.exit_code == 2
    assert result.output == f"{name!r} is a word or a module of Python; choose another name, as in my_{name}\n"
    assert list(folder.iterdir()) == []


def test_name_of_a_folder_beside_is_free(folder):
    (folder / "shop").mkdir()
    assert new("shop").exit_code == 0
