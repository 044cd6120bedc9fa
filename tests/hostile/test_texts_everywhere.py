"""Hostile texts in every place that takes a text, followed to every place that shows one."""

from __future__ import annotations

import base64
import csv
import io
import itertools
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from click.testing import CliRunner
from marshmallow import ValidationError
from prometheus_client.parser import text_string_to_metric_families
from werkzeug.test import Client

from hub.admin.access import tokens
from hub.admin.access.tokens import Scope
from hub.admin.configuration import planning
from hub.admin.configuration.export import export
from hub.admin.operations import doctor, metrics
from hub.admin.people import people, suppressions
from hub.admin.records import Format, read_records
from hub.admin.spreadsheets import rearmed
from hub.cli import main
from hub.config import ConfigError
from hub.domain.reasons import Stop
from hub.logs import formatter
from hub.mail.clean import one_line
from hub.mail.message import render
from hub.pipeline import respond
from hub.plugin import ChannelPaused, CustomerUpdate, Parked, Person, Rejected, Sent, Services
from hub.store import tables
from hub.store.configuration import Role
from hub.store.types import is_storable, storable
from hub.testing.http_server import RecordingServer
from hub.testing.targets import customer_update
from hub.web.app import HubApp, create_app
from hub.web.look import HEADERS
from hub.web.metrics import render as render_metrics
from hub_email_smtp.sender import Sender
from hub_email_smtp.settings import SmtpSchema
from hub_segment import SegmentTarget
from hub_webhook import CsvTarget, WebhookTarget
from tests.hostile.reading import Outline, is_calm, read_mail
from tests.hostile.texts import CHARACTERS, HUGE, LINES, TEXTS
from tests.lab import SETUP, Lab, identify, open_lab, settings_for, survey_lines
from tests.surveys import INVITATION

ALL = [*TEXTS, HUGE]
FORMULA = re.compile(r"\s*[=+\-@\t\r]")
ADDRESSES = [
    "o'brien+<b>@acme.example",
    "-oQ/tmp/x@acme.example",
    "|id|@acme.example",
    "$(id)@acme.example",
    "`id`@acme.example",
    "{{7*7}}@acme.example",
    "%s%n@acme.example",
    "=cmd@acme.example",
    "a&b=c?d@acme.example",
    "ada*/--@acme.example",
    "użytkownik@müller.example",
    '"a b"@acme.example',
    "ada@acme.example\r\nBcc: eve@evil.example",
    "ada@acme.example,eve@evil.example",
    "<ada@acme.example>",
    "ada@acme.example\x00",
    "ada@[127.0.0.1]",
    "ada@localhost",
    "a" * 65 + "@acme.example",
    "\u202eada@acme.example",
    "ada@аcme.example",
]


@pytest.fixture
def app(lab: Lab) -> Iterator[HubApp]:
    made = create_app(lab.hub)
    yield made
    made.close()


# What customers' events hold


def customers() -> list[dict[str, Any]]:
    """Return an identify for each text, with the text in every trait, and one with the text as its ids."""
    traits = [
        {"firstName": text, "lastName": text, "name": text, "language": text, "plan": text, text: text}
        for text in TEXTS
    ]
    events = [{**identify(f"u{n}", **given), "locale": ALL[n], "timezone": ALL[n]} for n, given in enumerate(traits)]
    events.append(identify(f"u{len(TEXTS)}", firstName=HUGE, lastName=HUGE))
    return events + [
        {
            "user_id": text,
            "anonymous_id": text,
            "message_id": text,
            "type": "identify",
            "traits": {"email": f"i{n}@acme.example"},
        }
        for n, text in enumerate(ALL)
    ]


def test_whatever_customers_are_called_all_are_decided_and_mailed_as_the_same_mail(lab: Lab) -> None:
    lab.set(min_interval_weeks=0)
    innocent = read_mail(render(INVITATION))
    lab.decide(*customers())
    assert {row.reason for row in lab.rows(tables.event)} <= {None, "unreadable", "duplicate", "no_identity"}
    lab.deliver()
    named = {message.to: message for _, message in lab.office.mails}
    assert len(named) > len(ALL) * 1.5
    for number, text in enumerate(ALL):
        mail = read_mail(named[f"u{number}@acme.example"])
        assert (mail.headers, mail.defects, mail.to) == (innocent.headers, [], [f"u{number}@acme.example"])
        assert Outline(mail.html).elements == Outline(innocent.html).elements, ascii(text)
        assert all(link.startswith("https://hub.example/") for link in Outline(mail.html).links), ascii(text)
        shown = one_line(f"{text.strip()} {text.strip()}", limit=80)
        assert f"Hello {shown}," in mail.text or "Hello," in mail.text.splitlines(), ascii(text)
        assert f"Hello {shown}," in Outline(mail.html).text or "Hello," in mail.text.splitlines(), ascii(text)
        assert is_calm(mail.text), ascii(text)
    assert all(finding.ok for finding in doctor.examine(lab.hub) if not finding.is_note)


def test_odd_addresses_are_mailed_alone_or_not_at_all(lab: Lab) -> None:
    lab.decide(*[{"user_id": f"u{n}", "traits": {"email": address}} for n, address in enumerate(ADDRESSES)])
    lab.deliver()
    assert len(lab.office.mails) >= 8
    for _, message in lab.office.mails:
        mail = read_mail(message)
        assert mail.to == [message.to]
        assert not re.search(r"[\s<>\"\\,;]|evil", message.to)
    assert set(lab.reasons()) == {"scheduled", "bad_email"}


def test_stories_and_lists_hold_each_text_as_it_was_said(lab: Lab, app: HubApp) -> None:
    lab.decide(*customers())
    api = Reader(lab, app)
    known = {one["user_ids"][0]: one for one in api.all("/people") if one["user_ids"]}
    for number, text in enumerate(ALL):
        if text.strip():
            assert known[f"u{number}"]["name"] == f"{text.strip()} {text.strip()}"
    ids = {text for text in ALL if text and is_storable(text) and len(text) <= 500}
    assert ids <= set(known)
    for path in ("/events", "/invitations", "/responses", "/suppressions"):
        api.all(path)
    for text in ids:
        [story] = people.why(lab.hub, text)
        assert list(story.user_ids) == [text]


class Reader:
    """Reads the API."""

    def __init__(self, lab: Lab, app: HubApp) -> None:
        self._client = Client(app)
        self._headers = {"Authorization": f"Bearer {tokens.add(lab.hub, 'reader', list(Scope))}"}

    def all(self, path: str) -> list[Any]:
        items: list[Any] = []
        cursor = None
        while True:
            query = {"limit": 100, **({"cursor": cursor} if cursor else {})}
            answer = self._client.get(f"/api/v1{path}", headers=self._headers, query_string=query)
            assert (answer.status_code, answer.mimetype) == (200, "application/json")
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            items += answer.json["items"]
            cursor = answer.json["next_cursor"]
            if cursor is None:
                return items


@pytest.fixture
def small_lab(tmp_path: Path) -> Iterator[Lab]:
    """A lab on SQLite, for what is the same on both databases."""
    opened = open_lab(f"sqlite:///{tmp_path / 'hub.db'}", tmp_path)
    opened.set()
    yield opened
    opened.hub.close()


def test_commands_show_nothing_that_moves_a_terminal(small_lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = small_lab
    lab.decide(*customers(), *[{"unreadable": text, "message_id": f"x{n}"} for n, text in enumerate(ALL)])
    lab.office.behaviour["relay"] = pause_with("\x1b[2J" + "".join(ALL[:-1]))
    lab.deliver()
    settings = settings_for(lab.hub.settings.database_url or "", lab.hub.settings.data_dir)
    monkeypatch.setattr("hub.cli.common.load_settings", lambda: settings)
    monkeypatch.setattr("hub.pipeline.hub.find_plugins", lambda **_: lab.hub.registry.plugins)
    said = [run("why", f"u{number}") for number, text in enumerate(TEXTS) if text in CHARACTERS + LINES]
    said += [run("why", text) for text in CHARACTERS]
    said += [
        run("events", "--last", "100"),
        run("events", "--rejected", "--last", "100"),
        run("channels"),
        run("doctor"),
    ]
    said += [run("queue", "--list"), run("check"), run("suppressions", "add", "\x1b[31m")]
    assert [text for text in said if not is_calm(text)] == []
    assert sum("\\x1b[31mred" in text for text in said) >= 3


def pause_with(why: str) -> Any:
    def refuse(*_: object) -> Any:
        raise ChannelPaused(why)

    return refuse


def run(*arguments: str) -> str:
    """Return what a command printed; what it raises passes through."""
    result = CliRunner().invoke(main, list(arguments))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


# What customers write into the form


def test_a_comment_is_text_on_the_page_in_the_api_and_at_the_target(lab: Lab, app: HubApp) -> None:
    lab.set(min_interval_weeks=0)
    lab.decide(*[identify(f"u{number}") for number in range(len(TEXTS))])
    lab.deliver()
    client = Client(app)
    innocent = Outline(client.get(f"/s/{lab.token()}").text)
    for number, text in enumerate(TEXTS):
        token = lab.token(number)
        answer = client.post(f"/s/{token}", data={"score": "9", "comment": text.encode(errors="replace").decode()})
        assert answer.status_code == 303
        page = client.get(f"/s/{token}")
        assert {name: page.headers[name] for name in HEADERS} == HEADERS
        outline = Outline(page.text)
        answered = [one for one in outline.elements if one != ("p", ["class"])]
        assert [("input", one[1]) if one[0] == "input" else one for one in answered] == [
            ("input", ["checked", *one[1]] if number_of_input == 9 else one[1]) if one[0] == "input" else one
            for number_of_input, one in numbered_inputs(innocent.elements)
            if one != ("p", ["class"])
        ], ascii(text)
        assert outline.links == []
        assert kept(text) in outline.text
    found = {one["comment"] for one in Reader(lab, app).all("/responses")}
    assert found == {kept(text) for text in TEXTS}
    lab.sync()
    assert {update.comment for update in lab.crm.updates} == found


def numbered_inputs(elements: list[tuple[str, list[str]]]) -> Iterator[tuple[int, tuple[str, list[str]]]]:
    number = -1
    for one in elements:
        number += one[0] == "input"
        yield number, one


def kept(text: str) -> str:
    """Return a comment as the hub keeps it: line ends as \\n, and none of the characters that no form has keys for."""
    from hub.web.answers import read_form

    return read_form({"comment": text.encode(errors="replace").decode()}).comment or ""


# What operators call things


def test_a_brand_is_text_wherever_it_stands_and_survives_export_and_apply(lab: Lab, app: HubApp) -> None:
    brands = [text for text in TEXTS if is_storable(text) and len(text) <= 60]
    assert len(brands) > len(TEXTS) * 0.8
    document = SETUP + "".join(
        f'[surveys.s{number}]\nsources = ["product"]\nchannels = ["relay"]\ntargets = []\nbrand = {quoted(brand)}\n'
        + survey_lines()
        for number, brand in enumerate(brands)
    )
    lab.configure(document)
    written = export(lab.hub)
    assert planning.plan(lab.hub, written, environ={}).lines == []
    lab.decide(identify("u1"))
    lab.deliver()
    innocent = read_mail(render(INVITATION))
    for _, message in lab.office.mails:
        mail = read_mail(message)
        assert (mail.headers, mail.defects, mail.to) == (innocent.headers, [], ["u1@acme.example"])
        assert Outline(mail.html).elements == Outline(innocent.html).elements
        assert is_calm(mail.subject)
        assert is_calm(mail.text)
    client = Client(app)
    pages = [Outline(client.get(f"/s/{lab.token(number)}").text) for number in range(len(brands))]
    assert all(page.elements == pages[0].elements for page in pages)
    brands_shown = {brand for brand in brands if brand.strip() and any(brand in page.text for page in pages)}
    assert len(brands_shown) > len(brands) * 0.8
    lines = render_metrics([*metrics.current(lab.hub), *metrics.totals(lab.hub)])
    assert {family.name for family in text_string_to_metric_families(lines)} >= {"hub_invitations", "hub_info"}


def quoted(text: str) -> str:
    """Return a text as TOML writes it."""
    return tomli_w.dumps({"x": text}).removeprefix("x = ")


def test_names_of_connections_and_surveys_are_plain_words(small_lab: Lab) -> None:
    for table, text in itertools.product(["sources", "channels", "targets", "surveys"], TEXTS):
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", text):
            with pytest.raises(ConfigError, match="a name has lower-case letters"):
                planning.plan(small_lab.hub, tomli_w.dumps({table: {storable(text): {}}}), environ={})


def test_a_sender_is_refused_or_brings_one_header_with_its_address() -> None:
    message = render(INVITATION)
    innocent = read_mail(message)
    taken = 0
    for text in TEXTS:
        for sender in (f"{text} <hello@acme.example>", f'"{text}" <hello@acme.example>', f"{text}@acme.example"):
            try:
                settings = SmtpSchema().load({"host": "127.0.0.1", "from": sender})
            except ValidationError:
                continue
            mail = read_mail(message, Sender.parse(settings["sender"]).header)
            assert (mail.headers, mail.defects, mail.to) == (innocent.headers, [], innocent.to), ascii(text)
            assert len(mail.senders) == 1
            assert mail.senders[0].endswith("@acme.example")
            taken += 1
    assert taken > len(TEXTS) / 2


# What providers say


def test_whatever_a_provider_says_is_kept_and_the_channel_goes_on(lab: Lab, app: HubApp) -> None:
    lab.set(min_interval_weeks=0)
    relay = lab.id_of(Role.CHANNEL, "relay")
    for number, text in enumerate(TEXTS):
        lab.decide(identify(f"u{number}"))
        lab.office.behaviour["relay"] = outcomes(text)[number % 4]
        lab.deliver()
        lab.change(tables.connection_state, paused_until=None, failures=0)
    reports = [{"id": text, "kind": "bounced", "at": lab.clock().isoformat()} for text in TEXTS]
    answer = Client(app).post(f"/channels/{relay}/events", json=reports, headers={"X-Signature": "genuine"})
    assert answer.json == {"success": True, "known": 0}
    states = set(lab.states())
    assert {"sent", "rejected", "unknown"} <= states
    assert states <= {"sent", "rejected", "unknown", "scheduled", "queued", "cancelled"}
    lab.crm.answer = lambda updates: [Parked(why=TEXTS[number % len(TEXTS)]) for number, _ in enumerate(updates)]
    for number, text in enumerate(TEXTS):
        respond.answer(lab.hub, lab.token(number), 9, text)
    lab.sync()
    assert {row.state for row in lab.rows(tables.outbox)} == {"parked"}


def outcomes(text: str) -> list[Any]:
    def send(message: Any, depart: Any) -> Any:
        depart()
        return Sent(provider_id=text, detail=text)

    def reject(*_: Any) -> Any:
        return Rejected(why=text)

    def lose(message: Any, depart: Any) -> Any:
        depart()
        raise RuntimeError(text)

    return [send, reject, lose, pause_with(text)]


# What goes out in bulk


def test_no_cell_of_the_suppressions_is_a_formula_and_all_come_back(lab: Lab) -> None:
    notes = {f"n{number}@acme.example": text for number, text in enumerate(TEXTS) if is_storable(text)}
    for address, note in notes.items():
        suppressions.add(lab.hub, address, Stop.UNSUBSCRIBED, note)
    written = "".join(suppressions.export_csv(lab.hub))
    cells = [cell for row in csv.reader(io.StringIO(written)) for cell in row]
    assert [cell for cell in cells if FORMULA.match(cell)] == []
    records = read_records(io.BytesIO(written.encode()), Format.CSV, any_of=["email"], cell=rearmed)
    read = {one.values["email"]: one.values.get("note", "") for one in records}  # type: ignore[union-attr]
    assert read == notes


def updates() -> list[CustomerUpdate]:
    """Return an answer for each text, by a customer of that id."""
    return [
        replace(customer_update(number), comment=text, person=Person(user_id=text or "u"))
        for number, text in enumerate(text for text in TEXTS if is_storable(text))
    ]


def test_targets_write_each_text_as_one_value(services: Services, tmp_path: Path) -> None:
    given = updates()
    with RecordingServer() as server:
        url = server.url
        segment = SegmentTarget("s", SegmentTarget.config_schema().load({"write_key": "w", "host": url}), services)
        secret = "whsec_" + base64.b64encode(b"w" * 32).decode()
        webhook = WebhookTarget("w", WebhookTarget.config_schema().load({"url": url, "secret": secret}), services)
        assert not any(isinstance(one, Parked) for one in [*segment.push(given), *webhook.push(given)])
        bodies = [json.loads(request.body) for request in server.requests]
    pushed = [(event["userId"], event["traits"]["NPS_comment"]) for event in bodies[0]["batch"]]
    posted = [(body["data"]["user_id"], body["data"]["NPS_comment"]) for body in bodies[1:]]
    assert pushed == posted == [(one.person.user_id, one.comment) for one in given]
    path = tmp_path / "answers.csv"
    CsvTarget("c", CsvTarget.config_schema().load({"path": str(path)}), services).push(given)
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    assert len(rows) == len(given) + 1
    assert {len(row) for row in rows} == {len(rows[0])}
    assert [cell for row in rows for cell in row if FORMULA.match(cell)] == []


# What is logged


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_text_makes_no_second_line_in_the_log(form: str) -> None:
    make = formatter(form)
    for text in ALL:
        try:
            raise ValueError(text)
        except ValueError as error:
            plain = logging.LogRecord("hub", logging.ERROR, "x.py", 1, "Refused: %s", (text,), None)
            failed = logging.LogRecord("hub", logging.ERROR, "x.py", 1, "Failed", (), (ValueError, error, None))
        assert "\n" not in make.format(plain)
        _, *rest = make.format(failed).split("\n")
        assert all(line.startswith("    ") for line in rest)
        assert is_calm(make.format(plain) + make.format(failed)), ascii(text)
