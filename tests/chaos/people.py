"""Who uses the hub: Segment that feeds it, customers that answer, programs that open every link in a mail."""

from __future__ import annotations

import itertools
import random
import threading
import time
import zlib
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.chaos.outside import Letter

DUPLICATES = 0.2
FEEDERS = 4
READERS = 3
LARGEST_BATCH = 40
PATIENCE_S = 8.0
DAY_S = 86_400


SOURCES = ("product", "app")


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Identifies that Segment sends to one source in one call."""

    source: str
    events: Sequence[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Feed:
    """What Segment will send: identifies in batches, duplicates among them, in no good order."""

    batches: Sequence[Batch]
    due: frozenset[str]
    """The mailboxes that the survey's rules ask, each once."""
    user_of: dict[str, str]
    """The userId behind a mailbox; of one that several share, none."""
    message_ids: frozenset[str]

    @property
    def identifies(self) -> int:
        """How many identifies there are, duplicates included."""
        return sum(len(batch.events) for batch in self.batches)


def make_feed(dice: random.Random, *, identifies: int, domain: str) -> Feed:
    """Return `identifies` events of made-up customers: most are due, some share a mailbox, some must not be asked."""
    unique = round(identifies * (1 - DUPLICATES))
    events: list[dict[str, Any]] = []
    users: dict[str, list[str]] = defaultdict(list)
    recent: dict[str, deque[str]] = {source: deque(maxlen=20) for source in SOURCES}
    while len(events) < unique:
        user_id = f"user-{len(events)}"
        mailbox = f"{user_id}@{domain}"
        neighbours = recent[source_of(user_id)]
        if neighbours and dice.random() < 0.1:
            mailbox = dice.choice(neighbours)
        written = mailbox.upper() if dice.random() < 0.1 else mailbox
        traits: dict[str, Any] = {"firstName": f"Given {domain}", "email": written}
        match dice.choices(["new", "old", "without address", "bad address"], [90, 4, 3, 3])[0]:
            case "new":
                traits["createdAt"] = time.time() - dice.uniform(0, 10 * DAY_S)
                neighbours.append(mailbox)
                users[mailbox].append(user_id)
            case "old":
                traits |= {"createdAt": time.time() - 40 * DAY_S, "email": f"{user_id}@old.{domain}"}
            case "without address":
                del traits["email"]
            case "bad address":
                traits["email"] = f"{user_id} at {domain}"
        for number in range(dice.choice([1, 1, 1, 2])):
            event = {"type": "identify", "userId": user_id, "traits": traits}
            events.append({**event, "messageId": f"{user_id}-{number}"})
    events = events[:unique]
    sent_twice = [dice.choice(events) for _ in range(identifies - unique)]
    return Feed(
        batches=_batches(dice, _in_disorder(dice, [*events, *sent_twice])),
        due=frozenset(users.keys() & {str(event["traits"].get("email")).casefold() for event in events}),
        user_of={mailbox: ids[0] for mailbox, ids in users.items() if len(ids) == 1},
        message_ids=frozenset(event["messageId"] for event in events),
    )


def _in_disorder(dice: random.Random, events: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    places = [(number + dice.uniform(0, 300), event["messageId"], event) for number, event in enumerate(events)]
    return [event for *_, event in sorted(places, key=lambda place: place[:2])]


def source_of(user_id: str) -> str:
    """Return which source a customer's events come to."""
    return SOURCES[zlib.crc32(user_id.encode()) % len(SOURCES)]


def _batches(dice: random.Random, events: list[dict[str, Any]]) -> list[Batch]:
    batches, start = [], 0
    while start < len(events):
        chunk = events[start : start + dice.choice([1, 5, LARGEST_BATCH])]
        start += len(chunk)
        for source in SOURCES:
            mine = [event for event in chunk if source_of(event["userId"]) == source]
            batches += [Batch(source=source, events=mine)] if mine else []
    return batches


@dataclass(kw_only=True)
class Voted:
    """What a customer was told is recorded."""

    rating: int
    comment: str


@dataclass
class Crowd:
    """Feeders and customers at work in threads of their own. What the hub confirmed to them stands here."""

    url: str
    api_keys: Mapping[str, str]
    """By source."""
    feed: Feed
    post: Callable[[], Sequence[Letter]]
    seed: int
    feed_for_s: float
    accepted: set[str] = field(default_factory=set)
    """The messageIds of all bodies that were answered 200."""
    voted: dict[str, Voted] = field(default_factory=dict)
    """The newest confirmed answer, by the first mail to the mailbox."""
    voted_at: dict[str, float] = field(default_factory=dict)
    """When a mailbox first was told that its answer is recorded, by the monotonic clock."""
    statuses: Counter[int] = field(default_factory=Counter)
    gave_up: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._batches = iter(enumerate(self.feed.batches))
        self._closing = threading.Event()
        self._gone = threading.Event()
        self._taken: list[int] = []
        self._read: set[str] = set()
        self._first_mails: dict[str, str] = {}
        """By mailbox."""
        self._started = time.monotonic()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Crowd:
        self._threads = [threading.Thread(target=self._send_batches, name=f"feeder-{n}") for n in range(FEEDERS)]
        self._threads += [
            threading.Thread(target=self._read_mail, args=(n,), name=f"reader-{n}") for n in range(READERS)
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.finish(0)
        for thread in self._threads:
            thread.join()

    def has_sent_all(self) -> bool:
        """Return whether every batch was accepted."""
        return len(self._taken) == len(self.feed.batches)

    def finish(self, timeout_s: float) -> None:
        """Let everybody finish what they are at, then go."""
        self._closing.set()
        _joined(self._threads, timeout_s)
        self._gone.set()

    def _send_batches(self) -> None:
        session = requests.Session()
        while not self._closing.is_set():
            with self._lock:
                number, batch = next(self._batches, (0, None))
            if batch is None:
                return
            due_at = self._started + self.feed_for_s * number / len(self.feed.batches)
            self._closing.wait(max(0.0, due_at - time.monotonic()))
            login = (self.api_keys[batch.source], "")
            if self._until_taken(session, "/v1/batch", json={"batch": batch.events}, auth=login):
                with self._lock:
                    self._taken.append(number)
                    self.accepted |= {event["messageId"] for event in batch.events}

    def has_read_all(self) -> bool:
        """Return whether every mail that came so far was read, and answered or not."""
        return self._read >= {letter.invitation_id for letter in self.post()}

    def _read_mail(self, number: int) -> None:
        """Answer some mails, some of those twice; let scanners open every link of others.

        Some answer only once they are reminded; who has answered leaves a reminder alone.
        """
        session = requests.Session()
        while not self._closing.wait(0.1):
            for letter in self.post():
                is_mine = zlib.crc32(letter.mailbox.encode()) % READERS == number
                if not is_mine or letter.invitation_id in self._read or self._closing.is_set():
                    continue
                first = self._first_mails.setdefault(letter.mailbox, letter.invitation_id)
                dice = random.Random(f"{self.seed}-{letter.mailbox}-{first == letter.invitation_id}")
                if first in self.voted:
                    self._read.add(letter.invitation_id)
                    continue
                if dice.random() < 0.1:
                    self._scan(session, letter)
                if dice.random() < 0.4 and self._vote(session, letter, dice) and dice.random() < 0.3:
                    self._vote(session, letter, dice)
                self._read.add(letter.invitation_id)

    def _scan(self, session: requests.Session, letter: Letter) -> None:
        for score in range(11):
            self._try(session, "GET", f"{letter.link}?score={score}")

    def _vote(self, session: requests.Session, letter: Letter, dice: random.Random) -> bool:
        """Answer, and return whether that was confirmed at the first try: then a second answer is surely the newer."""
        rating, comment = dice.randint(0, 10), f"Said {dice.randint(0, 999)} at {letter.mailbox}"
        path = letter.link.removeprefix(self.url)
        tries = self._until_taken(session, path, data={"score": rating, "comment": comment}, allow_redirects=False)
        if tries:
            with self._lock:
                self.voted[self._first_mails[letter.mailbox]] = Voted(rating=rating, comment=comment)
                self.voted_at.setdefault(letter.mailbox, time.monotonic())
        return tries == 1

    def _until_taken(self, session: requests.Session, path: str, **request: Any) -> int:
        """Post until the hub says that it has it, as Segment and patient people do; return the tries it took, or 0."""
        pause = 0.05
        for number in itertools.count(1):
            status = self._try(session, "POST", self.url + path, **request)
            if status in (200, 303):
                return number
            if status is not None and status < 500:
                self.gave_up.append(f"{path}: {status}")
                return 0
            if self._gone.wait(pause):
                return 0
            pause = min(pause * 2, 1.0)
        raise AssertionError("unreachable")

    def _try(self, session: requests.Session, method: str, url: str, **request: Any) -> int | None:
        try:
            status = session.request(method, url, timeout=PATIENCE_S, **request).status_code
        except requests.RequestException:
            return None
        with self._lock:
            self.statuses[status] += 1
        return status


def _joined(threads: Sequence[threading.Thread], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)
