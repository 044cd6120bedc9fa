"""A stranger's plugin: installed with pip, found, configured and used, knowing `hub.plugin` alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab import SETUP, identify, open_lab, survey_lines

PACKAGE = Path(__file__).with_name("example_plugin")
DELIVER = """
import sys, time
from pathlib import Path
from hub.pipeline import deliver
from hub.pipeline.hub import open_hub
from tests.clock import Clock
from tests.lab import settings_for
hub = open_hub(settings_for(sys.argv[1], Path(sys.argv[2])), now=Clock())
print(deliver.drain(hub, until=time.monotonic() + 60))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the plugin installed."""
    copied = tmp_path_factory.mktemp("source") / "package"
    shutil.copytree(PACKAGE, copied)
    target = tmp_path_factory.mktemp("site")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, "--target", target, copied], check=True)
    return target


def run(site: Path, data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the plugin installed."""
    root = str(PACKAGE.parent.parent)
    environ = {**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{root}", "HUB_DATA_DIR": str(data_dir)}
    return subprocess.run([sys.executable, *arguments], env=environ, capture_output=True, text=True, check=False)


def test_package_imports_nothing_of_the_hub_but_its_seam():
    source = (PACKAGE / "survey_hub_outbox_file.py").read_text()
    assert {line.split()[1] for line in source.splitlines() if line.startswith("from hub")} == {"hub.plugin"}


@pytest.mark.processes
def test_installed_plugin_is_listed(site, tmp_path):
    done = run(site, tmp_path, "-m", "hub", "plugins", "--json")
    found = {plugin["name"]: plugin for plugin in json.loads(done.stdout)}
    assert found["outbox_file"] == {
        "name": "outbox_file",
        "distribution": "survey-hub-outbox-file",
        "version": "0.1.0",
        "file": None,
        "offers": ["channel:outbox_file"],
        "problems": [],
    }


@pytest.mark.processes
def test_installed_plugin_delivers(site, tmp_path):
    folder = tmp_path / "mails"
    folder.mkdir()
    database_url = f"sqlite:///{tmp_path / 'hub.db'}"
    lab = open_lab(database_url, tmp_path)
    lab.set()
    lab.decide(identify())
    lab.hub.close()
    # Surveys keep their names, so the channel alone is swapped: from one that only this process knows.
    text = SETUP.replace(
        '[channels.relay]\nkind = "fake"', f'[channels.relay]\nkind = "outbox_file"\nfolder = "{folder}"'
    )
    swap = (
        "import sys; from pathlib import Path; from hub.admin.configuration import apply, planning;"
        "from hub.pipeline.hub import open_hub;"
        "from hub.plugins import find_plugins; from hub.store.configuration import Role;"
        "from tests.fakes import FakeSource, Crm; from tests.lab import settings_for;"
        "plugins = find_plugins(); plugins.kinds[Role.SOURCE, 'fake'] = FakeSource;"
        "plugins.kinds[Role.TARGET, 'fake'] = Crm().target();"
        "hub = open_hub(settings_for(sys.argv[1], Path(sys.argv[2])), plugins=plugins);"
        "apply.apply(hub, planning.plan(hub, sys.argv[3]))"
    )
    swapped = run(site, tmp_path, "-c", swap, database_url, str(tmp_path), text + survey_lines())
    assert swapped.returncode == 0, swapped.stderr
    done = run(site, tmp_path, "-c", DELIVER, database_url, str(tmp_path))
    assert done.stdout == "1\n", done.stderr
    [mail] = folder.iterdir()
    assert b"\r\nTo: u1@acme.example\r\n" in mail.read_bytes()
