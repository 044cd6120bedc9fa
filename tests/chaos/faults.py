"""The faults: each is begun, lasts for a while and is over. What they have in common is that a hub may meet them."""

from __future__ import annotations

import random
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass

import psycopg
from redis import Redis
from redis.exceptions import RedisError

from hub.testing.http_server import Answer
from hub.testing.smtp_server import Act, Drop, Hang, Phase, Say
from tests.chaos.stage import HUB, SCHEDULERS, WORKERS, Stage

Happening = Callable[[Stage, random.Random], AbstractContextManager[None]]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that goes wrong. Of one lane one is at work at a time."""

    name: str
    lane: str
    happen: Happening
    lasts_s: tuple[float, float]
    only_on: str | None = None


CATALOGUE: dict[str, Fault] = {}


def fault(
    lane: str, *, lasts_s: tuple[float, float], only_on: str | None = None
) -> Callable[[Callable[[Stage, random.Random], Iterator[None]]], Happening]:
    """Enter a function into the catalogue under its own name."""

    def enter(function: Callable[[Stage, random.Random], Iterator[None]]) -> Happening:
        happen = contextmanager(function)
        name = function.__name__
        CATALOGUE[name] = Fault(name=name, lane=lane, happen=happen, lasts_s=lasts_s, only_on=only_on)
        return happen

    return enter


AT_ONCE = (0.0, 0.0)


# The hub's own processes


@fault("processes", lasts_s=AT_ONCE)
def process_killed(stage: Stage, dice: random.Random) -> Iterator[None]:
    stage.supervisor.kill(dice.choice(HUB))
    yield


@fault("processes", lasts_s=AT_ONCE)
def worker_killed(stage: Stage, dice: random.Random) -> Iterator[None]:
    stage.supervisor.kill(dice.choice(WORKERS))
    yield


@fault("processes", lasts_s=AT_ONCE)
def workers_killed_while_they_send(stage: Stage, dice: random.Random) -> Iterator[None]:
    _wait_for_mail(stage, at="dot")
    for name in WORKERS:
        stage.supervisor.kill(name)
    yield


@fault("processes", lasts_s=AT_ONCE)
def work_horse_killed(stage: Stage, dice: random.Random) -> Iterator[None]:
    stage.supervisor.kill_children(dice.choice(WORKERS))
    yield


@fault("processes", lasts_s=AT_ONCE)
def everything_killed(stage: Stage, dice: random.Random) -> Iterator[None]:
    for name in HUB:
        stage.supervisor.kill(name)
    yield


@fault("processes", lasts_s=AT_ONCE)
def process_told_to_stop(stage: Stage, dice: random.Random) -> Iterator[None]:
    stage.supervisor.kill(dice.choice(HUB), signal.SIGTERM)
    yield


@fault("processes", lasts_s=(0.5, 6.0))
def process_frozen(stage: Stage, dice: random.Random) -> Iterator[None]:
    frozen = stage.supervisor.freeze(dice.choice(HUB))
    yield
    stage.supervisor.thaw(frozen)


@fault("processes", lasts_s=(1.0, 4.0))
def worker_frozen_until_its_lease_is_over(stage: Stage, dice: random.Random) -> Iterator[None]:
    _wait_for_mail(stage, at="rcpt")
    frozen = stage.supervisor.freeze(stage.supervisor.busiest(WORKERS))
    stage.clock.step(400)
    yield
    stage.supervisor.thaw(frozen)


@fault("processes", lasts_s=(0.5, 3.0))
def schedulers_frozen(stage: Stage, dice: random.Random) -> Iterator[None]:
    frozen = [pid for name in SCHEDULERS for pid in stage.supervisor.freeze(name)]
    yield
    stage.supervisor.thaw(frozen)


def _wait_for_mail(stage: Stage, *, at: Phase) -> None:
    """Wait until a mail is just at that phase, but not for long."""
    give_up_at = time.monotonic() + 5
    while not stage.outside.at_phase[at] and time.monotonic() < give_up_at:
        time.sleep(0.005)


# Redis


@fault("redis", lasts_s=AT_ONCE)
def redis_flushed(stage: Stage, dice: random.Random) -> Iterator[None]:
    _tell_redis(stage, "FLUSHALL")
    yield


@fault("redis", lasts_s=AT_ONCE)
def redis_killed(stage: Stage, dice: random.Random) -> Iterator[None]:
    stage.supervisor.kill("redis")
    yield


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
    """Have Redis do something, unless it is just starting again."""
    with suppress(RedisError), Redis.from_url(stage.redis.url, password=password) as administrator:
        administrator.execute_command(*command)


# The database


@fault("database", lasts_s=(1.0, 12.0), only_on="sqlite")
def database_locked(stage: Stage, dice: random.Random) -> Iterator[None]:
    other = sqlite3.connect(dice.choice(stage.sqlite_files), timeout=5, isolation_level=None)
    with suppress(sqlite3.OperationalError):
        other.execute("BEGIN IMMEDIATE")
    yield
    other.close()


@fault("database", lasts_s=(1.0, 4.0), only_on="sqlite")
def disk_full(stage: Stage, dice: random.Random) -> Iterator[None]:
    stage.supervisor.limit_files(HUB, 4_096)
    yield
    stage.supervisor.limit_files(HUB, -1)


@fault("database", lasts_s=AT_ONCE, only_on="postgres")
def database_connections_cut(stage: Stage, dice: random.Random) -> Iterator[None]:
    _tell_postgres(
        stage,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'survey-hub' AND pid <> pg_backend_pid()",
    )
    yield


@fault("database", lasts_s=AT_ONCE, only_on="postgres")
def database_restarted_immediately(stage: Stage, dice: random.Random) -> Iterator[None]:
    stage.supervisor.kill("postgres", signal.SIGQUIT)
    yield


@fault("database", lasts_s=(1.0, 4.0), only_on="postgres")
def database_read_only(stage: Stage, dice: random.Random) -> Iterator[None]:
    _tell_postgres(stage, "ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
    yield
    _tell_postgres(stage, "ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")


@fault("database", lasts_s=(1.0, 12.0), only_on="postgres")
def database_table_locked(stage: Stage, dice: random.Random) -> Iterator[None]:
    table = dice.choice(["body", "invitation", "event"])
    with ExitStack() as stack:
        with suppress(psycopg.Error):
            other = stack.enter_context(closing(psycopg.connect(_dsn(stage))))
            other.execute(f"SET lock_timeout = 3000; LOCK TABLE {table}".encode())
        yield


def _tell_postgres(stage: Stage, *statements: str) -> None:
    """Have PostgreSQL do something, unless it is just starting again: then once it has."""
    for _ in range(100):
        try:
            with psycopg.connect(_dsn(stage), autocommit=True) as administrator:
                for statement in statements:
                    administrator.execute(statement.encode())
            return
        except psycopg.OperationalError:
            time.sleep(0.1)


def _dsn(stage: Stage) -> str:
    assert stage.postgres is not None
    return f"host=127.0.0.1 port={stage.postgres.port} user=hub dbname=postgres connect_timeout=2"


# The mail systems

PHASES: tuple[Phase, ...] = ("greeting", "ehlo", "mail", "rcpt", "data", "dot")
_WHILE_IT_LASTS = (0.3, 3.0)


@fault("mail", lasts_s=_WHILE_IT_LASTS)
def mail_server_defers(stage: Stage, dice: random.Random) -> Iterator[None]:
    chosen = dice.choice(PHASES)

    def act(phase: Phase, mailbox: str) -> Act | None:
        return Say(text=f"451 4.3.0 Not now, {mailbox}") if phase == chosen else None

    with stage.outside.mail_does(act):
        yield


@fault("mail", lasts_s=_WHILE_IT_LASTS)
def mail_server_is_broken(stage: Stage, dice: random.Random) -> Iterator[None]:
    chosen = dice.choice(["greeting", "mail", "data"])

    def act(phase: Phase, mailbox: str) -> Act | None:
        return Say(text="554 5.3.0 Never") if phase == chosen else None

    with stage.outside.mail_does(act):
        yield


@fault("mail", lasts_s=_WHILE_IT_LASTS)
def mail_server_refuses_some(stage: Stage, dice: random.Random) -> Iterator[None]:
    chosen = dice.choice(["rcpt", "dot"])

    def act(phase: Phase, mailbox: str) -> Act | None:
        is_unlucky = sum(mailbox.encode()) % 7 == 0
        return Say(text=f"554 5.7.1 <{mailbox}>: never") if phase == chosen and is_unlucky else None

    with stage.outside.mail_does(act):
        yield


@fault("mail", lasts_s=(1.0, 5.0))
def mail_server_greylists(stage: Stage, dice: random.Random) -> Iterator[None]:
    known: set[str] = set()

    def act(phase: Phase, mailbox: str) -> Act | None:
        if phase != "rcpt" or mailbox in known:
            return None
        known.add(mailbox)
        return Say(text="450 4.2.0 Greylisted, come again")

    with stage.outside.mail_does(act):
        yield


@fault("mail", lasts_s=_WHILE_IT_LASTS)
def mail_server_resets(stage: Stage, dice: random.Random) -> Iterator[None]:
    chosen = dice.choice([*PHASES, "body"])
    every = dice.choice([1, 3, 10])
    count = iter(range(1_000_000))

    def act(phase: Phase, mailbox: str) -> Act | None:
        return Drop(reset=True) if phase == chosen and next(count) % every == 0 else None

    with stage.outside.mail_does(act):
        yield


@fault("mail", lasts_s=_WHILE_IT_LASTS)
def mail_server_hangs(stage: Stage, dice: random.Random) -> Iterator[None]:
    chosen = dice.choice([*PHASES, "body"])
    every = dice.choice([1, 5])
    count = iter(range(1_000_000))

    def act(phase: Phase, mailbox: str) -> Act | None:
        return Hang() if phase == chosen and next(count) % every == 0 else None

    with stage.outside.mail_does(act):
        yield


@fault("mail", lasts_s=(1.0, 4.0))
def mail_server_is_slow(stage: Stage, dice: random.Random) -> Iterator[None]:
    def act(phase: Phase, mailbox: str) -> Act | None:
        time.sleep(0.3)
        return None

    with stage.outside.mail_does(act):
        yield


@fault("mail", lasts_s=(1.0, 4.0))
def mail_server_says_a_byte_a_second(stage: Stage, dice: random.Random) -> Iterator[None]:
    stage.outside.mail.pause_between_bytes_s = 1.0
    yield
    stage.outside.mail.pause_between_bytes_s = 0.0


SENDGRID: Mapping[str, Answer] = {
    "too_many": Answer(status=429, headers={"Retry-After": "1"}),
    "unavailable": Answer(status=503),
    "broken": Answer(status=500),
    "key_refused": Answer(status=401),
    "refused": Answer(status=400, body=b'{"errors":[{"message":"no"}]}'),
    "reset": Answer(fault="reset"),
    "silent": Answer(fault="silence"),
}


@fault("sendgrid", lasts_s=_WHILE_IT_LASTS)
def sendgrid_fails(stage: Stage, dice: random.Random) -> Iterator[None]:
    answer = SENDGRID[dice.choice(sorted(SENDGRID))]
    with stage.outside.sendgrid_does(lambda mailbox: answer):
        yield


# Segment

SEGMENT: Mapping[str, Answer] = {
    "too_large": Answer(status=413),
    "too_many": Answer(status=429, headers={"Retry-After": "1"}),
    "unavailable": Answer(status=503),
    "broken": Answer(status=500),
}


@fault("segment", lasts_s=_WHILE_IT_LASTS)
def segment_fails(stage: Stage, dice: random.Random) -> Iterator[None]:
    answer = SEGMENT[dice.choice(sorted(SEGMENT))]
    with stage.outside.segment_does(lambda: answer):
        yield


@fault("segment", lasts_s=_WHILE_IT_LASTS)
def segment_loses_its_answers(stage: Stage, dice: random.Random) -> Iterator[None]:
    answer = Answer(fault=dice.choice(["reset", "silence"]))
    with stage.outside.segment_does(lambda: answer):
        yield


@fault("segment", lasts_s=(1.0, 4.0))
def segment_is_slow(stage: Stage, dice: random.Random) -> Iterator[None]:
    with stage.outside.segment_does(lambda: time.sleep(0.5)):
        yield


@fault("segment", lasts_s=AT_ONCE)
def segment_finds_a_poisonous_event(stage: Stage, dice: random.Random) -> Iterator[None]:
    letters = stage.outside.post()
    if letters:
        user_id, _, _ = dice.choice(letters).mailbox.partition("@")
        stage.outside.poisonous.add(user_id)
    yield


# The clock


@fault("clock", lasts_s=AT_ONCE)
def clock_steps_ahead(stage: Stage, dice: random.Random) -> Iterator[None]:
    stage.clock.step(dice.choice([1, 90, 130, 400]))
    yield


@fault("clock", lasts_s=(1.0, 5.0))
def clock_steps_back(stage: Stage, dice: random.Random) -> Iterator[None]:
    seconds = dice.choice([1, 30, 200])
    stage.clock.step(-seconds)
    yield
    stage.clock.step(seconds)
