"""A connection is tried as stored or as edited, a test mail is sent, and nothing of it is kept."""

from __future__ import annotations

from typing import Any

import pytest

from hub.admin.configuration.connections import connection_of
from hub.admin.operations.trials import check, check_edited, send_test
from hub.admin.people import suppressions
from hub.admin.trouble import NotThere
from hub.config import ConfigError
from hub.domain.reasons import Stop
from hub.plugin import ChannelPaused, CheckFailed, NotSent, Rejected, Sent
from hub.plugins import Plugins, find_plugins
from hub.store.configuration import Role
from hub.store.tables import metadata
from hub.testing.smtp_server import Say, ScriptedSmtpServer
from tests.fakes import fake_plugins
from tests.lab import Lab, open_lab


@pytest.fixture
def mail_lab(database_url: str, tmp_path: Any) -> Any:
    """A hub with the fakes and the plugins that are shipped."""
    opened = open_lab(database_url, tmp_path, Plugins())
    fakes = fake_plugins(opened.office, opened.crm)
    kinds = {**find_plugins(plugins_dir=None).kinds, **fakes.kinds}
    opened.hub.registry.plugins = Plugins(kinds=kinds)
    yield opened
    opened.hub.close()


def smtp(port: int, **settings: Any) -> dict[str, Any]:
    return {"kind": "smtp", "host": "127.0.0.1", "port": port, "from": "Acme <hello@acme.example>", **settings}


def everything(lab: Lab) -> dict[str, list[Any]]:
    """Return all rows of all tables but the audit log."""
    return {table.name: sorted(map(str, lab.rows(table))) for table in metadata.sorted_tables if table.name != "audit"}


def test_working_connection_is_told_so(lab: Lab) -> None:
    checked = check(lab.hub, Role.CHANNEL, "relay")
    assert (checked.ok, checked.sentence, checked.dialogue) == (True, "It can work.", ())


def test_failed_check_gives_the_words_of_the_plugin(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Any) -> None:
        raise CheckFailed("The login of hello@acme.example was refused.")

    monkeypatch.setattr(lab.hub.registry.plugins.kinds[Role.TARGET, "fake"], "check", fail)
    checked = check(lab.hub, Role.TARGET, "crm")
    assert (checked.ok, checked.sentence) == (False, "The login of (address) was refused.")


def test_connection_whose_plugin_is_gone_is_told_so(lab: Lab) -> None:
    kinds = dict(lab.hub.registry.plugins.kinds)
    del kinds[Role.CHANNEL, "fake"]
    lab.hub.registry.plugins = Plugins(kinds=kinds)
    assert "no installed plugin offers" in check(lab.hub, Role.CHANNEL, "relay").sentence
    assert send_test(lab.hub, "relay", "me@acme.example").outcome == "not_sent"


def test_unknown_connection_is_not_there(lab: Lab) -> None:
    with pytest.raises(NotThere, match="relay"):
        check(lab.hub, Role.CHANNEL, "rely")
    with pytest.raises(NotThere):
        send_test(lab.hub, "rely", "me@acme.example")


def test_edited_settings_are_checked_and_not_stored(mail_lab: Lab) -> None:
    with ScriptedSmtpServer() as server:
        port, before = server.port, everything(mail_lab)
        checked = check_edited(mail_lab.hub, Role.CHANNEL, "relay", smtp(server.port))
        assert everything(mail_lab) == before
    assert checked.ok
    assert checked.dialogue[:2] == (f"*  connected to 127.0.0.1:{port}", "S: 220 scripted.example ESMTP")
    assert checked.dialogue[2].startswith("C: ehlo ")
    assert checked.dialogue[-4:] == ("C: NOOP", "S: 250 2.0.0 Ok", "C: QUIT", "S: 221 2.0.0 Bye")


def test_edited_settings_that_are_wrong_are_named_with_their_paths(mail_lab: Lab) -> None:
    with pytest.raises(ConfigError) as caught:
        check_edited(mail_lab.hub, Role.CHANNEL, "relay", {"kind": "smtp", "port": 0})
    paths = sorted(problem.partition(":")[0] for problem in caught.value.problems)
    assert paths == ["channels.relay.from", "channels.relay.host", "channels.relay.port"]


def test_stored_secret_is_used_where_the_edited_settings_keep_it(mail_lab: Lab) -> None:
    with ScriptedSmtpServer(extensions=("AUTH PLAIN LOGIN",)) as server:
        login = f'username = "hub"\npassword = "opaque-password"\nport = {server.port}\n'
        text = '[channels.relay]\nkind = "smtp"\nhost = "127.0.0.1"\nfrom = "hello@acme.example"\n'
        mail_lab.configure(text + login)
        table = connection_of(mail_lab.hub, Role.CHANNEL, "relay").settings
        checked = check_edited(mail_lab.hub, Role.CHANNEL, "relay", table)
        assert checked.ok
        assert any(command.startswith("AUTH PLAIN ") for command in server.commands)
    assert "C: AUTH PLAIN (hidden)" in checked.dialogue
    assert "opaque-password" not in "".join(checked.dialogue)


@pytest.mark.parametrize("changed", [{"host": "localhost"}, {"username": "another"}, {"timeout_s": 5}])
@pytest.mark.parametrize(
    "tried",
    [
        lambda hub, table: check_edited(hub, Role.CHANNEL, "relay", table),
        lambda hub, table: send_test(hub, "relay", "me@acme.example", table=table),
    ],
    ids=["check", "test mail"],
)
def test_stored_secret_goes_nowhere_but_where_it_was_saved_to_go(
    mail_lab: Lab, changed: dict[str, Any], tried: Any
) -> None:
    with ScriptedSmtpServer(extensions=("AUTH PLAIN LOGIN",)) as server:
        login = f'username = "hub"\npassword = "opaque-password"\nport = {server.port}\n'
        mail_lab.configure(f'[channels.relay]\nkind = "smtp"\nhost = "127.0.0.1"\nfrom = "hello@acme.example"\n{login}')
        table = {**connection_of(mail_lab.hub, Role.CHANNEL, "relay").settings, **changed}
        with pytest.raises(ConfigError, match=r"channels\.relay\.password: type it once more"):
            tried(mail_lab.hub, table)
        assert server.commands == []
        typed = {**table, "password": "opaque-password"}
        assert check_edited(mail_lab.hub, Role.CHANNEL, "relay", typed).ok


def test_secret_of_a_retired_connection_goes_nowhere_else_either(mail_lab: Lab) -> None:
    relay = '[channels.relay]\nkind = "smtp"\nhost = "127.0.0.1"\nfrom = "hello@acme.example"\n'
    mail_lab.configure(relay + 'username = "hub"\npassword = "opaque-password"\n')
    table = {**connection_of(mail_lab.hub, Role.CHANNEL, "relay").settings, "host": "localhost"}
    mail_lab.configure('[sources.product]\nkind = "fake"\n')
    with pytest.raises(ConfigError, match="password: type it once more"):
        check_edited(mail_lab.hub, Role.CHANNEL, "relay", table)


def test_test_mail_is_sent_with_its_dialogue_and_leaves_no_trace(mail_lab: Lab) -> None:
    with ScriptedSmtpServer() as server:
        before = everything(mail_lab)
        told = send_test(mail_lab.hub, "relay", "me@acme.example", table=smtp(server.port))
        assert everything(mail_lab) == before
        assert [mail.recipients for mail in server.received] == [("me@acme.example",)]
    assert (told.outcome, told.sentence) == ("sent", "The mail system took the test mail.")
    assert told.words == "250 2.0.0 Ok: queued as 4XQ"
    said = [line for line in told.dialogue if line.startswith("C: ")]
    assert [line.partition(" ")[2].partition("<")[0] for line in said[1:]] == [
        "MAIL FROM:",
        "RCPT TO:",
        "DATA",
        said[4].partition(" ")[2],
        ".",
        "QUIT",
    ]
    assert said[4].startswith("C: (the mail, ")


@pytest.mark.parametrize(
    ("act", "outcome", "words"),
    [
        (Say(text="550 5.7.1 Not from you"), "rejected", "the end of the mail: 550 5.7.1 Not from you"),
        (Say(text="451 4.3.0 Later"), "not_sent", "the end of the mail: 451 4.3.0 Later"),
    ],
)
def test_refused_test_mail_gives_the_words_of_the_server(act: Say, outcome: str, words: str, mail_lab: Lab) -> None:
    with ScriptedSmtpServer() as server:
        server.always("dot", act)
        told = send_test(mail_lab.hub, "relay", "me@acme.example", table=smtp(server.port))
    assert (told.outcome, told.words) == (outcome, words)
    assert f"S: {act.text}" in told.dialogue


def paused(message: Any, point_of_no_return: Any) -> Any:
    raise ChannelPaused("The quota is used up.")


def lost(message: Any, point_of_no_return: Any) -> Any:
    point_of_no_return()
    raise OSError("lost")


@pytest.mark.parametrize(
    ("behaviour", "outcome", "words"),
    [
        (paused, "not_sent", "The quota is used up."),
        (lost, "unknown", "OSError: lost"),
        (lambda message, depart: NotSent(why="Later."), "not_sent", "Later."),
        (lambda message, depart: Rejected(why="No."), "rejected", "No."),
        (lambda message, depart: "sent", "not_sent", "the channel gave no outcome"),
    ],
)
def test_every_end_of_a_test_mail_is_told_and_pauses_nothing(
    behaviour: Any, outcome: str, words: str, lab: Lab
) -> None:
    lab.office.behaviour["relay"] = behaviour
    told = send_test(lab.hub, "relay", "me@acme.example")
    assert (told.outcome, told.words) == (outcome, words)
    assert lab.rows(metadata.tables["connection_state"]) == []


def test_channel_that_breaks_after_the_mail_left_leaves_it_in_doubt(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def send_many(self: Any, messages: Any, point_of_no_return: Any) -> Any:
        point_of_no_return(list(messages))
        raise OSError("lost")

    monkeypatch.setattr(lab.hub.registry.plugins.kinds[Role.CHANNEL, "fake"], "send_many", send_many)
    told = send_test(lab.hub, "relay", "me@acme.example")
    assert (told.outcome, told.words) == ("unknown", "OSError: lost")


def test_name_of_the_provider_for_a_test_mail_is_kept(lab: Lab) -> None:
    lab.office.behaviour["relay"] = lambda message, depart: Sent(provider_id="p-1", detail="ok")
    told = send_test(lab.hub, "relay", "me@acme.example")
    assert (told.provider_id, told.words) == ("p-1", "ok")


def test_address_that_cannot_be_mailed_is_refused(lab: Lab) -> None:
    with pytest.raises(ConfigError, match="to: 'nobody' is no address"):
        send_test(lab.hub, "relay", "nobody")
    assert lab.office.mails == []


def test_address_on_the_suppression_list_gets_no_test_mail_either(lab: Lab) -> None:
    suppressions.add(lab.hub, "Me@acme.example", Stop.UNSUBSCRIBED)
    with pytest.raises(ConfigError, match="is on the suppression list"):
        send_test(lab.hub, "relay", "me@acme.example")
    assert lab.office.mails == []
