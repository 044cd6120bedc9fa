"""The servers that other tests rely on are real, private and empty at the start of each test."""

from __future__ import annotations

import os
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import redis
from sqlalchemy import create_engine, text

from tests import servers
from tests.processes import below_this, free_port, running

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("attempt", [1, 2])
def test_database_is_empty_at_the_start_of_each_test(empty_database_url: str, attempt: int) -> None:
    engine = create_engine(empty_database_url)
    try:
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE answers (score INTEGER)"))
            connection.execute(text("INSERT INTO answers VALUES (9)"))
            assert connection.scalar(text("SELECT sum(score) FROM answers")) == 9
    finally:
        engine.dispose()


def test_postgres_database_is_dropped_under_open_connections(postgres_server: servers.PostgresServer) -> None:
    with postgres_server.database() as url:
        left_open = psycopg.connect(url.replace("+psycopg", ""))
    with left_open, pytest.raises(psycopg.OperationalError):
        left_open.execute("SELECT 1")


def test_postgres_database_starts_from_a_template(postgres_server: servers.PostgresServer) -> None:
    with postgres_server.database() as template:
        with psycopg.connect(template.replace("+psycopg", "")) as connection:
            connection.execute("CREATE TABLE answers AS SELECT 9 AS score")
        with (
            postgres_server.database(template.rpartition("/")[2]) as copy,
            psycopg.connect(copy.replace("+psycopg", "")) as connection,
        ):
            assert connection.execute("SELECT score FROM answers").fetchall() == [(9,)]


@pytest.mark.parametrize("attempt", [1, 2])
def test_redis_is_empty_at_the_start_of_each_test(redis_url: str, attempt: int) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.incr("visits") == 1


def test_smtp_sink_keeps_what_was_sent(smtp_sink: servers.SmtpSink) -> None:
    with smtplib.SMTP(smtp_sink.host, smtp_sink.port, timeout=10) as client:
        client.sendmail("hub@example.com", ["ada@example.com"], b"Subject: How are we doing?\r\n\r\nHello\r\n")
    (mail,) = smtp_sink.wait_for(1)
    assert (mail.sender, mail.recipients) == ("hub@example.com", ("ada@example.com",))
    assert mail.content.endswith(b"\r\n\r\nHello\r\n")
    assert mail.parsed()["subject"] == "How are we doing?"


def test_smtp_sink_says_how_many_mails_are_missing(smtp_sink: servers.SmtpSink) -> None:
    with pytest.raises(TimeoutError, match="0 of 1 mails"):
        smtp_sink.wait_for(1, timeout_s=0.01)


def test_server_that_ends_at_once_is_an_error_with_its_log(tmp_path: Path) -> None:
    complaint = [sys.executable, "-c", "raise SystemExit('no disk')"]
    with (
        pytest.raises(RuntimeError, match="no disk"),
        running(complaint, is_ready=lambda: False, log=tmp_path / "log"),
    ):
        pass


def test_server_that_ignores_its_stop_signal_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with running(
        [sys.executable, "-c", STUBBORN],
        is_ready=lambda: log.stat().st_size > 0,
        log=log,
        stop_timeout_s=0.1,
    ) as process:
        pass
    assert process.returncode == -signal.SIGKILL


STUBBORN = """
import signal, time

signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.processes
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv (Linux: package util-linux)")
def test_server_ends_when_the_tests_are_killed() -> None:
    binary = servers.find_valkey()
    if binary is None:
        pytest.skip("Valkey is not installed")
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, binary, str(port)], cwd=ROOT, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            parent.kill()
            assert connection.recv(1) == b"", "the server closes its connections when it ends"


PARENT = """
import pathlib, sys, tempfile, time
from tests.processes import running

with tempfile.TemporaryDirectory() as directory:
    log = pathlib.Path(directory, "log")
    command = [sys.argv[1], "--port", sys.argv[2], "--save", "", "--dir", directory]
    with running(command, is_ready=lambda: "Ready to accept" in log.read_text(), log=log):
        print("ready", flush=True)
        time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives orphans to who asks for them")
def test_process_that_outlives_its_parent_is_found() -> None:
    done = subprocess.run(["sh", "-c", "sleep 61 >&- & echo $!"], stdout=subprocess.PIPE, check=True)
    orphan = int(done.stdout)
    assert orphan in below_this()
    os.kill(orphan, signal.SIGKILL)
    os.waitpid(orphan, 0)
    assert orphan not in below_this()


def test_free_port_is_below_those_of_outgoing_connections() -> None:
    assert 1024 < free_port() < 32_768
