"""Plugins that hang, leak, and end the processes they are in: a real hub goes on beside them."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from rq import Worker
from sqlalchemy import select

from hub.admin.operations.channels import channels
from hub.admin.operations.doctor import examine
from hub.pipeline.respond import answer
from hub.store import forgettings, intake, tables
from hub.wake import connect
from tests import servers
from tests.running_hub import RunningHub, running_hub
from tests.zoo.keeper import PLUGINS

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

BAD_CHANNELS = ("hangs_sending", "dies_before", "dies_after", "leaks", "forgets_badly")
BAD_SOURCES = ("hangs_reading", "dies_reading", "poisons_deciding")
BAD_TARGETS = ("hangs_pushing", "dies_pushing")


class ZooHub:
    """A running hub with the worst animals, one survey for each bad channel, and what left them."""

    def __init__(self, hub: RunningHub, folder: Path) -> None:
        self.hub = hub
        self.folder = folder

    def identify(self, source: str, *users: str) -> None:
        """Send a body with these customers."""
        body = [{"user_id": user, "message_id": user, "traits": {"email": f"{user}@acme.example"}} for user in users]
        sent = requests.post(f"{self.hub.url}/sources/{source}", data=json.dumps(body), timeout=30)
        assert sent.status_code == 200

    def left(self, outbox: str) -> list[str]:
        """Return to whom mails left a channel, or whose answers came to the good target."""
        path = self.folder / outbox
        return [line.partition("@")[0] for line in path.read_text().splitlines()] if path.exists() else []

    def state_of(self, user: str) -> str | None:
        """Return the state of a customer's invitation."""
        with self.hub.opened() as opened, opened.store.read() as connection:
            mailbox = tables.invitation.c.mailbox == f"{user}@acme.example"
            return connection.scalar(select(tables.invitation.c.state).where(mailbox))

    def events(self) -> dict[str, tuple[str, str | None]]:
        """Return outcome and reason of every event by its messageId."""
        with self.hub.opened() as opened, opened.store.read() as connection:
            return {row.message_id: (row.outcome, row.reason) for row in connection.execute(select(tables.event))}

    def change(self, table: Any, **values: Any) -> None:
        """Set columns of every row of a table."""
        with self.hub.opened() as opened:
            opened.store.transact(lambda connection: connection.execute(table.update().values(**values)))

    def says(self, *words: str) -> bool:
        """Return whether `hub doctor` and `hub channels` say all this."""
        with self.hub.opened() as opened:
            said = "".join(f"{finding.name}: {finding.sentence}\n" for finding in examine(opened))
            said += "".join(f"{channel.name} {channel.state}: {channel.sentence}\n" for channel in channels(opened))
        return all(word in said for word in words)

    def waits_for(self, condition: Any, what: str) -> None:
        self.hub.wait_for(condition, what, timeout_s=90)


@pytest.fixture(scope="module")
def zoo(redis_server: servers.RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZooHub]:
    folder = tmp_path_factory.mktemp("zoo")
    shutil.copytree(PLUGINS, folder / "plugins", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PLUGINS.parent / "vandals" / "vandal.py", folder / "plugins")
    redis_server.flush()
    url = f"sqlite:///{folder / 'data' / 'hub.db'}"
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:  # for the processes of the hub alone
            patch.setenv("HUB_PLUGINS_DIR", str(folder / "plugins"))
            patch.setenv("ZOO_IS_IMPATIENT", "1")
            hub = stack.enter_context(
                running_hub(folder, database_url=url, redis_url=redis_server.url, toml=toml_of(folder))
            )
        yield ZooHub(hub, folder)


def toml_of(folder: Path) -> str:
    text = ""
    for source in BAD_SOURCES:
        text += f'[sources.{source}]\nkind = "{source}"\n'
    for channel in ("good", *BAD_CHANNELS):
        text += f'[sources.for_{channel}]\nkind = "good"\n'
        text += f'[channels.{channel}]\nkind = "{channel}"\nfile = "{folder / channel}"\n'
    for target in ("good", *BAD_TARGETS):
        text += f'[targets.{target}]\nkind = "{target}"\n'
        text += f'file = "{folder / "synced"}"\n' if target == "good" else ""
    for channel in ("good", *BAD_CHANNELS):
        sources = [f"for_{channel}", *(BAD_SOURCES if channel == "good" else ())]
        targets = ["good", *BAD_TARGETS] if channel == "good" else []
        text += f"[surveys.{channel}]\nenabled = true\nsurge_brake = false\nsources = {json.dumps(sources)}\n"
        text += f'channels = ["{channel}"]\ntargets = {json.dumps(targets)}\n'
    return text


def test_channels_that_hang_or_end_their_process_are_named_and_mails_of_others_leave(zoo: ZooHub) -> None:
    zoo.identify("for_hangs_sending", "hanging")
    zoo.identify("for_dies_before", "dying")
    zoo.identify("for_dies_after", "doubtful")
    zoo.identify("for_good", *[f"good-{number}" for number in range(20)])
    zoo.waits_for(lambda: len(zoo.left("good")) == 20, "the good channel's mails")
    zoo.waits_for(
        lambda: zoo.says(
            "channels.hangs_sending: is left alone until",
            "its plugin did not come back from send within",
            "channels.dies_before: is left alone until",
            "channels.dies_after: is left alone until",
            "a worker died in its send (exit code 7)",
            "hangs_sending paused: ",
            "dies_before paused: ",
        ),
        "the bad channels named",
    )
    zoo.waits_for(lambda: zoo.state_of("doubtful") == "unknown", "the mail in doubt")
    zoo.waits_for(lambda: zoo.state_of("dying") == "queued", "the mail that certainly did not leave")
    assert zoo.state_of("hanging") == "queued"
    assert (zoo.left("hangs_sending"), zoo.left("dies_before"), zoo.left("dies_after")) == ([], [], ["doubtful"])


def test_sources_that_hang_or_end_their_process_are_named_and_all_else_is_decided(zoo: ZooHub) -> None:
    zoo.identify("hangs_reading", "before-stone", "stone")
    zoo.identify("dies_reading", "before-poison", "poison", "behind-poison")
    zoo.identify("poisons_deciding", "first", "poison", "last")
    zoo.identify("for_good", "after-all")
    zoo.waits_for(lambda: zoo.events().get("after-all") == ("decided", None), "the good source's event")
    zoo.waits_for(lambda: zoo.says("sources.hangs_reading: is left alone until"), "the hanging source named")
    zoo.waits_for(lambda: ("rejected", "poison") in zoo.events().values(), "a poison event")
    zoo.waits_for(lambda: "last" in zoo.events(), "the event behind the poison")
    events = zoo.events()
    assert {events[name] for name in ("first", "last", "before-poison")} == {("decided", None)}
    assert events["poison"] == ("rejected", "poison")
    log = zoo.hub.logs()
    assert "sources.dies_reading: a worker died in its read (exit code 7)" in log
    assert "3 workers died while reading one of its bodies" in log
    assert intake_waits_for(zoo) == {"hangs_reading"}


def intake_waits_for(zoo: ZooHub) -> set[str]:
    """Return whose bodies wait."""
    with zoo.hub.opened() as opened:
        names = {id: one.stored.name for id, one in opened.registry.current().connections.items()}
        bodies = intake.first(opened.store, sources=list(names), limit=100, max_bytes=10**9)
        return {names[body.source_id] for body in bodies}


def test_targets_that_hang_or_end_their_process_are_named_and_the_good_one_gets_its_answers(zoo: ZooHub) -> None:
    zoo.identify("for_good", "answers")
    zoo.waits_for(lambda: zoo.state_of("answers") == "sent", "the mail")
    with zoo.hub.opened() as opened, opened.store.read() as connection:
        mailbox = tables.invitation.c.mailbox == "answers@acme.example"
        invitation_id = connection.scalar(select(tables.invitation.c.id).where(mailbox))
    with zoo.hub.opened() as opened:
        answer(opened, opened.keys.token_of(invitation_id), 9, "")
    zoo.hub.hub("sync", "now")
    zoo.waits_for(lambda: zoo.left("synced") == ["answers"], "the good target's answer")
    zoo.waits_for(
        lambda: zoo.says(
            "targets.hangs_pushing: is left alone until",
            "its plugin did not come back from push within",
            "targets.dies_pushing: is left alone until",
            "a worker died in its push (exit code 7)",
        ),
        "the bad targets named",
    )


def test_channel_that_ends_its_process_in_erase_is_put_off_and_leases_are_swept_on(zoo: ZooHub) -> None:
    zoo.identify("for_forgets_badly", "forgotten")
    zoo.waits_for(lambda: zoo.state_of("forgotten") == "sent", "the mail")
    zoo.hub.hub("erase", "forgotten", "--yes", check=False)  # ends with the process it runs in
    zoo.waits_for(lambda: zoo.says("are asked again: channels.forgets_badly (1)"), "the person still to be forgotten")
    zoo.change(tables.forgetting, next_attempt_at=datetime.now(UTC))
    zoo.waits_for(
        lambda: "channels.forgets_badly: a worker died in its erase (exit code 7)" in zoo.hub.logs(),
        "the worker's death",
    )
    with zoo.hub.opened() as opened, opened.store.read() as connection:
        assert not forgettings.is_any_due(connection, datetime.now(UTC)), "it is asked again later"


def test_what_a_channel_leaks_is_gone_with_its_job(zoo: ZooHub) -> None:
    zoo.identify("for_leaks", *[f"leak-{number}" for number in range(60)])
    zoo.waits_for(lambda: len(zoo.left("leaks")) == 60, "the leaking channel's mails")
    assert max(Counter(zoo.left("leaks")).values()) == 1
    for role in ("worker-1", "worker-2"):
        assert len(os.listdir(f"/proc/{zoo.hub.processes[role].pid}/fd")) < 40


def test_the_hub_as_a_whole_holds_and_names_what_is_broken(zoo: ZooHub) -> None:
    said = zoo.hub.hub("doctor")
    assert "BROKEN" not in said
    for words in (
        "plugin: raises_on_import: cannot be loaded: RuntimeError: a bug",
        "plugin: vandal: offers nothing",
    ):
        assert words in said
    assert len(Worker.all(connect(zoo.hub.environ["HUB_REDIS_URL"], timeout_s=5))) == 2
    zoo.hub.processes["worker-1"].send_signal(signal.SIGTERM)  # whatever a plugin did to signals
    assert zoo.hub.processes["worker-1"].wait(30) == 0
