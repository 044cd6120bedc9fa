"""The faults: each is begun, lasts for a while and is over. What they have in common is that a hub may meet them."""

from __future__ import annotations

import itertools
import random
import resource
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from typing import TypeVar

import psycopg
import redis.exceptions
from redis import Redis

from hub.testing.http_server import Answer
from hub.testing.smtp_server import Act, Drop, Hang, Phase, Say
from tests.chaos.stage import HUB, SCHEDULERS, WORKERS, Stage

Result = TypeVar("Result")
Happening = Callable[[Stage, random.Random], AbstractContextManager[bool | None]]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that goes wrong. Of one lane one is at work at a time.

    Those of the lanes "mail", "sendgrid" and "segment" hit when one of the three did what it was told; the others
    hit unless they yield False.
    """

    name: str
    lane: str
    happen: Happening
    lasts_s: tuple[float, float]
    only_on: str | None = None


CATALOGUE: dict[str, Fault] = {}
Script = Callable[[Stage, random.Random], Iterator[bool | None]]


def fault(lane: str, *, lasts_s: tuple[float, float], only_on: str | None = None) -> Callable[[Script], Happening]:
    """Enter a function into the catalogue under its own name."""

    def enter(function: Script) -> Happening:
        happen = contextmanager(function)
        name = function.__name__
        CATALOGUE[name] = Fault(name=name, lane=lane, happen=happen, lasts_s=lasts_s, only_on=only_on)
        return happen

    return enter


AT_ONCE = (0.0, 0.0)
HOLD_WITHIN_S = 5.0
HORSE_FIRST_S = 0.5
"""RQ, whose clock was stepped, would end a job at once; so the job is thawed first, and may do what it had begun."""
UNDONE_WITHIN_S = 20.0


# The hub's own processes


@fault("processes", lasts_s=AT_ONCE)
def process_killed(stage: Stage, dice: random.Random) -> Iterator[bool]:
    yield stage.supervisor.kill(dice.choice(HUB))


@fault("processes", lasts_s=AT_ONCE)
def everything_killed(stage: Stage, dice: random.Random) -> Iterator[bool]:
    ran = [stage.supervisor.kill(name) for name in HUB]
    yield any(ran)


@fault("processes", lasts_s=AT_ONCE)
def process_told_to_stop(stage: Stage, dice: random.Random) -> Iterator[bool]:
    yield stage.supervisor.kill(dice.choice(HUB), signal.SIGTERM)


@fault("processes", lasts_s=AT_ONCE)
def work_horse_killed(stage: Stage, dice: random.Random) -> Iterator[bool]:
    yield stage.supervisor.kill_children(stage.supervisor.busiest(WORKERS, stage.outside.mail.port))


@fault("processes", lasts_s=AT_ONCE)
def server_behind_web_killed(stage: Stage, dice: random.Random) -> Iterator[bool]:
    yield stage.supervisor.kill_children("web")


@fault("processes", lasts_s=AT_ONCE)
def workers_killed_while_a_mail_is_handed_over(stage: Stage, dice: random.Random) -> Iterator[bool]:
    with stage.outside.holding(dice.choice(["data", "dot", "dot"])) as held:
        _wait_for(held)
        is_hit = held() > 0
        for name in WORKERS:
            stage.supervisor.kill(name)
        yield is_hit


@fault("processes", lasts_s=(0.5, 6.0))
def process_frozen(stage: Stage, dice: random.Random) -> Iterator[None]:
    frozen = stage.supervisor.freeze(dice.choice(HUB))
    yield
    stage.supervisor.thaw(frozen)


@fault("processes", lasts_s=(1.0, 4.0))
def worker_frozen_until_its_lease_is_over(stage: Stage, dice: random.Random) -> Iterator[bool]:
    with stage.outside.holding("rcpt") as held:
        _wait_for(held)
        is_hit = held() > 0
        frozen = stage.supervisor.freeze(stage.supervisor.busiest(WORKERS, stage.outside.mail.port))
    stage.clock.step(400)
    yield is_hit
    stage.supervisor.thaw(frozen[1:])
    time.sleep(HORSE_FIRST_S)
    stage.supervisor.thaw(frozen[:1])


@fault("processes", lasts_s=(0.5, 3.0))
def schedulers_frozen(stage: Stage, dice: random.Random) -> Iterator[None]:
    frozen = [pid for name in SCHEDULERS for pid in stage.supervisor.freeze(name)]
    yield
    stage.supervisor.thaw(frozen)


def _wait_for(held: Callable[[], int]) -> None:
    """Wait until a mail is held, but not for long."""
    give_up_at = time.monotonic() + HOLD_WITHIN_S
    while not held() and time.monotonic() < give_up_at:
        time.sleep(0.005)


# Redis


@fault("redis", lasts_s=AT_ONCE)
def redis_flushed(stage: Stage, dice: random.Random) -> Iterator[None]:
    _tell_redis(stage, "FLUSHALL")
    yield


@fault("redis", lasts_s=AT_ONCE)
def redis_killed(stage: Stage, dice: random.Random) -> Iterator[bool]:
    yield stage.supervisor.kill("redis")


@fault("redis", lasts_s=(1.0, 5.0))
def redis_hung(stage: Stage, dice: random.Random) -> Iterator[None]:
    frozen = stage.supervisor.freeze("redis")
    yield
    stage.supervisor.thaw(frozen)


@fault("redis", lasts_s=(1.0, 4.0))
def redis_full(stage: Stage, dice: random.Random) -> Iterator[None]:
    _tell_redis(stage, "CONFIG", "SET", "maxmemory", "1")
    yield
    _tell_redis(stage, "CONFIG", "SET", "maxmemory", "0")


@fault("redis", lasts_s=(1.0, 4.0))
def redis_password_changed(stage: Stage, dice: random.Random) -> Iterator[None]:
    _tell_redis(stage, "CONFIG", "SET", "requirepass", "another")
    _tell_redis(stage, "CLIENT", "KILL", "SKIPME", "yes", password="another")
    yield
    _tell_redis(stage, "CONFIG", "SET", "requirepass", "", password="another")


def _tell_redis(stage: Stage, *command: str, password: str | None = None) -> None:
    """Have Redis do something; if it is just starting again, once it has."""

    def tell() -> None:
        with Redis.from_url(stage.redis.url, password=password) as administrator:
            administrator.execute_command(*command)

    _insist(tell, redis.exceptions.ConnectionError)


# The database


@fault("database", lasts_s=(1.0, 12.0), only_on="sqlite")
def database_locked(stage: Stage, dice: random.Random) -> Iterator[bool]:
    with closing(sqlite3.connect(dice.choice(stage.sqlite_files), timeout=5, isolation_level=None)) as other:
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            yield False
            return
        yield True


@fault("database", lasts_s=(1.0, 4.0), only_on="sqlite")
def files_cannot_grow(stage: Stage, dice: random.Random) -> Iterator[None]:
    stage.supervisor.limit_files(HUB, 4_096)
    yield
    stage.supervisor.limit_files(HUB, resource.RLIM_INFINITY)


@fault("database", lasts_s=AT_ONCE, only_on="postgres")
def database_connections_cut(stage: Stage, dice: random.Random) -> Iterator[None]:
    _tell_postgres(
        stage,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'survey-hub' AND pid <> pg_backend_pid()",
    )
    yield


@fault("database", lasts_s=AT_ONCE, only_on="postgres")
def database_restarted_immediately(stage: Stage, dice: random.Random) -> Iterator[bool]:
    yield stage.supervisor.kill("postgres", signal.SIGQUIT)


@fault("database", lasts_s=(1.0, 6.0), only_on="postgres")
def database_hung(stage: Stage, dice: random.Random) -> Iterator[None]:
    frozen = stage.supervisor.freeze("postgres")
    yield
    stage.supervisor.thaw(frozen)


@fault("database", lasts_s=(1.0, 4.0), only_on="postgres")
def database_read_only(stage: Stage, dice: random.Random) -> Iterator[None]:
    _tell_postgres(stage, "ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
    yield
    _tell_postgres(stage, "ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")


@fault("database", lasts_s=(1.0, 12.0), only_on="postgres")
def database_table_locked(stage: Stage, dice: random.Random) -> Iterator[bool]:
    table = dice.choice(["body", "invitation", "event"])
    with _administrator(stage, autocommit=False) as other:
        try:
            other.execute(f"SET lock_timeout = 3000; LOCK TABLE {table}".encode())
        except psycopg.errors.LockNotAvailable:
            yield False
            return
        yield True


def _tell_postgres(stage: Stage, *statements: str) -> None:
    """Have PostgreSQL do something."""
    with _administrator(stage, autocommit=True) as administrator:
        for statement in statements:
            administrator.execute(statement.encode())


def _administrator(stage: Stage, *, autocommit: bool) -> AbstractContextManager[psycopg.Connection]:
    """Return a connection to PostgreSQL; if it is just starting again, once it has."""
    assert stage.postgres is not None
    dsn = f"host=127.0.0.1 port={stage.postgres.port} user=hub dbname=postgres connect_timeout=5"
    return closing(_insist(lambda: psycopg.connect(dsn, autocommit=autocommit), psycopg.OperationalError))


def _insist(act: Callable[[], Result], *errors: type[Exception]) -> Result:
    """Return what an act returns, tried again while it fails like this: a fault that stays would be ours."""
    give_up_at = time.monotonic() + UNDONE_WITHIN_S
    while True:
        try:
            return act()
        except errors:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.05)


# The mail systems

PHASES: tuple[Phase, ...] = ("greeting", "ehlo", "mail", "rcpt", "data", "dot")
WHILE_IT_LASTS = (0.3, 3.0)


@fault("mail", lasts_s=WHILE_IT_LASTS)
def mail_server_defers(stage: Stage, dice: random.Random) -> Iterator[None]:
    yield from _at_phase(stage, dice.choice(PHASES), Say(text="451 4.3.0 Not now"))


@fault("mail", lasts_s=WHILE_IT_LASTS)
def mail_server_is_broken(stage: Stage, dice: random.Random) -> Iterator[None]:
    yield from _at_phase(stage, dice.choice(["greeting", "ehlo", "mail", "data"]), Say(text="554 5.3.0 Never"))


@fault("mail", lasts_s=WHILE_IT_LASTS)
def mail_server_refuses_some(stage: Stage, dice: random.Random) -> Iterator[None]:
    chosen = dice.choice(["rcpt", "dot"])
    is_unlucky = _one_in(7)

    def act(phase: Phase, mailbox: str) -> Act | None:
        return Say(text=f"554 5.7.1 <{mailbox}>: never") if phase == chosen and is_unlucky() else None

    with stage.outside.doing("mail", act):
        yield


@fault("mail", lasts_s=WHILE_IT_LASTS)
def mail_server_resets(stage: Stage, dice: random.Random) -> Iterator[None]:
    act = Drop(reset=True, loses_mail=dice.random() < 0.5)
    yield from _at_phase(stage, dice.choice([*PHASES, "head"]), act, one_in=dice.choice([1, 3, 10]))


@fault("mail", lasts_s=WHILE_IT_LASTS)
def mail_server_hangs(stage: Stage, dice: random.Random) -> Iterator[None]:
    yield from _at_phase(stage, dice.choice([*PHASES, "head"]), Hang(), one_in=dice.choice([1, 5]))


@fault("mail", lasts_s=(1.0, 4.0))
def mail_server_is_slow(stage: Stage, dice: random.Random) -> Iterator[None]:
    def act(phase: Phase, mailbox: str) -> Act | None:
        stage.outside.strikes["mail"] += 1
        time.sleep(0.3)
        return None

    with stage.outside.doing("mail", act):
        yield


@fault("mail", lasts_s=(2.0, 12.0))
def mail_server_says_a_byte_a_second(stage: Stage, dice: random.Random) -> Iterator[None]:
    stage.outside.mail.pause_between_bytes_s = 1.0
    with stage.outside.doing("mail", lambda phase, mailbox: stage.outside.strikes.update(mail=1)):
        yield
    stage.outside.mail.pause_between_bytes_s = 0.0


def _at_phase(stage: Stage, chosen: str, act: Act, *, one_in: int = 1) -> Iterator[None]:
    is_turn = _one_in(one_in)
    with stage.outside.doing("mail", lambda phase, mailbox: act if phase == chosen and is_turn() else None):
        yield


def _one_in(number: int) -> Callable[[], bool]:
    """Return what is true the first time and then once in so many."""
    count = itertools.count()
    return lambda: next(count) % number == 0


SENDGRID: Mapping[str, Answer] = {
    "too_many": Answer(status=429, headers={"Retry-After": "1"}),
    "unavailable": Answer(status=503),
    "broken": Answer(status=500),
    "key_refused": Answer(status=401),
    "refused": Answer(status=400, body=b'{"errors":[{"message":"no"}]}'),
    "reset": Answer(fault="reset"),
    "silent": Answer(fault="silence"),
}


@fault("sendgrid", lasts_s=WHILE_IT_LASTS)
def sendgrid_fails(stage: Stage, dice: random.Random) -> Iterator[None]:
    answer = SENDGRID[dice.choice(sorted(SENDGRID))]
    with stage.outside.doing("sendgrid", lambda: answer):
        yield


# Segment

SEGMENT: Mapping[str, Answer] = {
    "too_large": Answer(status=413),
    "too_many": Answer(status=429, headers={"Retry-After": "1"}),
    "unavailable": Answer(status=503),
    "broken": Answer(status=500),
}


@fault("segment", lasts_s=WHILE_IT_LASTS)
def segment_fails(stage: Stage, dice: random.Random) -> Iterator[None]:
    answer = SEGMENT[dice.choice(sorted(SEGMENT))]
    with stage.outside.doing("segment", lambda: answer):
        yield


@fault("segment", lasts_s=WHILE_IT_LASTS)
def segment_loses_its_answers(stage: Stage, dice: random.Random) -> Iterator[None]:
    answer = Answer(fault=dice.choice(["reset", "reset", "silence"]))
    with stage.outside.doing("segment", lambda: answer):
        yield


@fault("segment", lasts_s=(1.0, 4.0))
def segment_is_slow(stage: Stage, dice: random.Random) -> Iterator[None]:
    def answer() -> Answer:
        time.sleep(0.5)
        return Answer()

    with stage.outside.doing("segment", answer):
        yield


# The clock


@fault("clock", lasts_s=AT_ONCE)
def clock_steps_ahead(stage: Stage, dice: random.Random) -> Iterator[None]:
    stage.clock.step(dice.choice([1, 90, 130, 400]))
    yield


@fault("clock", lasts_s=AT_ONCE)
def clock_steps_back(stage: Stage, dice: random.Random) -> Iterator[None]:
    stage.clock.step(-dice.choice([1, 30, 200]))
    yield


@fault("clock", lasts_s=(1.0, 5.0))
def clock_is_wrong_for_a_while(stage: Stage, dice: random.Random) -> Iterator[None]:
    seconds = dice.choice([-3_600, 3_600])
    stage.clock.step(seconds)
    yield
    stage.clock.step(-seconds)
