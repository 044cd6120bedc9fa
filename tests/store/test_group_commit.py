"""Many callers, one commit: each gets its own result."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from hub.store.group_commit import GroupCommit, Overloaded


class Book:
    """Writes groups of numbers once it is opened."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.entered = Event()
        self.opened = Event()

    def write(self, items: Sequence[int]) -> list[int]:
        self.entered.set()
        assert self.opened.wait(20)
        self.groups.append(list(items))
        if -1 in items:
            raise OSError("disk full")
        return [item * 10 for item in items]


@pytest.fixture
def book() -> Book:
    return Book()


def test_every_caller_gets_its_own_result(book):
    book.opened.set()
    commits = GroupCommit(book.write, name="test")
    with ThreadPoolExecutor(32) as pool:
        results = list(pool.map(commits.submit, range(500)))
    commits.close()
    assert results == [number * 10 for number in range(500)]


def test_those_that_wait_share_a_group(book):
    commits = GroupCommit(book.write, name="test")
    first = commits.post(0)
    assert book.entered.wait(20)
    others = [commits.post(number) for number in range(1, 9)]
    book.opened.set()
    assert [future.result(20) for future in (first, *others)] == [number * 10 for number in range(9)]
    assert book.groups == [[0], list(range(1, 9))]
    commits.close()


def test_groups_have_a_greatest_size(book):
    commits = GroupCommit(book.write, name="test", max_group=3)
    futures = [commits.post(0)]
    assert book.entered.wait(20)
    futures += [commits.post(number) for number in range(1, 8)]
    book.opened.set()
    commits.close()
    assert [len(group) for group in book.groups] == [1, 3, 3, 1]


def test_error_reaches_every_caller_of_its_group_and_no_other(book):
    commits = GroupCommit(book.write, name="test")
    first = commits.post(0)
    assert book.entered.wait(20)
    failing = [commits.post(-1), commits.post(2)]
    book.opened.set()
    assert first.result(20) == 0
    for future in failing:
        with pytest.raises(OSError, match="disk full"):
            future.result(20)
    assert commits.submit(3) == 30
    commits.close()


def test_too_much_is_refused_and_what_was_taken_is_written(book):
    commits = GroupCommit(book.write, name="test", max_waiting=2)
    taken = [commits.post(0)]
    assert book.entered.wait(20)
    taken += [commits.post(1), commits.post(2)]
    with pytest.raises(Overloaded):
        commits.post(3)
    book.opened.set()
    commits.close()
    assert [future.result(0) for future in taken] == [0, 10, 20]


def test_closing_writes_what_waits_and_takes_nothing_more(book):
    commits = GroupCommit(book.write, name="test")
    futures = [commits.post(number) for number in range(5)]
    book.opened.set()
    commits.close()
    assert [future.result(0) for future in futures] == [0, 10, 20, 30, 40]
    with pytest.raises(Overloaded):
        commits.submit(5)


def test_what_its_caller_gave_up_is_not_written(book):
    commits = GroupCommit(book.write, name="test")
    first = commits.post(0)
    assert book.entered.wait(20)
    with pytest.raises(TimeoutError):
        commits.submit(1, timeout_s=0.01)
    later = commits.post(2)
    book.opened.set()
    assert [first.result(20), later.result(20)] == [0, 20]
    assert book.groups == [[0], [2]]
    commits.close()


def test_while_a_write_is_stuck_all_are_refused_at_once_and_afterwards_none(book):
    commits = GroupCommit(book.write, name="test", patience_s=0)
    stuck = commits.post(0)
    assert book.entered.wait(20)
    with pytest.raises(Overloaded):
        commits.post(1)
    book.opened.set()
    assert stuck.result(20) == 0
    assert commits.submit(2, timeout_s=20) == 20
    commits.close()


def test_after_a_failure_one_tries_and_the_others_are_refused(book):
    book.opened.set()
    commits = GroupCommit(book.write, name="test", patience_s=60)
    with pytest.raises(OSError, match="disk full"):
        commits.submit(-1)
    book.opened.clear()
    trial = commits.post(1)
    with pytest.raises(Overloaded):
        commits.post(2)
    book.opened.set()
    assert trial.result(20) == 10
    assert commits.submit(3, timeout_s=20) == 30
    commits.close()


def test_group_stays_open_for_those_who_come_in_the_same_moment(book):
    book.opened.set()
    commits = GroupCommit(book.write, name="test", gather_s=1.0)
    futures = [commits.post(0)]
    assert not book.entered.wait(0.1)
    futures.append(commits.post(1))
    assert [future.result(20) for future in futures] == [0, 10]
    assert book.groups == [[0, 1]]
    commits.close()
