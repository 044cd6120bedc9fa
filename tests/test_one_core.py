"""The web process keeps its Python threads on one core, and leaves the others alone."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from hub.web.one_core import OnOneCore, choose_core

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2, reason="there is no core to choose"
)


def where(environ: Any, start_response: Any) -> Iterable[bytes]:
    return [b",".join(str(core).encode() for core in sorted(os.sched_getaffinity(0)))]


def test_thread_that_serves_a_request_stays_on_the_core_from_then_on() -> None:
    core = choose_core()
    assert core in os.sched_getaffinity(0)
    app = OnOneCore(where, core)
    with ThreadPoolExecutor(1) as pool:
        assert list(pool.submit(app, {}, None).result()) == [str(core).encode()]  # type: ignore[arg-type]
    assert len(os.sched_getaffinity(0)) > 1, "the thread that made it is another"


def test_threads_that_the_application_had_started_are_moved_too() -> None:
    moved, seen = threading.Event(), []
    thread = threading.Thread(target=lambda: (moved.wait(10), seen.append(os.sched_getaffinity(0))))
    thread.start()
    core = choose_core()
    assert core is not None
    OnOneCore(where, core)
    moved.set()
    thread.join()
    assert seen == [{core}]


def test_request_is_answered_where_threads_must_not_be_moved() -> None:
    app = OnOneCore(where, core=1_000)
    with ThreadPoolExecutor(1) as pool:
        assert list(pool.submit(app, {}, None).result())  # type: ignore[arg-type]


def test_two_processes_side_by_side_choose_two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = []
    for pid in (4_000, 4_001):
        monkeypatch.setattr(os, "getpid", lambda pid=pid: pid)
        chosen.append(choose_core())
    assert len(set(chosen)) == 2
