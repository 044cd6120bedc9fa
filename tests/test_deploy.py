"""The files under deploy/: commands, variables, routes and paths that are really there, and processes apart."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from ruamel.yaml import YAML

from hub.config import VARIABLES
from hub.plugins import RESERVED_PATHS, find_plugins
from hub.store.configuration import Role
from tests.command_lines import is_a_command
from tests.configured import API_KEY
from tests.documents import ROOT, blocks, read, section, table
from tests.processes import dying_with_parent, free_port, stop
from tests.servers import SmtpSink

DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
COMPOSE = YAML(typ="safe", pure=True).load(DEPLOY / "compose.yaml")
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
FILES = sorted(path for path in [*DEPLOY.rglob("*"), ROOT / ".dockerignore"] if path.is_file())


# Words


def command_lines() -> Iterator[str]:
    """Yield every command line of the hub in the files."""
    yield " ".join(json.loads(re.findall(r"^CMD (.*)$", DOCKERFILE, re.MULTILINE)[-1]))
    for service in COMPOSE["services"].values():
        if service.get("image") == "survey-hub" and "command" in service:
            yield " ".join(service["command"])
    for unit in UNITS:
        yield re.findall(r"^ExecStart=/opt/survey-hub/bin/(.*)$", unit.read_text(), re.MULTILINE)[0]


def test_every_command_line_is_one_of_the_hub() -> None:
    lines = list(command_lines())
    assert len(lines) == 1 + 4 + len(UNITS)
    assert [line for line in lines if not (line.startswith("hub ") and is_a_command(line))] == []


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_every_variable_is_one_of_the_hub(file: Path) -> None:
    known = {*VARIABLES, *(f"{name}_FILE" for name in VARIABLES)}
    assert set(re.findall(r"\bHUB_[A-Z_]+", file.read_text())) <= known


# Containers


def test_compose_file_is_one(tmp_path: Path) -> None:
    line = [Path(sys.executable).parent / "check-jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*line, DEPLOY / "compose.yaml"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_name_in_the_compose_file_is_declared() -> None:
    services = COMPOSE["services"]
    for service in services.values():
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])
        assert set(service.get("networks", [])) <= set(COMPOSE["networks"])
        assert {volume.partition(":")[0] for volume in service.get("volumes", [])} <= set(COMPOSE["volumes"])
        assert set(service.get("depends_on", {})) <= set(services)
        for name, value in service.get("environment", {}).items():
            if name.endswith("_FILE"):
                assert value.removeprefix("/run/secrets/") in service["secrets"]


def test_only_one_container_runs_unless_more_are_asked_for() -> None:
    assert [name for name, service in COMPOSE["services"].items() if "profiles" not in service] == ["hub"]


def test_no_container_of_the_hub_may_more_than_it_needs() -> None:
    for service in COMPOSE["services"].values():
        if service["image"] == "survey-hub":
            assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_the_image_is_built_of_what_is_there() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {name for line in re.findall(r"^COPY (?!--)(.*) \S+$", DOCKERFILE, re.MULTILINE) for name in line.split()}
    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)
    project = tomllib.loads(read("pyproject.toml"))
    assert {project["project"]["readme"], *project["project"]["license-files"]} <= copied
    extras = re.findall(r"\.whl\)\[(.*?)\]", DOCKERFILE)[0].split(",")
    assert set(extras) <= set(project["project"]["optional-dependencies"])


# Services of systemd


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_units_are_sound_and_closed(tmp_path: Path, unit: Path) -> None:
    copy = tmp_path / unit.name.replace("@.", "@8000.")
    copy.write_text(unit.read_text().replace("/opt/survey-hub/bin/hub", sys.executable))
    verified = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, check=False)
    said = [line for line in verified.stderr.splitlines() if copy.name in line]  # it also looks at this machine's own
    assert (verified.returncode, said) == (0, [])
    line = ["systemd-analyze", "security", "--offline=yes", "--threshold=20", "--no-pager", copy]
    assert subprocess.run(line, capture_output=True, check=False).returncode == 0


# Proxies


def public_routes() -> set[str]:
    """Return the routes that the documentation says are public."""
    rows = table(section(read("docs/operating.md"), "## TLS and the public routes"), "path")
    return {path.strip("` ") for row in rows for path in row[0].split(",")}


def test_the_public_routes_are_routes_of_the_hub() -> None:
    sources = {path for kind in find_plugins().kinds_of(Role.SOURCE).values() for path in kind.paths}  # type: ignore[attr-defined]
    own = {f"{path}/*" for path in RESERVED_PATHS} | {"/channels/*/events"}
    assert sources <= public_routes() <= sources | own


def test_the_proxies_let_through_what_is_public() -> None:
    nginx = (DEPLOY / "proxy/nginx.conf").read_text()
    through = {f"{path}*" for path in re.findall(r"^    location (/\w+/) ", nginx, re.MULTILINE)}
    assert re.findall(r"^    location ~ (\S+) ", nginx, re.MULTILINE) == ["^/channels/[^/]+/events$"]
    assert through | {"/channels/*/events"} == public_routes()
    caddy = (DEPLOY / "proxy/Caddyfile").read_text()
    [paths] = re.findall(r"@public path (.*)", caddy)
    assert set(paths.split()) == public_routes()


@pytest.mark.parametrize(("name", "language"), [("nginx.conf", "nginx"), ("Caddyfile", "caddyfile")])
def test_the_documented_way_to_the_console_is_the_one_in_the_file_of_the_proxy(name: str, language: str) -> None:
    [documented] = blocks(section(read("docs/operating.md"), "### The console behind the proxy"), language)
    lines = (DEPLOY / "proxy" / name).read_text().splitlines()
    offered = [line.strip().removeprefix("# ").strip() for line in lines if line.strip().startswith("# ")]
    wanted = [line.strip() for line in documented.splitlines()]
    assert any(offered[start : start + len(wanted)] == wanted for start in range(len(offered)))
    assert all(path in documented for path in ("metrics", "healthz", "readyz"))


@pytest.mark.parametrize("name", ["nginx.conf", "Caddyfile"])
def test_the_proxies_have_browsers_come_by_https_alone(name: str) -> None:
    [value] = re.findall(r'Strict-Transport-Security "([^"]*)"', (DEPLOY / "proxy" / name).read_text())
    assert int(re.findall(r"max-age=(\d+)", value)[0]) >= 31_536_000


# Processes apart


class Apart:
    """What the profile `apart` runs, started by hand on this machine's servers."""

    def __init__(self, directory: Path, *, database_url: str, redis_url: str) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.secrets = {"hub_database_url": database_url.replace("+psycopg", ""), "hub_secret_key": "k" * 32}
        for name, value in self.secrets.items():
            (directory / name).write_text(value + "\n")
        self.servers = {"redis://valkey:6379/0": redis_url}
        self.processes: list[subprocess.Popen[bytes]] = []

    def environ(self, service: str) -> dict[str, str]:
        """Return a service's variables, with this machine's places in them."""
        given = {name: self._here(value) for name, value in COMPOSE["services"][service]["environment"].items()}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
        return {**kept, **given, "HUB_BASE_URL": self.url, "HUB_DATA_DIR": str(self.directory / service)}

    def _here(self, value: str) -> str:
        return self.servers.get(value, value.replace("/run/secrets", str(self.directory)))

    def line(self, service: str) -> list[str]:
        """Return a service's command, with another port where it has one."""
        command = COMPOSE["services"][service]["command"]
        elsewhere = ["--host", "127.0.0.1", "--port", str(self.port)] if "--host" in command else []
        return [sys.executable, "-m", *command, *elsewhere]

    def run(self, service: str, *arguments: str) -> None:
        """Run a service to its end, or another command of the hub as it."""
        line = [sys.executable, "-m", "hub", *arguments] if arguments else self.line(service)
        done = subprocess.run(line, env=self.environ(service), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self, service: str) -> None:
        """Start a service."""
        line = [*dying_with_parent(signal.SIGKILL), *self.line(service)]
        with (self.directory / f"{service}.log").open("ab") as log:
            self.processes.append(subprocess.Popen(line, env=self.environ(service), stdout=log, stderr=log))

    def wait_until_ready(self) -> None:
        """Return once everything is at work."""
        deadline = time.monotonic() + 60
        while not self._is_ready():
            logs = [path.read_text() for path in self.directory.glob("*.log")]
            assert time.monotonic() < deadline, "\n".join(logs)
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/readyz", timeout=2).ok
        except requests.RequestException:
            return False


SETUP = """
[sources.product]
kind = "segment"
api_key = "{key}"
[channels.relay]
kind = "smtp"
host = "{host}"
port = {port}
from = "Acme <hello@acme.example>"
[surveys.onboarding]
sources = ["product"]
channels = ["relay"]
enabled = true
"""


@pytest.mark.processes
def test_the_processes_apart_send_a_survey(
    tmp_path: Path, postgres_url: str, redis_url: str, smtp_sink: SmtpSink
) -> None:
    apart = Apart(tmp_path, database_url=postgres_url, redis_url=redis_url)
    (tmp_path / "hub.toml").write_text(SETUP.format(key=API_KEY, host=smtp_sink.host, port=smtp_sink.port))
    apart.run("migrate")
    apart.run("web", "apply", str(tmp_path / "hub.toml"), "--yes")
    try:
        for service in ("web", "worker", "scheduler"):
            apart.start(service)
        apart.wait_until_ready()
        body = json.dumps({"userId": "ada", "traits": {"email": "ada@acme.example"}})
        answer = requests.post(f"{apart.url}/v1/identify", data=body, auth=(API_KEY, ""), timeout=30)
        assert answer.status_code == 200
        [mail] = smtp_sink.wait_for(1, timeout_s=60)
    finally:
        for process in apart.processes:
            stop(process, signal.SIGTERM, timeout_s=20)
    assert mail.recipients == ("ada@acme.example",)
    assert f"{apart.url}/s/" in mail.parsed().get_body(("plain",)).get_content()  # type: ignore[union-attr]
