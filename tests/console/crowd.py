"""Who comes to the furnished hub: people who are asked and answer, and people who are asked later, or never."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from flask.testing import FlaskClient
from sqlalchemy import select

from hub.domain.states import State
from hub.pipeline import decide, deliver, respond
from hub.pipeline.hub import Hub
from hub.registry import utc_now
from hub.store import tables
from tests.clock import Clock
from tests.configured import API_KEY

ASKED = [
    "Ada Lovelace",
    "Grace Hopper",
    "Edsger Dijkstra",
    "Barbara Liskov",
    "Donald Knuth",
    "Radia Perlman",
    "Alan Turing",
    "Margaret Hamilton",
    "Frances Allen",
    "Ken Thompson",
    "Jean Bartik",
    "Tony Hoare",
]
NEW = [
    "Mary Shaw",
    "Niklaus Wirth",
    "Lynn Conway",
    "John Backus",
    "Adele Goldberg",
    "Robin Milner",
    "Katherine Johnson",
    "Peter Naur",
    "Sophie Wilson",
    "Dennis Ritchie",
    "Shafi Goldwasser",
    "Leslie Lamport",
]
ANSWERED_AFTER, NEXT_AFTER, NEW_AFTER = timedelta(hours=3), timedelta(hours=9), timedelta(hours=2)
"""How long passes from a mail to its answer, from there to the next person, and from one new person to the next."""
PASSING = len(ASKED) * (ANSWERED_AFTER + NEXT_AFTER) + len(NEW) * NEW_AFTER
"""How long all of them take together."""
SAID = [
    (10, "Set up in a morning, and it has not needed us since."),
    (9, ""),
    (10, "I like that it says why somebody was not asked."),
    (8, "Good, but I missed a weekly summary."),
    (3, "Too many clicks until the first survey went out."),
    (9, "Does what it says."),
    (10, ""),
    (7, ""),
    (9, "Our support team reads the comments every morning."),
    (6, "I expected scores by country."),
    (9, "The mail in Arabic came out right."),
]
_PATIENCE_S = 30.0


class RealClock:
    """A clock that moves by itself."""

    def __call__(self) -> datetime:
        return utc_now()

    def advance(self, span: timedelta) -> None:
        """Let no more time pass than does."""


def ask_people(hub: Hub, client: FlaskClient, clock: Clock | RealClock) -> None:
    """Let people in who are asked at once, and all but the last one answer."""
    for number, name in enumerate(ASKED):
        user_id = _let_in(hub, client, number, name, days=[3, 4, 6][number % 3])
        deliver.drain(hub, until=soon())
        clock.advance(ANSWERED_AFTER)
        if number < len(ASKED) - 1:
            _answer(hub, user_id, number)
        clock.advance(NEXT_AFTER)


def let_new_people_in(hub: Hub, client: FlaskClient, clock: Clock | RealClock) -> None:
    """Let people in who are asked later, or never: some are too old, some have no address."""
    for number, name in enumerate(NEW, start=len(ASKED)):
        _let_in(hub, client, number, name, days=[0, 1, 2, 40][number % 4])
        clock.advance(NEW_AFTER)


def _let_in(hub: Hub, client: FlaskClient, number: int, name: str, *, days: int) -> str:
    first, last = name.split(" ")
    traits = {
        "email": f"{name.lower().replace(' ', '.')}@customer.example" if number % 7 != 6 else "not an address",
        "firstName": first,
        "lastName": last,
        "plan": ["free", "pro"][number % 2],
        "createdAt": (hub.now() - timedelta(days=days, hours=number % 12)).isoformat(),
    }
    user_id = str(48210 + 37 * number)
    event = {"type": "identify", "userId": user_id, "messageId": f"m-{number}", "traits": traits}
    answer = client.post("/v1/identify", json=event, auth=(API_KEY, ""))
    assert answer.status_code == 200
    decide.drain(hub, until=soon())
    return user_id


def _answer(hub: Hub, user_id: str, number: int) -> None:
    table, identity = tables.invitation, tables.identity
    with hub.store.read() as connection:
        of_person = identity.c.person_id == table.c.person_id
        sent = select(table.c.id).where(of_person, identity.c.value == user_id, table.c.state == State.SENT)
        id = connection.scalar(sent)
    if id is not None:
        respond.answer(hub, hub.keys.token_of(id), *SAID[number], {"support": 5 - number % 3})


def soon() -> float:
    """Return until when a job may take, by the clock of `time.monotonic`."""
    return time.monotonic() + _PATIENCE_S
