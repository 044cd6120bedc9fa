"""Seeded event lists that live on the edges of the rules in docs/rules.md.

Few people, few mailboxes and few moments, so that events get in each other's way; times are set exactly on
the limits and one microsecond beside them.
"""

import copy
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

Event = dict[str, Any]
Settings = dict[str, Any]

MICROSECOND = timedelta(microseconds=1)
BESIDE = [-MICROSECOND, timedelta(0), timedelta(0), MICROSECOND]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

USER_IDS: list[Any] = ["u1", "u1", "u2", "u2", "7", 7, 7.0, 0, "0", "a1", 7.5, "7.5"]
ANONYMOUS_IDS: list[Any] = ["a1", "a1", "a2", "a3", "u1", 7, "7"]
NO_IDS: list[Any] = [None, ""]
BROKEN_IDS: list[Any] = [True, False, ["u1"], {"id": "u1"}, []]

MAILBOXES = [
    ["ann@example.com", "Ann@Example.com", "ANN@EXAMPLE.COM", " ann@example.com "],
    ["jos\u00e9@example.com", "jose\u0301@example.com", "JOS\u00c9@example.com"],
    ["stra\u00dfe@example.com", "STRASSE@example.com"],
    ["bob@example.com", "Bob@example.com"],
    ["bob+x@example.com"],
    ["b.ob@example.com"],
]
MALFORMED: list[Any] = [
    "",
    "  ",
    "ann",
    "ann@",
    "@example.com",
    "ann@localhost",
    "ann@shop.test",
    "ann b@example.com",
    "ann@example",
    "ann..b@example.com",
    "ann@example.com, bob@example.com",
    "Ann <ann@example.com>",
    "ann@[127.0.0.1]",
    5,
    True,
    False,
    ["ann@example.com"],
    {"address": "ann@example.com"},
]
UNREADABLE_TIMES: list[Any] = ["", "yesterday", "not a time", "2026-13-01T00:00:00Z", None, {}, True]
UNREADABLE_CREATED_AT: list[Any] = [
    "",
    " ",
    True,
    False,
    [],
    {},
    ["2026-01-01"],
    "yesterday",
    "2026-02-30",
    "2025-02-29",
    "2026-13-01",
    "2026-00-10",
    "2026-1-5",
    "01/05/2026",
    "20260105",
    "2026-01-05T24:00",
    "2026-01-05T10:60",
    "2026-01-05T10:00:60Z",
    "2026-01-05T10",
    "2026-01-05T10:00:00.Z",
    "2026-01-05T10:00:00,5Z",
    "2026-01-05T10:00.5Z",
    "2026-01-05T10:00:00 Z",
    "2026-01-05  10:00:00",
    "2026-01-05T10:00:00+05",
    "2026-01-05T10:00:00UTC",
    "2026-01-05Z",
    "2026-01-05+01:00",
    "2026-01-05T",
    "2026-W02-1",
    "2026-005",
    "\u0662\u0660\u0662\u0666-01-05",
    "\uff12\uff10\uff12\uff16-01-05",
    "\u0661\u0667\u0660\u0660\u0660\u0660\u0660\u0660\u0660\u0660",
    "1989-12-31T23:59:59.999999Z",
    "1990-01-01T00:00:00+00:01",
    "0001-01-01T00:00:00+01:00",
    "1970-01-01",
    0,
    1,
    -1,
    999999999,
    99999999999,
    999999999999,
    10000000000000,
    17000000000000000000,
    1e30,
    -1700000000,
    "-1700000000",
    "+1700000000",
    "1700000000.5",
    "1.7e9",
    "1_700_000_000",
    "0000000001",
    "170000000",
    "17000000000",
    "NaN",
    "Infinity",
    "null",
]
LONG_AGO: list[Any] = [
    "1990-01-01",
    "1990-01-01T00:00:00Z",
    "1990-01-01T01:00+01:00",
    "2001-09-09T01:46:40Z",
    1000000000,
]
FAR_AHEAD: list[Any] = ["9999-12-30", "2286-11-20T17:46:39Z", 9999999999, "9999999999999"]


def generate_settings(seed: int) -> Settings:
    """Return the settings that a seed stands for; what it leaves out is at its default."""
    rng = random.Random(f"settings {seed}")
    min_delay = rng.choice([0, 0.001, 0.5, 3, 3, 14])
    max_delay = rng.choice([0, *(days for days in [0.001, 0.5, 3, 14] if days >= min_delay)])
    interval = rng.choice([0, 0, 26, 26, 0.001, 0.5])
    settings: Settings = {
        "min_delay_days": min_delay,
        "max_delay_days": max_delay,
        "min_interval_weeks": interval,
        "on_missing_created_at": rng.choice(["immediate", "first_seen", "first_seen", "skip"]),
        "max_event_age_hours": rng.choice([48, 48, 48, 0, 0.5]),
        "quiet_period_hours": rng.choice([0, 0, 12] if interval else [0, 0.5, 12, 72]),
        "daily_limit": rng.choice([0, 0, 0, 1, 2, 5]),
    }
    return {name: value for name, value in settings.items() if rng.random() < 0.9}


def generate_events(seed: int, settings: Settings, count: int = 100) -> list[Event]:
    """Return `count` events for a seed, ready to be written as JSON lines."""
    return _Story(random.Random(f"events {seed}"), settings).tell(count)


@dataclass(frozen=True, kw_only=True)
class _Anchor:
    """A moment that something may be measured from later, and whose it was."""

    at: datetime
    ids: dict[str, Any]
    traits: dict[str, Any]


class _Story:
    def __init__(self, rng: random.Random, settings: Settings) -> None:
        self.rng = rng
        self.settings = settings
        self.min_delay = timedelta(days=settings.get("min_delay_days", 0))
        self.max_delay = timedelta(days=settings.get("max_delay_days", 0))
        self.interval = timedelta(weeks=settings.get("min_interval_weeks", 26))
        self.quiet = timedelta(hours=settings.get("quiet_period_hours", 0))
        self.max_age = timedelta(hours=settings.get("max_event_age_hours", 48))
        self.clock = datetime(2026, 1, 10, tzinfo=UTC) + rng.choice(
            [
                timedelta(0),
                timedelta(hours=10, minutes=30),
                timedelta(hours=23, minutes=59, seconds=59, milliseconds=999),
                timedelta(seconds=rng.randrange(86_400), microseconds=rng.randrange(1_000_000)),
            ]
        )
        self.anchors: list[_Anchor] = []
        self.created_at: list[datetime] = []
        self.events: list[Event] = []
        # One seed has few of the people, so that they meet again.
        self.user_ids = rng.sample(USER_IDS, 5)
        self.anonymous_ids = rng.sample(ANONYMOUS_IDS, 3)
        self.mailboxes = rng.sample(MAILBOXES, 3)
        self.trouble = rng.choice([0.02, 0.1, 0.25])
        self.created_at_chance = 0.7
        self.calm = False

    def tell(self, count: int) -> list[Event]:
        while len(self.events) < count:
            if self.rng.random() < 0.12:
                self.play_scene()
            elif self.events and self.rng.random() < 0.05:
                self.events.append(self.duplicate())
            else:
                self.events.append(self.event())
        return self.events[:count]

    def play_scene(self) -> None:
        """Let a new user and a new visitor act close together, first apart, then as one."""
        before = dict(self.__dict__)
        number = len(self.events)
        user, visitor = {"userId": f"u-{number}"}, {"anonymousId": f"a-{number}"}
        self.mailboxes = [[f"s{number}@example.com", f"S{number}@Example.com"], [f"t{number}@example.com"]]
        self.mailboxes += self.rng.sample(MAILBOXES, self.rng.choice([0, 0, 1]))
        self.trouble, self.calm = 0.0, True
        self.created_at_chance = self.rng.choice([0.0, 0.5, 1.0, 1.0])
        self.anchors, self.created_at = [], []
        cast = [user, visitor, *(self.rng.choice([user, visitor]) for _ in range(self.rng.randrange(4)))]
        self.rng.shuffle(cast)
        cast += [user | visitor]
        cast += [self.rng.choice([user, visitor, user | visitor]) for _ in range(self.rng.randrange(1, 5))]
        for ids in cast:
            self.events.append(self.event(ids))
        clock = self.clock
        self.__dict__.update(before)
        self.clock = clock

    def duplicate(self) -> Event:
        again = copy.deepcopy(self.rng.choice(self.events[-12:]))
        if "messageId" not in again:
            again["messageId"] = f"m{len(self.events):03d}"
        if self.rng.random() < 0.5:
            again |= self.ids()
        again["receivedAt"] = _iso(self.clock + self.rng.choice([timedelta(0), MICROSECOND, timedelta(hours=1)]))
        self.clock = max(self.clock, datetime.fromisoformat(again["receivedAt"]))
        return again

    def event(self, whose: dict[str, Any] | None = None) -> Event:
        anchor = self.rng.choice(self.anchors[-8:]) if self.anchors else None
        if anchor is not None and self.rng.random() < 0.35:
            arrived = self.arrival_measured_from(anchor)
            ids = anchor.ids if self.rng.random() < 0.7 else self.ids()
            traits = dict(anchor.traits)
        else:
            arrived = self.arrival()
            ids = self.ids()
            traits = {}
        if whose is not None:
            ids = whose
            home = self.mailboxes[0 if "userId" in whose else 1]
            traits = {"email": self.rng.choice(home)} if self.rng.random() < 0.8 else {}
        received = arrived
        if self.rng.random() < 0.07:
            received = arrived - self.rng.choice([MICROSECOND, timedelta(hours=1), timedelta(days=400)])
        self.clock = max(self.clock, received)
        arrived = self.clock

        event: Event = {"type": "identify", "messageId": self.message_id(), **ids}
        if self.rng.random() < 0.15:
            event |= self.another_type()
        else:
            self.add_traits(event, traits, arrived)
            self.add_echo(event)
        self.add_times(event, arrived)
        event["receivedAt"] = _iso(received)
        if self.rng.random() < 0.04:
            self.leave_message_id_out(event, arrived)
        self.anchors.append(_Anchor(at=arrived, ids=ids, traits=_address(event)))
        return event

    def message_id(self) -> str:
        # Ids don't grow with time, so that ties are decided against the order of arrival too.
        return f"m{(len(self.events) * 37) % 1000:03d}-{len(self.events)}"

    def leave_message_id_out(self, event: Event, arrived: datetime) -> None:
        """Give the event a moment of its own: the derived id must never have to break a tie."""
        del event["messageId"]
        event.pop("sentAt", None)
        event["timestamp"] = _iso(arrived - timedelta(seconds=61, microseconds=self.rng.randrange(1_000_000)))

    def ids(self) -> dict[str, Any]:
        chance = self.rng.random()
        ids: dict[str, Any] = {}
        if chance < 0.75:
            ids["userId"] = self.rng.choice(self.user_ids)
        if chance > 0.45:
            ids["anonymousId"] = self.rng.choice(self.anonymous_ids)
        for name in ("userId", "anonymousId"):
            if self.rng.random() < 0.06:
                ids[name] = self.rng.choice(NO_IDS)
            if self.rng.random() < 0.15 * self.trouble:
                ids[name] = self.rng.choice(BROKEN_IDS)
        return ids

    def arrival(self) -> datetime:
        if self.calm:
            short = max(self.min_delay, timedelta(hours=4)) * self.rng.random() / 4
            return self.clock + self.rng.choice([timedelta(0), MICROSECOND, short, short])
        return self.clock + self.rng.choice(
            [
                timedelta(0),
                MICROSECOND,
                timedelta(seconds=1),
                timedelta(seconds=self.rng.randrange(3_600)),
                timedelta(hours=1),
                timedelta(hours=12),
                timedelta(hours=24),
                timedelta(days=self.rng.choice([1, 2, 3, 7])),
                self.until_midnight(),
            ]
        )

    def until_midnight(self) -> timedelta:
        midnight = self.clock.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        return midnight - self.clock

    def arrival_measured_from(self, anchor: _Anchor) -> datetime:
        distance = self.rng.choice(
            [
                timedelta(0),
                self.min_delay,
                self.max_delay,
                self.interval,
                self.quiet,
                self.interval + self.min_delay,
                self.interval - self.min_delay,
                self.quiet,
                self.quiet + self.min_delay,
                timedelta(hours=24),
            ]
        )
        return max(self.clock, anchor.at + distance + self.rng.choice(BESIDE))

    def another_type(self) -> Event:
        kind = self.rng.choice(["track", "page", "screen", "group", "alias", "delete"])
        if kind == "group":
            # The traits of a group are not the person's.
            return {
                "type": kind,
                "groupId": "g1",
                "traits": {"createdAt": "2020-01-01", "email": "", "name": "G"},
            }
        if kind == "delete":
            return {"type": kind if self.rng.random() < 0.4 else "page"}
        if kind == "alias":
            return {"type": kind, "previousId": "a1"}
        extra: Event = {"type": kind, "event": "Signed Up", "properties": {"createdAt": "yesterday"}}
        if self.rng.random() < 0.3:
            extra["context"] = {"traits": {"email": "eve@example.com", "createdAt": "2026-01-01"}}
        return extra

    def add_traits(self, event: Event, traits: dict[str, Any], arrived: datetime) -> None:
        if not traits and self.rng.random() < 0.75:
            traits["email"] = self.rng.choice(self.rng.choice(self.mailboxes))
        if self.rng.random() < self.trouble:
            traits["email"] = self.rng.choice([*MALFORMED, None])
        if self.rng.random() < self.created_at_chance:
            self.add_created_at(traits, arrived)
        if self.rng.random() < 0.3:
            traits[self.rng.choice(["firstName", "first_name", "lastName", "name"])] = self.rng.choice(["A", None])
        if self.rng.random() < 0.1:
            traits[self.rng.choice(["NPS_rating", "NPS_comment", "NPS_date"])] = self.rng.choice([0, 9, "x"])
        if self.rng.random() < 0.2:
            self.move_to_context(event, traits, arrived)
        if traits or self.rng.random() < 0.5:
            event["traits"] = traits
        elif self.rng.random() < 0.5:
            event["traits"] = None

    def add_created_at(self, traits: dict[str, Any], arrived: datetime) -> None:
        name, other = self.rng.sample(["createdAt", "created_at"], 2)
        traits[name] = self.created_at_value(arrived)
        if self.rng.random() < 0.2:
            traits[other] = self.rng.choice([None, self.created_at_value(arrived)])

    def created_at_value(self, arrived: datetime) -> Any:
        if self.rng.random() < self.trouble:
            return self.rng.choice(UNREADABLE_CREATED_AT)
        if self.rng.random() < 0.03:
            return self.rng.choice([*LONG_AGO, *FAR_AHEAD])
        if self.rng.random() < 0.03:
            return None
        if self.created_at and self.rng.random() < 0.4:
            return self.spell(self.rng.choice(self.created_at[-5:]))
        if self.rng.random() < 0.05:
            return self.number_with_a_long_fraction(arrived)
        created_at = arrived + self.rng.choice(
            [
                -self.min_delay * self.rng.random(),
                -self.min_delay * self.rng.random(),
                timedelta(hours=self.rng.randrange(1, 24)),
            ]
            if self.calm and self.rng.random() < 0.7
            else [
                *(-limit + beside for limit in (self.min_delay, self.max_delay) for beside in BESIDE),
                -self.max_delay,
                timedelta(0),
                -MICROSECOND,
                MICROSECOND,
                timedelta(hours=24),
                timedelta(hours=24) + MICROSECOND,
                timedelta(hours=24) - MICROSECOND,
                timedelta(hours=self.rng.randrange(1, 24)),
                timedelta(hours=36),
                -self.min_delay * self.rng.random(),
                -self.min_delay * self.rng.random(),
                -timedelta(seconds=self.rng.randrange(86_400 * 20)),
                -timedelta(seconds=self.rng.randrange(86_400 * 2)),
                -timedelta(seconds=self.rng.randrange(3_600)),
            ]
        )
        if self.rng.random() < 0.1:
            created_at = created_at.replace(hour=0, minute=0, second=0, microsecond=0)
        self.created_at.append(created_at)
        return self.spell(created_at)

    def number_with_a_long_fraction(self, arrived: datetime) -> float:
        """Return an epoch whose binary fraction is exact and finer than a microsecond."""
        moment = arrived - self.min_delay * self.rng.random()
        seconds = (moment - EPOCH) // timedelta(seconds=1)
        return self.rng.choice(
            [
                seconds + 2**-16,
                seconds + 5 * 2**-18,
                seconds * 1_000 + 2**-4,
                seconds * 1_000 + 999 + 15 * 2**-4,
            ]
        )

    def spell(self, moment: datetime) -> Any:
        """Return one of the accepted spellings that say exactly this moment."""
        offset = self.rng.choice([0, 60, -300, 330, 845, -720])
        shifted = moment + timedelta(minutes=offset)
        zone = f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02d}:{abs(offset) % 60:02d}"
        whole = f"{moment:%Y-%m-%d}{self.rng.choice('Tt ')}{moment:%H:%M:%S}"
        utc = self.rng.choice(["", "Z", "z", "+00:00", "-0000"])
        spellings: list[Any] = [
            f"{whole}.{moment:%f}{utc}",
            f"{whole}.{moment:%f}{self.rng.choice(['0', '9', '999', '123456789'])}{utc}",
            f" {whole}.{moment:%f}{utc}\t",
            f"{shifted:%Y-%m-%dT%H:%M:%S.%f}{zone}",
            f"{shifted:%Y-%m-%d %H:%M:%S.%f}{zone.replace(':', '')}",
        ]
        micros = (moment - EPOCH) // MICROSECOND
        if micros % 1_000 == 0:
            spellings += [micros // 1_000, str(micros // 1_000), f"{whole}.{moment:%f}"[:-3] + utc]
            spellings += [float(micros // 1_000), f" {micros // 1_000}\n"]
        if micros % 1_000 in (125, 250, 500):
            spellings.append(micros / 1_000)
        if micros % 1_000_000 in (250_000, 500_000):
            spellings.append(micros / 1_000_000)
        if micros % 1_000_000 == 0:
            spellings += [whole + utc, micros // 1_000_000, str(micros // 1_000_000), micros / 1_000_000]
            spellings.append(f"{whole}.000{utc}")
        if micros % 60_000_000 == 0:
            spellings += [f"{moment:%Y-%m-%dT%H:%M}{utc}", f"{shifted:%Y-%m-%dT%H:%M}{zone}"]
        if micros % 86_400_000_000 == 0:
            spellings += [f"{moment:%Y-%m-%d}"] * 4
        return self.rng.choice(spellings)

    def move_to_context(self, event: Event, traits: dict[str, Any], arrived: datetime) -> None:
        """Let `context.traits` hold some traits, or lose against the same ones in `traits`."""
        filled: dict[str, Any] = {}
        for name in list(traits):
            if self.rng.random() < 0.5:
                filled[name] = traits[name]
                if self.rng.random() < 0.6:
                    traits.pop(name)
                else:
                    traits[name] = None
        if self.rng.random() < 0.4:
            filled["email"] = self.rng.choice([*self.rng.choice(self.mailboxes), *MALFORMED[:3]])
        if self.rng.random() < 0.4:
            filled[self.rng.choice(["createdAt", "created_at"])] = self.created_at_value(arrived)
        event.setdefault("context", {})["traits"] = filled

    def add_echo(self, event: Event) -> None:
        if self.rng.random() > 0.1:
            return
        guard = self.rng.choice(["foreign", "foreign", "own", "integrations", "traits", "not one"])
        context = event.setdefault("context", {})
        if guard == "foreign":
            context |= {"active": False, "library": {"name": "analytics.js"}}
        elif guard == "own":
            context |= {"active": False, "library": {"name": "survey-hub", "version": "0.1.0"}}
        elif guard == "integrations":
            event["integrations"] = {"All": True, "Survey Hub": False}
        elif guard == "traits":
            context.pop("traits", None)
            event["traits"] = {"NPS_rating": 9, "NPS_comment": "", "NPS_date": "2026-01-01T00:00:00Z"}
            if self.rng.random() < 0.5:
                event["traits"]["email"] = self.rng.choice([*self.mailboxes[0], ""])
        else:
            context |= {"active": True}
            event["integrations"] = {"All": True, "Survey Hub": True, "Mixpanel": False}

    def add_times(self, event: Event, arrived: datetime) -> None:
        ages = [
            timedelta(0),
            timedelta(0),
            timedelta(seconds=2),
            timedelta(hours=1),
            *(self.max_age + beside for beside in BESIDE),
            timedelta(days=self.rng.choice([1, 3, 30])),
            -timedelta(hours=1),
        ]
        age = self.rng.choice(ages) if self.rng.random() < 0.6 else timedelta(0)
        chance = self.rng.random()
        if chance < (0.6 if self.calm else 0.3):
            self.add_unreadable_times(event)
        elif chance < 0.65:
            event["timestamp"] = _iso(arrived - age)
            if self.rng.random() < 0.2:
                event["sentAt"] = self.rng.choice(UNREADABLE_TIMES)
        else:
            # A client's clock, days off.
            sent = arrived + timedelta(days=self.rng.choice([0, 0, -400, -3, 3, 30]), seconds=7)
            event["sentAt"] = _iso(sent)
            event["timestamp"] = _iso(sent - age)

    def add_unreadable_times(self, event: Event) -> None:
        if self.rng.random() < 0.3:
            event["timestamp"] = self.rng.choice(UNREADABLE_TIMES)
        if self.rng.random() < 0.3:
            event["sentAt"] = "2020-01-01T00:00:00Z"


def _address(event: Event) -> dict[str, Any]:
    traits = event.get("traits") or {}
    return {"email": traits["email"]} if traits.get("email") else {}


def _iso(moment: datetime) -> str:
    if moment.microsecond % 1_000:
        return f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1_000:03d}Z"
