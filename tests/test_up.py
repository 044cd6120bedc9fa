"""`hub up`: one supervisor, everything under it, nothing left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from tests.processes import descendants, free_port, stop
from tests.running_up import running_up, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]


def alive(pids: set[int]) -> set[int]:
    """Return which processes still run (a zombie does not)."""
    return {pid for pid in pids if Path(f"/proc/{pid}/stat").exists() and _state(pid) not in "ZX"}


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def test_an_empty_directory_is_enough(tmp_path: Path) -> None:
    with running_up(tmp_path) as up:
        wait_until(lambda: f"Survey Hub is up: {up.url}" in up.log.read_text(), up)
        assert (tmp_path / "hub-data" / "hub.db").exists()
        assert "<h1>Log in</h1>" in requests.get(up.url, timeout=30).text
        children = set(up.children())
    assert up.process.returncode == 0
    assert not alive(children)
    assert up.log.read_text().endswith("Stopped.\n")


def test_the_link_of_the_first_admin_is_printed_once_a_start_while_nobody_has_an_account(tmp_path: Path) -> None:
    link = re.compile(r"Nobody has an account yet.*: (\S+)/setup/([\w-]{43})\n")
    with running_up(tmp_path) as up:
        wait_until(lambda: "Nobody has an account" in up.log.read_text(), up)
        ((address, secret),) = link.findall(up.log.read_text())
        assert address == up.url
        assert (tmp_path / "hub-data" / "hub.db").read_bytes().find(secret.encode()) == -1
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    command = [sys.executable, "-m", "hub", "web", "--port", str(free_port())]
    with subprocess.Popen(command, cwd=tmp_path, env=environ, stdout=subprocess.PIPE, text=True) as web:
        assert web.stdout is not None
        ((_, newer),) = link.findall(web.stdout.readline())
        stop(web, signal.SIGTERM, timeout_s=30)
    assert newer != secret
    command = [sys.executable, "-m", "hub", "accounts", "add", "ada"]
    subprocess.run(command, cwd=tmp_path, env=environ, input="three green kettles\n", text=True, check=True, timeout=30)
    with running_up(tmp_path) as up:
        wait_until(lambda: "Survey Hub is up" in up.log.read_text(), up)
    assert "setup" not in up.log.read_text()


def test_a_start_warns_of_what_would_be_wrong_in_mails(tmp_path: Path) -> None:
    (tmp_path / "hub.toml").write_text("[surveys.onboarding]\nenabled = true\n")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    command = [sys.executable, "-m", "hub", "apply", "hub.toml", "--yes"]
    subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, check=True, timeout=30)
    with running_up(tmp_path) as up:
        assert f"! Mails would link to {up.url}, which customers cannot open" in up.log.read_text()


@pytest.mark.parametrize("part", ["valkey|redis-server", "hub worker", "hub scheduler", "hub web"])
def test_what_is_killed_is_started_again(tmp_path: Path, part: str) -> None:
    with running_up(tmp_path) as up:
        victims = {pid for pid, args in up.children().items() if re.search(part, args)}
        assert victims
        for pid in victims:
            with suppress(ProcessLookupError):  # a worker's job may have ended by now
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not alive(victims), up)
        wait_until(lambda: any(re.search(part, args) for args in up.children().values()), up)
        wait_until(up.is_ready, up, 60)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children that their parent was killed")
def test_nothing_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    with running_up(tmp_path) as up:
        children = set(up.children())
        assert len(children) >= 4
        up.process.kill()
        up.process.wait()
        wait_until(lambda: not alive(children), up, 20)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children that their parent was killed")
def test_a_server_outlives_no_parent_that_is_killed_while_it_starts(tmp_path: Path) -> None:
    environ = {**os.environ, "HUB_DATA_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-m", "hub", "db", "upgrade"], env=environ, check=True, timeout=30)
    for delay_s in (0.0, 0.1, 0.3):
        web = subprocess.Popen([sys.executable, "-m", "hub", "web", "--port", str(free_port())], env=environ)
        children: list[int] = []
        deadline = time.monotonic() + 30
        while not children and time.monotonic() < deadline:
            children = descendants(web.pid)[1:]
        time.sleep(delay_s)
        web.kill()
        web.wait()
        while (left := alive(set(children))) and time.monotonic() < deadline:
            time.sleep(0.02)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert children
        assert not left


def test_a_second_supervisor_and_a_taken_port_are_refused_in_a_sentence(tmp_path: Path) -> None:
    with running_up(tmp_path) as up:
        for port, said in (
            (up.port, "(is another hub running there?); choose another"),
            (free_port(), "Another `hub up` runs"),
        ):
            command = [sys.executable, "-m", "hub", "up", "--port", str(port)]
            done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
            assert done.returncode == 2
            assert said in done.stderr
            assert "Traceback" not in done.stderr
