"""The target `csv`: whole rows or none, no formulas, and people who can be forgotten."""

from __future__ import annotations

import csv
import fcntl
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from marshmallow import ValidationError

from hub.plugin import CheckFailed, Done, Person, Services
from hub.testing.http_server import RecordingServer
from hub.testing.targets import TargetContract, customer_update
from hub_webhook import CsvTarget, csv_file

HEADER = "message_id,survey,user_id,anonymous_id,email,NPS_rating,NPS_comment,NPS_date"
APPEND = """
import sys
from pathlib import Path
from hub_webhook.csv_file import append
for number in range(50):
    append(Path(sys.argv[1]), ["writer", "number", "filler"], [[sys.argv[2], number, "x" * 5000]])
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file, in a folder that is there."""
    folder = tmp_path / "answers"
    folder.mkdir()
    return folder / "nps.csv"


@pytest.fixture
def target(path: Path, services: Services) -> CsvTarget:
    return CsvTarget("any", CsvTarget.config_schema().load({"path": str(path)}), services)


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


class TestCsvTargetKeepsTheContract(TargetContract):
    @pytest.fixture(autouse=True)
    def _path(self, path: Path) -> None:
        self.path = path

    @pytest.fixture
    def target(self, target: CsvTarget) -> CsvTarget:
        return target

    def break_down(self, server: RecordingServer, fault: str) -> None:
        self.path.parent.rename(self.path.parent.with_name("away"))

    def sent_text(self, server: RecordingServer) -> list[str]:
        return self.path.read_text().splitlines()[1:]


# Rows


def test_row_an_answer_below_one_header(target, path):
    target.push([customer_update(1)])
    target.push([customer_update(2)])
    head, first, second = path.read_bytes().decode().split("\r\n")[:3]
    assert head == HEADER
    comment = '"Quick, and \N{SMILING FACE WITH SMILING EYES} friendly"'
    assert first == f"hub-testhub-1-1,onboarding,user-1,anon-1,ada@example.com,1,{comment},2026-03-01T11:00:00.000Z"
    assert second.startswith("hub-testhub-2-1,")


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\tfine", "'\tfine"),
        ("\r=1", "' =1"),
        ("\n=1", "' =1"),
        ("  =1", "'  =1"),
        ("\N{FULLWIDTH EQUALS SIGN}1", "'\N{FULLWIDTH EQUALS SIGN}1"),
        ("two\r\nlines", "two lines"),
        ("a\0b", "ab"),
        ('say "no", please', 'say "no", please'),
        ("1 = 1", "1 = 1"),
        ("", ""),
    ],
)
def test_cell_is_one_line_and_no_formula(target, path, text, cell):
    target.push([replace(customer_update(), comment=text)])
    assert rows(path)[1][6] == cell
    assert path.read_bytes().count(b"\n") == 2


def test_half_of_a_surrogate_pair_stops_nothing(target, path):
    assert target.push([replace(customer_update(), comment="\ud83d")]) == [Done()]
    assert rows(path)[1][6] == "?"


# Crashes and neighbours


@pytest.mark.parametrize("rest", [HEADER[:20], f'{HEADER}\r\nhub-x,survey,"cut o', f"{HEADER}\r\n" + "x" * 200_000])
def test_half_a_row_that_a_crash_left_is_cut_off(target, path, rest):
    path.write_bytes(rest.encode())
    target.push([customer_update()])
    assert [row[0] for row in rows(path)] == ["message_id", "hub-testhub-1-1"]


def test_file_with_other_columns_is_left_alone(target, path):
    path.write_text("name,score\r\nAda,9\r\n")
    with pytest.raises(csv_file.OtherColumns):
        target.push([customer_update()])
    with pytest.raises(CheckFailed, match="other columns; move it away"):
        target.check()
    assert path.read_bytes() == b"name,score\r\nAda,9\r\n"


def test_disk_that_fails_leaves_the_file_as_it_was(target, path, monkeypatch):
    target.push([customer_update(1)])
    before = path.read_bytes()

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        target.push([customer_update(2)])
    assert path.read_bytes() == before


@pytest.mark.parametrize("write", ["push", "erase"])
def test_others_wait_while_the_file_is_written(target, path, monkeypatch, write):
    target.push([customer_update()])
    refused: list[bool] = []

    def try_to_lock(descriptor: int) -> None:
        with path.with_name("nps.csv.lock").open() as lock, suppress(BlockingIOError):
            refused.append(True)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            refused[-1] = False

    monkeypatch.setattr(os, "fsync", try_to_lock)
    target.push([customer_update(2)]) if write == "push" else target.erase(Person(user_id="user-1"))
    assert refused
    assert all(refused)


@pytest.mark.processes
def test_processes_that_append_at_once_leave_whole_rows_and_one_header(tmp_path):
    path = tmp_path / "all.csv"
    lines = [[sys.executable, "-c", APPEND, str(path), str(writer)] for writer in range(4)]
    writers = [subprocess.Popen(line) for line in lines]
    assert [writer.wait() for writer in writers] == [0] * 4
    head, *found = rows(path)
    assert head == ["writer", "number", "filler"]
    assert {len(row[2]) for row in found} == {5000}
    assert sorted((int(row[0]), int(row[1])) for row in found) == [(w, n) for w in range(4) for n in range(50)]


# Forgetting


def test_erased_person_has_no_rows_and_others_keep_theirs(target, path):
    anonymous = replace(customer_update(3), person=Person(user_id=None, anonymous_ids=("anon-1",)))
    target.push([customer_update(1), customer_update(2), anonymous, customer_update(1)])
    path.chmod(0o640)
    target.erase(Person(user_id="user-1", anonymous_ids=("anon-1",), email="ada@example.com"))
    assert [row[2] for row in rows(path)] == ["user_id", "user-2"]
    assert path.stat().st_mode & 0o777 == 0o640
    assert {one.name for one in path.parent.iterdir()} == {"nps.csv", "nps.csv.lock"}


def test_ids_that_look_like_formulas_are_erased_too(target, path):
    people = [Person(user_id="=17"), Person(user_id=None, anonymous_ids=("-4",))]
    target.push([replace(customer_update(), person=person) for person in people])
    target.erase(Person(user_id="=17", anonymous_ids=("-4",)))
    assert len(rows(path)) == 1


def test_person_who_is_called_like_a_column_takes_no_header_along(target, path):
    target.push([customer_update()])
    target.erase(Person(user_id="user_id"))
    assert len(rows(path)) == 2


def test_nobody_is_erased_for_lack_of_an_id(target, path):
    people = [Person(user_id="u1"), Person(user_id=None, anonymous_ids=("a1",))]
    target.push([replace(customer_update(), person=person) for person in people])
    target.erase(Person(user_id=None))
    assert len(rows(path)) == 3


def test_erasing_before_the_first_answer_makes_no_file(target, path):
    target.erase(Person(user_id="user-1"))
    assert not path.exists()


@pytest.mark.parametrize("given", ["nps.csv", "/srv/nps.txt", "/srv/nps.csv\n", ""])
def test_path_has_to_be_whole_and_end_with_csv(given):
    with pytest.raises(ValidationError, match="whole path"):
        CsvTarget.config_schema().load({"path": given})
