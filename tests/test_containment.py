"""Calls into plugins are given up by the time they had, not by the time in which their process stood still."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

WITHIN_S = 1.0
CALLING = f"""
import sys, time
from hub.containment import Hung, contained

def hear():
    print("listens", flush=True)
    line = sys.stdin.readline().strip()
    time.sleep(0.2)
    return line

try:
    print(contained(hear, of="relay", doing="send", within_s={WITHIN_S}), flush=True)
except Hung:
    print("hung", flush=True)
"""


@pytest.fixture
def calling() -> Iterator[subprocess.Popen[str]]:
    """A process whose call into a plugin waits for a line, and then takes a moment."""
    command = [sys.executable, "-c", CALLING]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "listens\n"
        yield process
        process.kill()


def stop_past_its_time(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)
    time.sleep(WITHIN_S + 1)


def test_what_came_while_the_process_stood_still_is_heard(calling):
    stop_past_its_time(calling)
    calling.stdin.write("sent\n")
    calling.stdin.flush()
    calling.send_signal(signal.SIGCONT)
    assert calling.stdout.readline() == "sent\n"


def test_who_says_nothing_after_a_stop_either_is_given_up(calling):
    stop_past_its_time(calling)
    calling.send_signal(signal.SIGCONT)
    assert select.select([calling.stdout], [], [], 20)[0]
    assert calling.stdout.readline() == "hung\n"
