"""What the documentation shows of commands is what they print, but for paths and keys that are made."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from hub.cli import main
from hub.cli.common import opened_hub
from hub.pipeline import decide
from hub.store import intake
from hub.store.configuration import Role
from hub.store.intake import AcceptedBody
from tests import documents

README = documents.read("README.md")
OPERATING = documents.read("docs/operating.md")

Run = Callable[..., list[str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in a new folder that holds the README's `hub.toml`; return its lines."""
    for name in ("HUB_DATABASE_URL", "HUB_SECRET_KEY", "HUB_DATA_DIR", "HUB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HUB_REDIS_URL", f"unix://{tmp_path}/nobody.sock")
    monkeypatch.setenv("SEGMENT_WRITE_KEY", "w" * 32)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hub.toml").write_text(documents.blocks(README, "toml")[0])

    def run(*arguments: str, answers: str | None = None) -> list[str]:
        result = CliRunner().invoke(main, list(arguments), input=answers)
        assert result.exit_code == 0, result.output
        return result.output.replace(str(tmp_path), "...").splitlines()

    return run


def shown(page: str, command: str) -> list[str]:
    """Return what a page shows below a command, up to the next one."""
    [block] = [block for block in documents.blocks(page, "console") if f"$ {command}\n" in block]
    return block.partition(f"$ {command}\n")[2].partition("\n$ ")[0].splitlines()


def test_applying_the_readmes_file_is_shown_as_it_is(run: Run) -> None:
    printed = "\n".join(run("apply", "hub.toml"))
    printed = re.sub(r"(?<=product\.api_key = )[\w-]{20,}", "Qm3v...", printed)
    asked = printed.replace("No terminal: applying without asking.", "Apply these changes? [y/N]: y")
    assert asked.splitlines() == shown(README, "hub apply hub.toml")


def test_a_hub_that_is_well_is_shown_as_it_is(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_BASE_URL", "https://hub.acme.example")
    run("apply", "hub.toml", "--yes")
    assert run("doctor") == shown(OPERATING, "hub doctor")


def test_a_backup_is_shown_as_it_is(run: Run) -> None:
    run("apply", "hub.toml", "--yes")
    printed = run("backup", "backups/2026-03-01")
    assert [line.replace("backups/", "/var/backups/hub/") for line in printed] == shown(
        OPERATING, "hub backup /var/backups/hub/2026-03-01"
    )


def test_erasing_a_person_is_shown_as_it_is(run: Run) -> None:
    run("apply", "hub.toml", "--yes")
    with opened_hub() as hub:
        source = hub.registry.current().named(Role.SOURCE, "product")
        assert source is not None
        traits = {"email": "ada@example.com", "firstName": "Ada", "createdAt": hub.now().isoformat()}
        bodies = [
            json.dumps({"messageId": f"m{number}", "userId": "user-17", "traits": traits}).encode()
            for number in range(3)
        ]
        accepted = [
            AcceptedBody(source_id=source.id, hint="identify", arrived_at=hub.now(), body=body) for body in bodies
        ]
        intake.append(hub.store, accepted)
        decide.drain(hub, until=1e12)
    assert run("erase", "ada@example.com", answers="y\n") == shown(OPERATING, "hub erase ada@example.com")
