"""A short run of the harness on either database, and the proof that it notices mistakes.

`python3 run.py chaos` runs it for longer.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import servers
from tests.chaos.__main__ import table
from tests.chaos.faults import CATALOGUE
from tests.chaos.mutants import CONTROL, MUTANTS, Mutant, make_source
from tests.chaos.plan import ASKED, make_plan
from tests.chaos.run import Options, run

pytestmark = [pytest.mark.processes, pytest.mark.timeout(400)]

SEED = 11


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_nobody_is_mailed_twice_and_nothing_is_lost_whatever_fails(database: str, tmp_path: Path) -> None:
    if database == "postgres" and servers.find_postgres() is None:
        pytest.skip("PostgreSQL is not installed")
    options = Options(seed=SEED, seconds=45, database=database, identifies=1_500)
    result = run(options, directory=tmp_path, tell=print)
    print(table(result))
    assert not result.broken
    assert result.meanwhile.mails > 100
    assert result.meanwhile.told > 20
    assert result.mails["sendgrid"] > 0
    # Whether the others of `ASKED` hit depends on what the hub asks meanwhile: on a busy machine less.
    own = [name for name in result.play.begun if CATALOGUE[name].lane not in ASKED]
    assert sum(result.play.hit[name] for name in own) > 0.7 * sum(result.play.begun[name] for name in own)
    assert result.play.hit.total() > sum(result.play.hit[name] for name in own)


RUNS = 3
"""What a fault meets is a matter of moments: a mistake has to come to light in one of so many runs."""


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mistake_is_noticed(mutant: Mutant, tmp_path: Path) -> None:
    found: list[str] = []
    for number in range(RUNS):
        (tmp_path / str(number)).mkdir()
        found += broken_by(mutant, tmp_path / str(number))
        if mutant.breaks in found:
            break
    assert mutant.breaks in found


def test_where_there_is_no_mistake_none_is_seen(tmp_path: Path) -> None:
    assert broken_by(CONTROL, tmp_path) == []


def broken_by(mutant: Mutant, directory: Path) -> list[str]:
    source = make_source(mutant, directory / "source")
    (directory / "hub").mkdir()
    options = Options(
        seed=SEED, seconds=10, database="sqlite", identifies=600, plan=mutant.plan, source=source, rest_within_s=40
    )
    result = run(options, directory=directory / "hub", tell=print)
    print(table(result))
    return [finding.invariant for finding in result.broken]


def test_a_seed_repeats_its_plan() -> None:
    assert make_plan(SEED, seconds=60, database="sqlite") == make_plan(SEED, seconds=60, database="sqlite")
    assert make_plan(SEED, seconds=60, database="sqlite") != make_plan(SEED + 1, seconds=60, database="sqlite")
