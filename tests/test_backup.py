"""A backup becomes the same hub again, which mails nobody whom the hub before may have mailed."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from hub.admin.mails import queue
from hub.admin.mails.invitations import Action, act
from hub.admin.operations.backup import MANIFEST, backup
from hub.admin.operations.doctor import examine
from hub.admin.operations.restore import held, may_have_left, restore, resume
from hub.admin.reporting.overview import overview
from hub.cli import main
from hub.cli.up import only_one
from hub.config import ConfigError, Settings, load_settings
from hub.domain.world import BRAKE_MINIMUM
from hub.store import dumps, intake, migrate, pauses, tables
from hub.store.configuration import Role
from hub.store.engine import Store
from hub.work.schedule import due_jobs
from tests import servers
from tests.clock import NOW, days, seconds
from tests.configured import TOML
from tests.lab import SETUP, Lab, identify, open_lab, settings_for, survey_lines

MINUTE = timedelta(minutes=1)
Restored = Callable[[], Lab]


@pytest.fixture(autouse=True)
def programs_of_postgres(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{servers.find_postgres()}:{os.environ['PATH']}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backups" / "today"


@pytest.fixture
def elsewhere(lab: Lab, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[[], Settings]]:
    """Settings of empty places of the lab's kind."""
    with ExitStack() as stack:

        def empty() -> Settings:
            directory = tmp_path / f"elsewhere-{len(list(tmp_path.iterdir()))}"
            directory.mkdir()
            if lab.hub.store.is_sqlite:
                return settings_for(f"sqlite:///{directory / 'hub.db'}", directory)
            server = request.getfixturevalue("postgres_server")
            return settings_for(stack.enter_context(server.database()), directory)

        yield empty


@pytest.fixture
def move(lab: Lab, folder: Path, elsewhere: Callable[[], Settings]) -> Iterator[Restored]:
    """Back the lab up and restore it elsewhere, at the time of its clock."""
    opened: list[Lab] = []

    def moved() -> Lab:
        backup(lab.hub.settings, folder, now=lab.clock)
        settings = elsewhere()
        restore(settings, folder, now=lab.clock)
        assert settings.database_url is not None
        opened.append(open_lab(settings.database_url, settings.data_dir))
        opened[-1].clock.moment = lab.clock()
        opened[-1].numbers = count(1_000)
        return opened[-1]

    yield moved
    for one in opened:
        one.hub.close()


def due_in(span: timedelta, user: str) -> dict[str, object]:
    """Return an identify that is due after a time, with a survey that asks three days after createdAt."""
    return identify(user, createdAt=(NOW - days(3) + span).isoformat())


# The copy


def test_what_was_backed_up_is_there_again(lab: Lab, move: Restored) -> None:
    lab.decide(identify("u1"), identify("u2"))
    lab.deliver()
    lab.receive(identify("u3"))
    restored = move()
    for table in (tables.event, tables.decision, tables.person, tables.connection, tables.survey):
        assert restored.rows(table) == lab.rows(table)
    assert restored.states() == ["sent", "sent"]
    assert intake.waiting(restored.hub.store) == intake.waiting(lab.hub.store)
    assert restored.hub.registry.current().hub_id == lab.hub.registry.current().hub_id
    assert migrate.is_current(restored.hub.store)


def test_no_body_is_missing_from_a_backup_of_a_hub_at_work(lab: Lab, move: Restored) -> None:
    lab.receive(*[identify(f"u{number}") for number in range(200)])
    worker = threading.Thread(target=lab.decide)
    for number in range(200, 400):
        lab.receive(identify(f"u{number}"))
    worker.start()
    restored = move()
    worker.join()
    restored.decide()
    assert len(restored.events()) == 400
    assert all(finding.ok or finding.is_note for finding in examine(restored.hub))


def test_a_body_decided_between_the_two_copies_is_in_both(
    lab: Lab, move: Restored, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.receive(identify())
    copy = dumps.copy_sqlite

    def copy_and_decide(source: Path, target: Path) -> None:
        copy(source, target)
        lab.decide()

    monkeypatch.setattr(dumps, "copy_sqlite", copy_and_decide)
    assert len(move().decide()) == 1


def test_only_the_owner_may_read_a_backup(lab: Lab, folder: Path) -> None:
    backup(lab.hub.settings, folder)
    assert folder.stat().st_mode & 0o077 == 0
    assert [path for path in folder.parent.iterdir() if path != folder] == []


def test_a_backup_never_touches_what_is_there(lab: Lab, folder: Path) -> None:
    folder.mkdir(parents=True)
    backup(lab.hub.settings, folder)
    before = (folder / MANIFEST).read_text()
    with pytest.raises(ConfigError, match="is there already"):
        backup(lab.hub.settings, folder)
    assert (folder / MANIFEST).read_text() == before


def test_a_backup_that_fails_leaves_nothing(
    lab: Lab, folder: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: Callable[[], Settings]
) -> None:
    with pytest.raises(ConfigError, match="nothing was backed up"):
        backup(elsewhere(), folder)
    assert not folder.exists()
    assert not folder.parent.exists() or not list(folder.parent.iterdir())


# What stands in the way of a restore


def test_a_damaged_file_is_named(lab: Lab, folder: Path, elsewhere: Callable[[], Settings]) -> None:
    backup(lab.hub.settings, folder)
    name = next(iter(json.loads((folder / MANIFEST).read_text())["files"]))
    (folder / name).write_bytes((folder / name).read_bytes()[:-1])
    with pytest.raises(ConfigError, match=f"{name} is damaged"):
        restore(elsewhere(), folder)


@pytest.mark.parametrize("manifest", ["", "{}", "[]", '{"format": 1}'])
def test_what_is_no_backup_is_refused(lab: Lab, folder: Path, elsewhere: Callable[[], Settings], manifest: str) -> None:
    folder.mkdir(parents=True)
    with pytest.raises(ConfigError, match="no whole backup"):
        restore(elsewhere(), folder)
    (folder / MANIFEST).write_text(manifest)
    with pytest.raises(ConfigError, match="is no backup"):
        restore(elsewhere(), folder)


@pytest.mark.parametrize(
    "wrong",
    [{"files": []}, {"files": {"hub.db": 1}}, {"made_at": "2026-03-10T09:30:00"}, {"schema": 7}, {"hub_id": []}],
)
def test_a_manifest_of_wrong_types_is_no_backup(
    lab: Lab, folder: Path, elsewhere: Callable[[], Settings], wrong: dict[str, Any]
) -> None:
    backup(lab.hub.settings, folder)
    stored = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**stored, **wrong}))
    with pytest.raises(ConfigError, match="is no backup"):
        restore(elsewhere(), folder)


def test_a_hub_that_is_there_is_never_overwritten(lab: Lab, folder: Path) -> None:
    lab.decide(identify())
    backup(lab.hub.settings, folder)
    with pytest.raises(ConfigError, match=r"is there already|is not empty"):
        restore(lab.hub.settings, folder)
    assert lab.deliver() == 1


def test_every_mismatch_is_named_at_once(lab: Lab, folder: Path, tmp_path: Path) -> None:
    backup(lab.hub.settings, folder)
    stored = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**stored, "schema": "9999", "version": "9.9"}))
    other = "postgresql+psycopg://127.0.0.1/none" if lab.hub.store.is_sqlite else f"sqlite:///{tmp_path}/new/hub.db"
    settings = Settings(data_dir=tmp_path / "new", database_url=other, secret_keys=("another key " * 4,))
    with pytest.raises(ConfigError) as caught:
        restore(settings, folder)
    said = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == 3
    for part in ("HUB_DATABASE_URL", "made by hub 9.9, which is newer", "HUB_SECRET_KEY: the hub that was backed up"):
        assert part in said


def test_a_missing_key_is_asked_for(lab: Lab, folder: Path, elsewhere: Callable[[], Settings]) -> None:
    backup(lab.hub.settings, folder)
    settings = elsewhere()
    without = Settings(data_dir=settings.data_dir, database_url=settings.database_url)
    with pytest.raises(ConfigError, match="set it to the key of the hub that was backed up"):
        restore(without, folder)


def test_a_restore_of_postgresql_that_was_cut_short_is_no_hub(
    postgres_url: str, postgres_server: servers.PostgresServer, tmp_path: Path
) -> None:
    before = open_lab(postgres_url, tmp_path)
    before.hub.close()
    dumps.dump_postgresql(postgres_url, tmp_path / "dump")
    with postgres_server.database() as url:
        dumps.load_postgresql(url, tmp_path / "dump")
        store = Store(settings_for(url, tmp_path))
        assert not migrate.is_current(store)
        store.dispose()


# PostgreSQL's programs

FAKE = """#!/bin/sh
echo "$@" > {file}
echo "password $PGPASSWORD" >> {file}
echo "pg_dump: error: no such host" >&2
exit 1
"""


@pytest.mark.parametrize(
    "url", ["postgresql+psycopg://hub:se%40cret@db/hub", "postgresql://hub@db/hub?password=se%40cret"]
)
def test_a_password_is_in_no_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    program = tmp_path / "pg_dump"
    program.write_text(FAKE.format(file=tmp_path / "seen"))
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    with pytest.raises(ConfigError) as caught:
        dumps.dump_postgresql(url, tmp_path / "dump")
    assert caught.value.problems == ["pg_dump failed: error: no such host"]
    arguments, password = (tmp_path / "seen").read_text().splitlines()
    assert "--dbname postgresql://hub@db/hub " in arguments
    assert "cret" not in arguments
    assert password == "password se@cret"


def test_without_pg_dump_a_sentence_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"pg_dump is not on the PATH; install .*postgresql-client"):
        dumps.dump_postgresql("postgresql://hub@db/hub", tmp_path / "dump")


# Mails that may have left since


def test_a_restored_hub_takes_events_and_sends_nothing(lab: Lab, move: Restored) -> None:
    lab.decide(identify("u1"))
    restored = move()
    restored.decide(identify("u2"))
    assert restored.reasons() == ["scheduled", "scheduled"]
    assert restored.deliver() == 0
    assert "deliver" not in due_jobs(restored.hub)
    assert restored.states() == ["scheduled", "scheduled"]


def test_a_hold_is_shown_wherever_a_person_looks(lab: Lab, move: Restored) -> None:
    assert held(lab.hub) is None
    restored = move()
    assert "restored from the backup of 2026-03-11 09:30 UTC" in (held(restored.hub) or "")
    assert overview(restored.hub).hints[0].about == "sending"
    assert [finding.name for finding in examine(restored.hub) if not finding.ok] == ["sending"]


@pytest.mark.parametrize(
    ("stopped_after", "unknown"),
    [(-MINUTE, []), (timedelta(0), ["now"]), (days(1), ["now", "tomorrow"]), (days(2), ["now", "tomorrow", "later"])],
)
def test_what_may_have_left_until_the_stop_is_unknown_and_the_rest_is_sent(
    lab: Lab, move: Restored, stopped_after: timedelta, unknown: list[str]
) -> None:
    lab.set(min_delay_days=3)
    lab.decide(due_in(timedelta(0), "now"), due_in(days(1), "tomorrow"), due_in(days(2), "later"))
    restored = move()
    restored.clock.advance(days(2))
    assert may_have_left(restored.hub, NOW + stopped_after) == len(unknown)
    assert resume(restored.hub, NOW + stopped_after) == len(unknown)
    restored.deliver()
    assert restored.states().count("unknown") == len(unknown)
    everybody = {"now", "tomorrow", "later"}
    assert restored.office.addresses == sorted(f"{user}@acme.example" for user in everybody - set(unknown))


def test_who_may_have_been_mailed_counts_as_surveyed(lab: Lab, move: Restored) -> None:
    lab.decide(identify())
    restored = move()
    restored.clock.advance(days(1))
    resume(restored.hub, NOW + MINUTE)
    restored.decide(identify())
    assert restored.reasons() == ["scheduled", "throttled"]
    assert restored.invitations()[0].sent_at == NOW + MINUTE
    assert restored.deliver() == 0


@pytest.mark.parametrize("way", ["one", "held", "survey"])
def test_who_was_cancelled_during_the_hold_still_counts_as_maybe_mailed(lab: Lab, move: Restored, way: str) -> None:
    lab.decide(identify())
    restored = move()
    restored.clock.advance(days(1))
    [invitation] = restored.invitations()
    if way == "one":
        act(restored.hub, invitation.id, Action.CANCEL)
    elif way == "held":
        act(restored.hub, invitation.id, Action.HOLD)
        queue.cancel(restored.hub, "onboarding")
    else:
        restored.configure(SETUP.partition("[surveys")[0])
        restored.set()
    assert restored.states() == ["cancelled"]
    assert may_have_left(restored.hub, NOW + MINUTE) == 1
    assert resume(restored.hub, NOW + MINUTE) == 1
    restored.decide(identify())
    assert restored.states() == ["unknown"]
    assert restored.deliver() == 0


def test_a_due_time_that_moves_during_the_hold_hides_nothing(lab: Lab, move: Restored) -> None:
    lab.set(min_delay_days=3)
    lab.decide(due_in(MINUTE, "u1"))
    restored = move()
    restored.decide(due_in(days(2), "u1"))
    assert restored.invitations()[0].due_at == NOW + days(2)
    restored.clock.advance(days(3))
    assert resume(restored.hub, NOW + days(1)) == 1
    assert restored.deliver() == 0


def test_what_was_scheduled_during_the_hold_is_sent(lab: Lab, move: Restored) -> None:
    restored = move()
    restored.clock.advance(days(1))
    restored.decide(identify())
    resume(restored.hub, NOW + MINUTE)
    assert restored.deliver() == 1


@pytest.mark.parametrize("is_resumed_first", [False, True])
@pytest.mark.parametrize(("due_after", "stopped_after", "left"), [(0, 30, True), (0, -5, False), (90, 30, False)])
def test_who_waited_undecided_in_a_backup_may_have_been_mailed_too(
    lab: Lab, move: Restored, is_resumed_first: bool, due_after: int, stopped_after: int, left: bool
) -> None:
    lab.set(min_delay_days=3)
    lab.receive(due_in(due_after * MINUTE, "u1"))
    lab.clock.advance(seconds(1))
    restored = move()
    restored.clock.advance(20 * MINUTE)
    if not is_resumed_first:
        restored.decide()
    restored.clock.advance(40 * MINUTE)
    unknown = resume(restored.hub, NOW + stopped_after * MINUTE)
    restored.decide()
    assert unknown == (left and not is_resumed_first)
    assert restored.states() == ["unknown" if left else "scheduled"]
    restored.clock.advance(40 * MINUTE)
    assert restored.deliver() == (not left)


def test_what_the_brake_stops_of_those_who_waited_undecided_may_have_left_too(lab: Lab, move: Restored) -> None:
    lab.set(surge_brake=True)
    lab.receive(*[identify(f"u{number}") for number in range(BRAKE_MINIMUM + 1)])
    lab.clock.advance(seconds(1))
    restored = move()
    restored.decide()
    restored.clock.advance(days(1))
    assert "held" in restored.states()
    assert resume(restored.hub, NOW + MINUTE) == BRAKE_MINIMUM + 1


@pytest.mark.parametrize("is_resumed_first", [False, True])
def test_who_is_scheduled_anew_before_their_undecided_event_is_read_may_have_left(
    lab: Lab, move: Restored, is_resumed_first: bool
) -> None:
    two_sources = SETUP.replace('["product"]', '["product", "shop"]') + '[sources.shop]\nkind = "fake"\n'
    lab.configure(two_sources.replace('targets = ["crm"]\n', f'targets = ["crm"]\n{survey_lines(min_delay_days=3)}'))
    lab.receive(due_in(MINUTE, "u1"), source="shop")
    shop = lab.id_of(Role.SOURCE, "shop")
    lab.clock.advance(seconds(1))
    restored = move()
    with restored.hub.store.write() as connection:
        pauses.pause(connection, shop, why="it hangs", after_s=3_600, now=restored.clock())
    restored.decide(due_in(2 * MINUTE, "u1"))
    restored.clock.advance(timedelta(hours=2))
    if is_resumed_first:
        assert resume(restored.hub, NOW + timedelta(hours=1)) == 0
        restored.decide()
    else:
        restored.decide()
        assert resume(restored.hub, NOW + timedelta(hours=1)) == 1
    assert restored.reasons() == ["scheduled", "already_scheduled"]
    assert restored.states() == ["unknown"]
    assert restored.deliver() == 0


def test_each_restore_is_remembered(
    lab: Lab, move: Restored, elsewhere: Callable[[], Settings], tmp_path: Path
) -> None:
    lab.receive(identify())
    lab.clock.advance(seconds(1))
    second = move()
    second.clock.advance(days(1))
    resume(second.hub, NOW + MINUTE)
    backup(second.hub.settings, tmp_path / "second", now=second.clock)
    settings = elsewhere()
    restore(settings, tmp_path / "second", now=second.clock)
    third = open_lab(str(settings.database_url), settings.data_dir)
    third.clock.moment = second.clock() + days(1)
    resume(third.hub, second.clock() - MINUTE)
    third.decide()
    assert third.states() == ["unknown"]
    third.hub.close()


@pytest.mark.parametrize("state", ["scheduled", "queued", "claimed", "sending"])
@pytest.mark.parametrize("is_swept", [True, False])
def test_what_was_in_hand_when_the_backup_was_made_is_never_sent_again(
    lab: Lab, move: Restored, state: str, is_swept: bool
) -> None:
    lab.decide(identify())
    lab.change(tables.invitation, state=state, claim="lost", lease_until=NOW + MINUTE)
    restored = move()
    restored.clock.advance(days(1))
    if is_swept:
        restored.sweep()
    resume(restored.hub, NOW + days(1))
    restored.sweep()
    assert restored.states() == ["unknown"]
    assert restored.deliver() == 0


def test_what_the_brake_held_stays_held(lab: Lab, move: Restored) -> None:
    lab.decide(identify())
    lab.change(tables.invitation, state="held")
    restored = move()
    resume(restored.hub, NOW)
    assert restored.states() == ["held"]


def test_the_hold_makes_no_invitation_late(lab: Lab, move: Restored) -> None:
    lab.set(min_delay_days=3, send_grace_hours=1)
    lab.decide(due_in(days(1), "u1"))
    restored = move()
    restored.clock.advance(days(3))
    resume(restored.hub, NOW)
    assert restored.deliver() == 1


@pytest.mark.parametrize(("late_min", "state"), [(50, "sent"), (90, "cancelled")])
@pytest.mark.parametrize("is_on_first", [True, False])
def test_a_survey_that_was_off_during_the_hold_is_late_by_the_time_after_both(
    lab: Lab, move: Restored, is_on_first: bool, late_min: int, state: str
) -> None:
    lab.set(send_grace_hours=1)
    lab.decide(identify())
    restored = move()
    restored.clock.advance(60 * MINUTE)
    restored.set(send_grace_hours=1, enabled=False)
    restored.clock.advance(60 * MINUTE)
    if is_on_first:
        restored.set(send_grace_hours=1)
    restored.clock.advance(60 * MINUTE)
    resume(restored.hub, NOW - MINUTE)
    if not is_on_first:
        restored.clock.advance(60 * MINUTE)
        restored.set(send_grace_hours=1)
    restored.clock.advance(late_min * MINUTE)
    restored.deliver()
    assert restored.states() == [state]


def test_a_backup_of_a_hub_on_hold_knows_no_more_than_that_hub(
    lab: Lab, move: Restored, elsewhere: Callable[[], Settings], tmp_path: Path
) -> None:
    lab.decide(identify())
    second = move()
    second.clock.advance(days(1))
    second.receive(identify("u2"))
    second.clock.advance(MINUTE)
    backup(second.hub.settings, tmp_path / "second", now=second.clock)
    settings = elsewhere()
    restore(settings, tmp_path / "second", now=second.clock)
    third = open_lab(str(settings.database_url), settings.data_dir)
    third.clock.moment = second.clock()
    third.decide()
    assert "the backup of 2026-03-11 09:30 UTC" in (held(third.hub) or "")
    assert may_have_left(third.hub, NOW - seconds(1)) == 0
    assert resume(third.hub, third.clock()) == 2
    third.hub.close()


# From a terminal


class Terminal:
    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.directory = directory
        self._monkeypatch = monkeypatch
        for name in ("HUB_DATABASE_URL", "HUB_SECRET_KEY", "HUB_BASE_URL"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.chdir(directory)
        self.use("data")

    def use(self, name: str) -> None:
        self._monkeypatch.setenv("HUB_DATA_DIR", str(self.directory / name))

    def __call__(self, *arguments: str, typed: str = "") -> Result:
        result = CliRunner().invoke(main, list(arguments), input=typed)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    terminal = Terminal(tmp_path, monkeypatch)
    (tmp_path / "hub.toml").write_text(TOML)
    terminal("apply", "hub.toml", "--yes")
    return terminal


def test_a_hub_moves_with_three_commands(hub: Terminal) -> None:
    assert hub("backup", "copy").output == "Backed up hub.db, intake.db, secret.key to copy.\n"
    exported = hub("export", "--reveal").output
    hub.use("new")
    assert "Nothing is sent yet" in hub("restore", "copy").output
    assert hub("export", "--reveal").output == exported
    for command in ("doctor", "queue", "check"):
        assert "Nothing is sent: this hub was restored" in hub(command).output
    stopped_at = datetime.now().astimezone().isoformat()
    assert "Sending goes on. 0 invitations are unknown." in hub("resume", "--stopped-at", stopped_at, "--yes").output
    assert "Nothing is sent" not in hub("doctor").output
    assert (hub.directory / "new" / "secret.key").stat().st_mode & 0o077 == 0


def test_a_restore_waits_for_no_hub_that_runs(hub: Terminal) -> None:
    hub("backup", "copy")
    hub.use("new")
    with only_one(load_settings()):
        result = hub("restore", "copy")
    assert (result.exit_code, "Another `hub up` runs" in result.output) == (2, True)
    assert not (hub.directory / "new" / "hub.db").exists()


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        ("yesterday", "write a time with its zone"),
        ("2026-03-01T12:00", "write a time with its zone"),
        ("2999-03-01T12:00Z", "lies in the future"),
    ],
)
def test_resume_says_what_it_does_not_take(hub: Terminal, moment: str, said: str) -> None:
    hub("backup", "copy")
    hub.use("new")
    hub("restore", "copy")
    result = hub("resume", "--stopped-at", moment, "--yes")
    assert (result.exit_code, said in result.output) == (2, True)
    assert "Nothing is sent" in hub("doctor").output


def test_resume_without_a_restore_is_refused(hub: Terminal) -> None:
    result = hub("resume", "--stopped-at", "2026-03-01T12:00Z", "--yes")
    assert (result.exit_code, result.output) == (2, "Sending is not held; there is nothing to resume\n")


def test_sending_is_resumed_once(lab: Lab, move: Restored) -> None:
    restored = move()
    resume(restored.hub, NOW)
    with pytest.raises(ConfigError, match="Sending is not held"):
        resume(restored.hub, NOW)


def test_resume_changes_nothing_when_the_answer_is_no(hub: Terminal) -> None:
    hub("backup", "copy")
    hub.use("new")
    hub("restore", "copy")
    assert "Nothing was changed." in hub("resume", "--stopped-at", "2026-03-01T12:00Z", typed="n\n").output
    assert "Nothing is sent" in hub("doctor").output
