"""Several worker processes on one database hand over every mail once."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest

from tests.lab import identify

WORKER = """
import sys, time
from pathlib import Path
from hub.pipeline import deliver
from hub.pipeline.hub import open_hub
from tests.clock import Clock
from tests.fakes import Crm, PostOffice, fake_plugins
from tests.lab import settings_for
office = PostOffice()
hub = open_hub(settings_for(sys.argv[1], Path(sys.argv[2])), plugins=fake_plugins(office, Crm()), now=Clock())
print("ready", flush=True)
sys.stdin.readline()
deliver.drain(hub, until=time.monotonic() + 60)
print(*[message.id for _, message in office.mails])
"""


@pytest.mark.processes
def test_three_processes_never_hand_over_one_mail_twice(lab, database_url, tmp_path):
    lab.decide(*[identify(f"u{number}") for number in range(450)])
    command = [sys.executable, "-c", WORKER, database_url, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    workers = [subprocess.Popen(command, **pipes) for _ in range(3)]
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    outputs = [worker.communicate(timeout=100)[0] for worker in workers]
    handed_over = Counter(" ".join(outputs).split())
    assert (len(handed_over), max(handed_over.values())) == (450, 1)
    assert lab.states() == ["sent"] * 450
