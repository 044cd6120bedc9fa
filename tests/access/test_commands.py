"""`hub accounts`: for whoever lost the password."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import click.testing
import pytest
from click.testing import CliRunner

from hub.admin import audit
from hub.admin.access import accounts, sessions
from hub.admin.paging import Slice
from hub.cli import main
from hub.pipeline.hub import Hub, open_hub
from tests.lab import KEY, settings_for

PASSWORD = "three green kettles"


@pytest.fixture
def hub(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that the commands find."""
    for name, value in {"HUB_DATABASE_URL": database_url, "HUB_DATA_DIR": str(tmp_path), "HUB_SECRET_KEY": KEY}.items():
        monkeypatch.setenv(name, value)
    opened = open_hub(settings_for(database_url, tmp_path))
    yield opened
    opened.close()


def run(*words: str, piped: str = "") -> click.testing.Result:
    return CliRunner().invoke(main, ["accounts", *words], input=piped)


def test_account_is_made_changed_and_removed(hub: Hub) -> None:
    assert run("list").output == "There is no account.\n"
    assert run("add", "Ada", piped=f"{PASSWORD}\n").output == "Added ada, admin.\n"
    assert run("add", "ben", "--role", "viewer", piped=f"{PASSWORD}\r\n").output == "Added ben, viewer.\n"
    secret = sessions.log_in(hub, "ben", PASSWORD)
    assert isinstance(secret, str)
    assert run("role", "ben", "editor").output == "ben is editor.\n"
    assert sessions.account_of(hub, secret) is None
    result = run("password", "ben", piped="four yellow teapots\n")
    assert result.output == "ben has another password; their sessions ended.\n"
    assert isinstance(sessions.log_in(hub, "ben", "four yellow teapots"), str)
    first, second = run("list").output.splitlines()
    assert first.split() == ["ada", "admin", "never", "logged", "in"]
    assert second.split()[:4] == ["ben", "editor", "last", "seen"]
    assert run("remove", "ben").output == "Removed ben.\n"
    assert [one.name for one in accounts.accounts(hub)] == ["ada"]
    page = audit.entries(hub, audit.Wanted(subject="ben"), Slice())
    assert {entry.who for entry in page.items if entry.action.startswith("account.")} == {"command line"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "ada"), "password: has 0 characters; use 12 or more, a few words for example"),
        (("password", "nobody"), "There is no account 'nobody'; there are: none"),
        (("role", "nobody", "admin"), "There is no account 'nobody'; there are: none"),
        (("remove", "nobody"), "There is no account 'nobody'; there are: none"),
    ],
)
@pytest.mark.usefixtures("hub")
def test_what_cannot_be_done_is_said_in_a_sentence(words: tuple[str, ...], said: str) -> None:
    result = run(*words)
    assert (result.exit_code, result.output) == (2, f"{said}\n")


@pytest.mark.usefixtures("hub")
def test_last_admin_is_kept() -> None:
    run("add", "ada", piped=f"{PASSWORD}\n")
    result = run("remove", "ada")
    assert (result.exit_code, result.output) == (2, "ada is the last admin; make somebody else admin first\n")


def test_no_command_takes_a_password_as_an_argument() -> None:
    group = main.commands["accounts"]
    assert isinstance(group, click.Group)
    named = {parameter.name for command in group.commands.values() for parameter in command.params}
    assert named == {"name", "role"}
