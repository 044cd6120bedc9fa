"""A hub with something on every page of its console."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import select, update

from hub.admin.access import tokens
from hub.admin.access.tokens import Scope
from hub.admin.configuration import text_edits
from hub.admin.configuration.text_edits import Edit
from hub.admin.people import suppressions
from hub.admin.scoring import segments
from hub.domain.reasons import Stop
from hub.domain.states import State
from hub.pipeline import notify, sync
from hub.pipeline.hub import Hub
from hub.store import holds, tables
from hub.testing.http_server import Answer, RecordingServer
from hub.testing.smtp_server import Say, ScriptedSmtpServer
from hub.web.app import create_app
from tests.clock import Clock
from tests.configured import API_KEY, configured_hub
from tests.console.crowd import RealClock, ask_people, let_new_people_in, soon

BASE_URL = "http://127.0.0.1:8000"
TOML = """
[sources.product]
kind = "segment"
api_key = "{api_key}"

[channels.relay]
kind = "smtp"
host = "127.0.0.1"
port = {mail_port}
from = "Acme <hello@acme.example>"

[channels.spare]
kind = "sendgrid"
api_key = "SG.spare"
host = "{sendgrid}"
from = "Acme <hello@acme.example>"

[targets.product]
kind = "segment"
write_key = "write-key"
host = "{segment}"

[listeners.ops]
kind = "webhook"
url = "{ops}/hooks/surveys"
secret = "whsec_{secret}"
events = ["answered", "detractor", "bounced", "channel_paused", "brake"]

[surveys.onboarding]
sources = ["product"]
channels = ["relay", "spare"]
targets = ["product"]
enabled = true
min_delay_days = 3
max_delay_days = 14
surge_brake = false

[surveys.renewal]
sources = ["product"]
channels = ["relay"]
min_delay_days = 30
max_delay_days = 60
reminders = 2
send_days = ["mon", "tue", "wed", "thu", "fri"]
send_from = "09:00"
send_until = "17:00"
send_timezone = "Europe/Berlin"
"""
PATHS = (
    "home",
    "surveys",
    "survey",
    "new survey",
    "what would have happened",
    "readiness",
    "texts",
    "texts in a new language",
    "texts versions",
    "texts version",
    "texts version again",
    "retire survey",
    "people",
    "import people",
    "person",
    "queue",
    "resume sending",
    "invitation",
    "responses",
    "answers looked through",
    "response",
    "events",
    "event",
    "connections",
    "channel",
    "new connection",
    "new channel",
    "system",
    "doctor",
    "settings",
    "account of somebody",
    "new account",
    "tokens",
    "suppressions",
    "new suppression",
    "audit log",
    "scores",
    "retention",
    "appearance",
    "components",
    "account",
    "keys",
    "channel log",
    "target",
    "target log",
    "target refused",
    "listener",
    "listener log",
    "weekly report",
)
REFUSAL = Answer(status=400, body=b"malformed event")


@contextmanager
def furnished_hub(
    directory: Path,
    database_url: str,
    *,
    redis_url: str = "",
    base_url: str = BASE_URL,
    clock: Clock | RealClock | None = None,
) -> Iterator[Hub]:
    """Yield a hub at work: people in every state, answers, a mail that nobody knows about, things that failed.

    By a clock that is moved, all this came about over days.
    """
    clock = clock or RealClock()
    with (
        ScriptedSmtpServer() as mail,
        RecordingServer() as segment,
        RecordingServer() as sendgrid,
        RecordingServer() as ops,
    ):
        ops.respond = lambda request: Answer(status=410 if b"response.detractor" in request.body else 204)
        segment.respond = lambda request: REFUSAL if b'"userId":"48247"' in request.body else Answer()
        sendgrid.respond = lambda _request: Answer(status=202, body=b"")
        mail.respond = lambda phase, to: Say(text="451 4.3.0 Not now") if phase == "rcpt" and "tony" in to else None
        others = {"segment": segment.url, "sendgrid": sendgrid.url, "ops": ops.url, "secret": "e" * 32}
        toml = TOML.format(api_key=API_KEY, mail_port=mail.port, **others)
        with configured_hub(
            directory, database_url, redis_url=redis_url, toml=toml, base_url=base_url, now=clock
        ) as hub:
            client = create_app(hub).test_client()
            text_edits.save(hub, "onboarding", Edit(language="en", texts={}, look={"ratings": ["support"]}))
            segments.choose(hub, ["plan"])
            ask_people(hub, client, clock)
            sync.start_now(hub)
            sync.drain(hub, until=soon())
            notify.drain(hub, until=soon())
            let_new_people_in(hub, client, clock)
            _leave_some_open(hub)
            suppressions.add(hub, "never@customer.example", Stop.UNSUBSCRIBED, "asked by phone")
            tokens.add(hub, "reporting", [Scope.READ])
            _write_texts(hub)
            yield hub


def hold_sending(hub: Hub) -> None:
    """Have the hub send nothing, as after a restore."""
    with hub.store.write() as connection:
        holds.begin(connection, backup_made_at=hub.now(), now=hub.now())


def paths_of(hub: Hub) -> dict[str, str]:
    """Return where the pages are that have to be seen, by name."""
    with hub.store.read() as connection:
        answer, person = connection.execute(
            select(tables.response.c.id, tables.response.c.person_id).order_by(tables.response.c.id).limit(1)
        ).one()
        event = connection.scalar(select(tables.event.c.id).where(tables.event.c.person_id == person))
        account = connection.scalar(select(tables.account.c.id))
        invitation = connection.scalar(select(tables.invitation.c.id).where(tables.invitation.c.person_id == person))
    return {
        "home": "/",
        "surveys": "/surveys",
        "survey": "/surveys/onboarding",
        "new survey": "/surveys/_new",
        "what would have happened": "/surveys/onboarding/rehearsal",
        "readiness": "/surveys/renewal/readiness",
        "texts": "/surveys/onboarding/texts",
        "texts in a new language": "/surveys/onboarding/texts?language=ar",
        "texts versions": "/surveys/onboarding/texts/versions",
        "texts version": "/surveys/onboarding/texts/versions/2",
        "texts version again": "/surveys/onboarding/texts/versions/1/again",
        "retire survey": "/surveys/renewal/retire",
        "people": "/people",
        "import people": "/people/import",
        "person": f"/people/{person}",
        "queue": "/queue",
        "resume sending": f"/queue/resume?stopped_at={hub.now():%Y-%m-%dT%H:%M}",
        "invitation": f"/queue/{invitation}",
        "responses": "/responses",
        "answers looked through": "/responses?said=survey",
        "response": f"/responses/{answer}",
        "events": "/events",
        "event": f"/events/{event}",
        "connections": "/connections",
        "channel": "/connections/channel/relay",
        "new connection": "/connections/new",
        "new channel": "/connections/new/channel/smtp",
        "system": "/system",
        "settings": "/settings",
        "doctor": "/system/doctor",
        "account of somebody": f"/settings/accounts/{account}",
        "new account": "/settings/accounts/_new",
        "tokens": "/settings/tokens",
        "suppressions": "/settings/suppressions",
        "new suppression": "/settings/suppressions/new",
        "audit log": "/settings/audit",
        "scores": "/settings/scores",
        "retention": "/settings/retention",
        "appearance": "/settings/appearance",
        "components": "/settings/components",
        "keys": "/connections/source/product?keys=shown",
        "channel log": "/connections/channel/relay/log",
        "target": "/connections/target/product",
        "target log": "/connections/target/product/log",
        "target refused": "/connections/target/product/refused",
        "listener": "/connections/listener/ops",
        "listener log": "/connections/listener/ops/log",
        "weekly report": "/settings/report",
        "account": "/account",
    }


def _leave_some_open(hub: Hub) -> None:
    table = tables.invitation
    with hub.store.write() as connection:
        waiting = connection.scalars(select(table.c.id).where(table.c.state == State.SCHEDULED)).all()
        values = [
            {"state": State.HELD},
            {
                "state": State.UNKNOWN,
                "due_at": hub.now(),
                "sent_at": hub.now(),
                "note": "the worker ended before the outcome was known",
            },
        ]
        for id, changed in zip(waiting, values, strict=False):
            connection.execute(update(table).where(table.c.id == id).values(**changed))


def _write_texts(hub: Hub) -> None:
    english = {"subject": "{{ name }}, how was it?", "thanks_promoter": "Wonderful. Would you tell a friend?"}
    text_edits.save(hub, "onboarding", Edit(language="en", texts=english, look={"brand": "Acme"}))
    german = {"subject": "{{ name }}, wie war es?", "ratings": {"support": "Unser Kundendienst"}}
    look = {"ratings": ["support"], "brand_colour": "#ff8800"}
    text_edits.save(hub, "onboarding", Edit(language="de", texts=german, look=look))
