"""The pages about connections: seen, made, changed, tried, used again, taken out of use."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from marshmallow import Schema, fields
from sqlalchemy import insert
from werkzeug.test import TestResponse

from hub.admin.configuration import connections, surveys
from hub.admin.configuration.connections import Health
from hub.pipeline.hub import Hub
from hub.plugin import Message, Outcome, Secret, Sent, SurveyChannel
from hub.plugins import Plugin
from hub.store import pauses, tables
from hub.store.configuration import Role
from hub.testing.smtp_server import Say, ScriptedSmtpServer
from tests.configured import API_KEY
from tests.console.browsing import Visitor, visitor_of

HOSTILE = '"><script>alert(1)</script>{{7*7}}'
RELAY = "/connections/channel/relay"


class Odd(Schema):
    """A stranger's settings."""

    csrf = fields.String(metadata={"help": HOSTILE})
    rate = fields.String()
    ports = fields.List(fields.Integer())
    table = fields.Dict()
    token = Secret(generate=True)
    name = fields.String(required=True)


class Pigeon(SurveyChannel):
    """Carries messages <b>by air</b>.

    Nobody needs to know more.
    """

    kind = "pigeon"
    config_schema = Odd

    def send(self, message: Message, point_of_no_return: Callable[[], None]) -> Outcome:
        point_of_no_return()
        return Sent(detail="coo")


class Unschooled(Pigeon):
    """Its settings cannot be read."""

    kind = "unschooled"

    @staticmethod
    def config_schema() -> Schema:  # type: ignore[override]
        raise RuntimeError("no schema today")


@pytest.fixture
def strangers(hub: Hub) -> None:
    """Plugins that a stranger wrote."""
    plugins = hub.registry.plugins
    plugin = Plugin(name="pigeons", version="1", distribution="hub-pigeons")
    for provider in (Pigeon, Unschooled):
        plugins.kinds[Role.CHANNEL, provider.kind] = provider
        plugin.offers.append((Role.CHANNEL, provider.kind))
    plugins.installed += [
        plugin,
        Plugin(name="broken", file=Path("/p/broken.py"), problems=[f"ImportError: {HOSTILE}"]),
    ]


def form_of(page: TestResponse) -> dict[str, Any]:
    """Return what the largest form of a page holds, as a browser would send it."""
    [markup] = re.findall(r'<form method="post" class="stack card".*?</form>', page.text, re.S)
    found: dict[str, Any] = {}
    for tag in re.findall(r"<input[^>]*>", markup):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r' value="([^"]*)"', tag)
        if name and ('type="checkbox"' not in tag or " checked" in tag):
            found.setdefault(unescape(name[1]), unescape(value[1]) if value else "")
    for name, options in re.findall(r'<select[^>]* name="([^"]*)"[^>]*>(.*?)</select>', markup, re.S):
        chosen = re.search(r'value="([^"]*)" selected', options)
        assert chosen is not None
        found[name] = chosen[1]
    for name, text in re.findall(r'<textarea[^>]* name="([^"]*)"[^>]*>\n(.*?)</textarea>', markup, re.S):
        found[name] = unescape(text)
    return found


def save(ada: Visitor, path: str, /, **typed: str) -> TestResponse:
    """Return the page that comes of a form with some fields changed."""
    form = {**form_of(ada.get(path)), **{f"s.{name}" if name != "do" else name: text for name, text in typed.items()}}
    return ada.post(path, **form)


def make(ada: Visitor, path: str, called: str, /, **typed: str) -> TestResponse:
    form = {**form_of(ada.get(path)), "name": called, **{f"s.{key}": text for key, text in typed.items()}}
    return ada.post(path, **form)


def settings_of(hub: Hub, role: Role, name: str) -> dict[str, Any]:
    return dict(connections.connection_of(hub, role, name).settings)


def pause(hub: Hub, role: Role, name: str, why: str) -> None:
    id = connections.connection_of(hub, role, name).id
    hub.store.transact(lambda connection: pauses.pause(connection, id, why=why, after_s=None, now=hub.now()))


# The list


def test_connections_stand_by_role_with_their_state_and_the_surveys_that_use_them(ada: Visitor) -> None:
    page = ada.get("/connections").text
    assert [page.index(f">{title}</h2>") for title in ("Sources", "Channels", "Targets")]
    assert page.count("no trouble</span>") == 3
    assert 'href="/surveys/onboarding">onboarding</a> <span class="soft small">first</span>' in page


def test_a_role_without_a_connection_says_what_it_is_for(ada: Visitor, hub: Hub) -> None:
    settings = surveys.survey_of(hub, "onboarding").settings
    surveys.put(hub, "onboarding", {**settings, "targets": [], "enabled": False})
    connections.retire(hub, Role.TARGET, "product")
    assert "Where answers are written. There is none yet." in ada.get("/connections").text


def test_a_paused_connection_says_why_and_is_used_again_by_a_button(ada: Visitor, hub: Hub) -> None:
    pause(hub, Role.CHANNEL, "relay", f"login refused: {HOSTILE}")
    for path in ("/connections", RELAY):
        page = ada.get(path).text
        assert "relay is left alone until" in page
        assert "login refused: &#34;&gt;&lt;script&gt;" in page
        assert "Use relay again now" in page
    assert "relay is tried again now." in ada.post(f"{RELAY}/resume").text
    assert connections.connection_of(hub, Role.CHANNEL, "relay").state is Health.WORKING
    assert "relay was not paused." in ada.post(f"{RELAY}/resume").text


@pytest.mark.usefixtures("strangers")
def test_broken_plugins_are_named_with_what_is_wrong(ada: Visitor) -> None:
    for path in ("/connections", "/connections/new"):
        page = ada.get(path).text
        assert "Something is wrong with the plugin broken" in page
        assert "ImportError: &#34;&gt;&lt;script&gt;" in page
        assert HOSTILE not in page


@pytest.mark.usefixtures("strangers")
def test_every_kind_is_offered_with_the_first_line_of_its_docstring(ada: Visitor) -> None:
    page = ada.get("/connections/new").text
    for role, kind in [("source", "segment"), ("source", "webhook"), ("channel", "smtp"), ("channel", "sendgrid")]:
        assert f'href="/connections/new/{role}/{kind}"' in page
    assert "Carries messages &lt;b&gt;by air&lt;/b&gt;." in page
    assert "Nobody needs to know more" not in page


# Making one


def test_a_channel_is_made_from_its_form(ada: Visitor, hub: Hub) -> None:
    page = make(
        ada, "/connections/new/channel/smtp", "spare", **{"host": "mail.acme.example", "from": "a@acme.example"}
    )
    assert page.request.path == "/connections/channel/spare"
    assert "spare is there. No survey uses it yet." in page.text
    assert settings_of(hub, Role.CHANNEL, "spare") == {
        "kind": "smtp",
        "host": "mail.acme.example",
        "from": "a@acme.example",
    }


def test_a_source_is_made_with_its_key_and_says_what_to_paste_where(ada: Visitor, hub: Hub) -> None:
    page = make(ada, "/connections/new/source/segment", "app")
    key = re.search(r'<code id="made-1">([^<]+)</code>', page.text)
    assert key is not None
    assert hub.registry.current().source_of_key
    assert f'writeKey: "{key[1]}", host: "https://hub.acme.example"' in unescape(page.text)
    assert "https://hub.acme.example/sources/app" in page.text
    later = ada.get("/connections/source/app").text
    assert key[1] not in later
    assert "THE API KEY" in later


def test_mistakes_stand_beside_their_fields_and_nothing_is_made(ada: Visitor, hub: Hub) -> None:
    typed = {"host": "mail:25", "port": "many", "from": "nobody", "username": "acme"}
    page = make(ada, "/connections/new/channel/smtp", "No Name", **typed)
    assert page.status_code == 422
    problems = [unescape(one) for one in re.findall(r'-problem">([^<]+)<', page.text)]
    assert "A name has lower-case letters, digits, - and _, 63 characters at most." in problems
    assert "Write a whole number." in problems
    assert any(one.startswith("Give a host name") for one in problems)
    assert all(f'value="{text}"' in page.text for text in ("mail:25", "acme", "No Name"))
    assert len(hub.registry.current().live(Role.CHANNEL)) == 1


def test_a_name_that_is_taken_changes_nothing(ada: Visitor, hub: Hub) -> None:
    before = settings_of(hub, Role.CHANNEL, "relay")
    page = make(ada, "/connections/new/channel/smtp", "relay", **{"host": "other.example", "from": "a@acme.example"})
    assert "There is a channel of this name already." in page.text
    assert settings_of(hub, Role.CHANNEL, "relay") == before


def test_hostile_text_is_escaped_and_kept(ada: Visitor) -> None:
    page = make(ada, "/connections/new/channel/smtp", HOSTILE, host=HOSTILE)
    assert page.status_code == 422
    assert HOSTILE not in page.text
    assert unescape(page.text).count(HOSTILE) >= 2


@pytest.mark.usefixtures("strangers")
def test_a_strangers_kind_has_a_form_and_its_names_do_not_meet_the_pages_own(ada: Visitor, hub: Hub) -> None:
    typed = {"csrf": "a setting", "name": "coo", "ports": "1\r\n2", "table": '{"a": {"b": 1}}', "rate": "5/minute"}
    page = make(ada, "/connections/new/channel/pigeon", "loft", **typed)
    assert page.status_code == 200, page.text
    stored = connections.connection_of(hub, Role.CHANNEL, "loft").settings
    assert stored == {
        "kind": "pigeon",
        "csrf": "a setting",
        "name": "coo",
        "ports": [1, 2],
        "table": {"a": {"b": 1}},
        "token": "(kept)",
        "rate": "5/minute",
    }
    assert 'id="made-1"' in page.text
    assert "Nothing was different." in save(ada, "/connections/channel/loft").text
    assert connections.connection_of(hub, Role.CHANNEL, "loft").settings == stored


@pytest.mark.usefixtures("strangers")
def test_a_kind_whose_settings_cannot_be_read_says_so(ada: Visitor) -> None:
    page = ada.get("/connections/new/channel/unschooled")
    assert page.status_code == 422
    assert "its plugin failed: RuntimeError: no schema today" in page.text


@pytest.mark.parametrize(
    "path",
    [
        "/connections/new/channel/fax",
        "/connections/channel/fax",
        "/connections/channel/fax/log",
        "/connections/target/fax/log",
        "/connections/target/fax/refused",
        "/connections/channel/fax/retire",
    ],
)
def test_what_is_not_there_is_said_to_be_missing(ada: Visitor, path: str) -> None:
    page = ada.get(path)
    assert page.status_code == 404
    assert "fax" in page.text


def test_what_was_in_use_before_comes_back_with_its_secrets(ada: Visitor, hub: Hub) -> None:
    made = make(ada, "/connections/new/source/segment", "app")
    key = re.search(r'<code id="made-1">([^<]+)</code>', made.text)
    assert key is not None
    ada.post("/connections/source/app/retire", confirm="app")
    page = make(ada, "/connections/new/source/segment", "app")
    assert "app is there again, with the secrets it had." in page.text
    assert key[1] in ada.get("/connections/source/app", keys="shown").text


# Changing one


@pytest.mark.parametrize("path", ["/connections/source/product", RELAY, "/connections/target/product"])
def test_a_form_saved_untouched_changes_nothing(ada: Visitor, hub: Hub, path: str) -> None:
    before = connections.connections(hub)
    assert "Nothing was different." in save(ada, path).text
    assert connections.connections(hub) == before


def test_what_was_changed_is_told(ada: Visitor, hub: Hub) -> None:
    page = save(ada, RELAY, port="2525", username="acme", password="hunter22")
    assert "Saved. password: changed; port: 9 → 2525; username: (default) → &#34;acme&#34;." in page.text
    assert "hunter22" not in page.text
    assert settings_of(hub, Role.CHANNEL, "relay")["password"] == "(kept)"


def test_a_secret_left_empty_is_kept_and_can_be_forgotten(ada: Visitor, hub: Hub) -> None:
    save(ada, RELAY, username="acme", password="hunter22")
    assert "port: 9 → 25." in save(ada, RELAY, port="25").text
    form = {**form_of(ada.get(RELAY)), "s.username": "", "anew:s.password": "true"}
    assert "password: changed; username" in ada.post(RELAY, **form).text
    assert "password" not in settings_of(hub, Role.CHANNEL, "relay")


def test_a_secret_may_be_a_variable(ada: Visitor, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = save(ada, RELAY, username="acme", password="$MAIL_PASSWORD")
    assert "The environment variable MAIL_PASSWORD is not set." in wrong.text
    monkeypatch.setenv("MAIL_PASSWORD", "hunter22")
    assert 'value="$MAIL_PASSWORD"' in save(ada, RELAY, username="acme", password="$MAIL_PASSWORD").text


def test_a_key_can_be_made_anew(ada: Visitor, hub: Hub) -> None:
    path = "/connections/source/product"
    assert API_KEY in ada.get(path, keys="shown").text
    page = ada.post(path, **{**form_of(ada.get(path)), "anew:s.api_key": "true"})
    assert "api_key: changed" in page.text
    assert API_KEY not in page.text
    assert re.search(r'<code id="made-1">([^<]{20,})</code>', page.text)


def test_a_mistake_keeps_what_was_typed_and_saves_nothing(ada: Visitor, hub: Hub) -> None:
    before = settings_of(hub, Role.CHANNEL, "relay")
    page = save(ada, RELAY, port="0", rate="fast")
    assert page.status_code == 422
    assert 'value="0"' in page.text
    assert 'value="fast"' in page.text
    assert '<details class="more" open>' in page.text
    assert settings_of(hub, Role.CHANNEL, "relay") == before


def test_a_problem_of_the_whole_stands_above_the_form(ada: Visitor) -> None:
    page = save(ada, "/connections/target/product", rating_trait="same", comment_trait="same")
    assert "rating_trait, comment_trait and date_trait must differ." in page.text


def test_a_connection_whose_plugin_is_gone_is_shown_without_a_form(ada: Visitor, hub: Hub) -> None:
    del hub.registry.plugins.kinds[Role.CHANNEL, "smtp"]
    hub.registry.close()
    page = ada.get(RELAY)
    assert page.status_code == 200
    assert "no installed plugin offers the channel kind" in unescape(page.text)
    assert ">Save<" not in page.text


def test_two_who_edit_a_connection_do_not_overwrite_each_other(ada: Visitor, hub: Hub) -> None:
    hers = form_of(ada.get(RELAY))
    save(ada, RELAY, port="2525")
    refused = ada.post(RELAY, **{**hers, "s.host": "mail.other.example"})
    assert refused.status_code == 409
    assert "<strong>These settings were changed meanwhile.</strong>" in refused.text
    assert "<li>host: &#34;127.0.0.1&#34; → &#34;mail.other.example&#34;</li>" in refused.text
    assert settings_of(hub, Role.CHANNEL, "relay")["host"] == "127.0.0.1"
    checked = ada.post(RELAY, **{**hers, "do": "check"})
    assert form_of(checked)["since"] == hers["since"]
    ada.post(RELAY, **form_of(refused))
    assert settings_of(hub, Role.CHANNEL, "relay")["host"] == "mail.other.example"


# Trying one


def test_edited_settings_are_checked_without_being_saved(ada: Visitor, hub: Hub) -> None:
    before = settings_of(hub, Role.CHANNEL, "relay")
    with ScriptedSmtpServer() as server:
        port = str(server.port)
        page = save(ada, RELAY, port=port, do="check")
    assert page.status_code == 200
    assert "It can work." in page.text
    assert "C: ehlo" in page.text
    assert f'value="{port}"' in page.text
    assert settings_of(hub, Role.CHANNEL, "relay") == before


def test_a_check_says_why_it_failed(ada: Visitor) -> None:
    page = save(ada, RELAY, do="check")
    assert 'class="banner bad" role="status"' in page.text
    assert "127.0.0.1:9" in page.text


def test_a_new_connection_is_checked_before_it_is_there(ada: Visitor, hub: Hub) -> None:
    with ScriptedSmtpServer() as server:
        typed = {"host": "127.0.0.1", "port": str(server.port), "from": "a@acme.example"}
        form = {f"s.{name}": text for name, text in typed.items()}
        page = ada.post("/connections/new/channel/smtp", name="spare", do="check", **form)
    assert "It can work." in page.text
    assert hub.registry.current().named(Role.CHANNEL, "spare") is None


def test_wrong_settings_are_not_checked(ada: Visitor) -> None:
    page = save(ada, RELAY, port="many", do="check")
    assert page.status_code == 422
    assert "Write a whole number." in page.text


def test_a_test_mail_shows_what_was_said(ada: Visitor, hub: Hub) -> None:
    with ScriptedSmtpServer() as server:
        save(ada, RELAY, port=str(server.port))
        page = ada.post(f"{RELAY}/test", to="ada@acme.example")
    assert "The mail system took the test mail." in page.text
    assert "C: RCPT TO:&lt;ada@acme.example&gt;" in page.text
    assert 'value="ada@acme.example"' in page.text
    assert "It had no mail yet" in ada.get(f"{RELAY}/log").text


def test_a_refused_test_mail_shows_the_servers_words(ada: Visitor) -> None:
    with ScriptedSmtpServer() as server:
        server.respond = lambda phase, to: Say(text="550 5.1.1 No such <b>user</b>") if phase == "rcpt" else None
        save(ada, RELAY, port=str(server.port))
        page = ada.post(f"{RELAY}/test", to="nobody@acme.example")
    assert "refused the test mail for good" in page.text
    assert "No such &lt;b&gt;user&lt;/b&gt;" in page.text


@pytest.mark.parametrize("to", ["", "nobody", HOSTILE])
def test_a_test_mail_needs_an_address(ada: Visitor, to: str) -> None:
    page = ada.post(f"{RELAY}/test", to=to)
    assert page.status_code == 422
    assert "address that" in page.text
    assert HOSTILE not in page.text


# What it did


def test_mails_of_a_channel_stand_with_the_providers_words_page_by_page(ada: Visitor, hub: Hub) -> None:
    channel_id = connections.connection_of(hub, Role.CHANNEL, "relay").id
    row = {"invitation_id": "gone", "channel_id": channel_id, "at": hub.now(), "outcome": "rejected"}
    with hub.store.write() as connection:
        rows = [{**row, "id": f"{number:032}", "detail": f"550 number {number} {HOSTILE}"} for number in range(60)]
        connection.execute(insert(tables.attempt), rows)
    page = ada.get(f"{RELAY}/log")
    assert page.text.count("refused</span>") == 50
    assert "number 59" in page.text
    assert HOSTILE not in page.text
    rest = ada.get(ada.next_of(page))
    assert rest.text.count("refused</span>") == 10
    assert "number 0 " in rest.text


def test_a_target_without_answers_says_when_there_will_be_some(ada: Visitor) -> None:
    assert "No answer is for it yet" in ada.get("/connections/target/product/log").text


@pytest.mark.parametrize("path", [f"{RELAY}/log", "/connections/target/product/log"])
def test_a_cursor_that_is_none_is_refused_in_words(ada: Visitor, path: str) -> None:
    page = ada.get(path, cursor="nonsense")
    assert page.status_code == 422
    assert "is none that this list gave" in page.text


# Taking one out of use


def test_a_connection_in_use_says_who_uses_it_and_stays(ada: Visitor, hub: Hub) -> None:
    page = ada.get(f"{RELAY}/retire").text
    assert "first.</p>" in page
    assert 'href="/surveys/onboarding"' in page
    assert "Take it out of use<" not in page
    refused = ada.post(f"{RELAY}/retire", confirm="relay")
    assert refused.status_code == 409
    assert "channels.relay is used by onboarding" in refused.text
    assert hub.registry.current().named(Role.CHANNEL, "relay") is not None


def test_a_connection_is_taken_out_of_use_by_typing_its_name(ada: Visitor, hub: Hub) -> None:
    make(ada, "/connections/new/target/csv", "file", path="/srv/nps.csv")
    wrong = ada.post("/connections/target/file/retire", confirm="fil")
    assert wrong.status_code == 422
    assert "Type file, the name of the target." in wrong.text
    assert "file is out of use." in ada.post("/connections/target/file/retire", confirm=" file ").text
    assert hub.registry.current().named(Role.TARGET, "file") is None


# Who may what


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_only_an_admin_changes_connections_and_sees_keys(hub: Hub, role: str) -> None:
    somebody = visitor_of(hub, role)
    page = somebody.get("/connections/source/product", keys="shown").text
    assert API_KEY not in page
    assert "Ask an admin for it." in page
    assert "<fieldset disabled>" in page
    assert ">Save<" not in page
    for path in (RELAY, f"{RELAY}/test", f"{RELAY}/retire", "/connections/new/channel/smtp"):
        assert somebody.post(path).status_code == 403
    assert somebody.post(f"{RELAY}/resume").status_code == (200 if role == "editor" else 403)
