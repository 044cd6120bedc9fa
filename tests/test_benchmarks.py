"""The benchmarks' own arithmetic and table; what they measure is for `python3 run.py bench`."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from benchmarks import growth, table
from benchmarks.__main__ import STAGES, main
from benchmarks.measure import Goal, Options, Side, compare, figure
from benchmarks.table import as_markdown, write_down
from tests import documents


def test_ratio_is_taken_round_by_round_and_the_first_round_is_thrown_away() -> None:
    ours, floor = iter([1.0, 60, 80, 90]), iter([1_000.0, 100, 100, 100])
    rows = compare("work", unit="pieces", hub=ours.__next__, beside=[Side(name="floor", run=floor.__next__)], rounds=3)
    assert [row.values for row in rows] == [[0.6, 0.8, 0.9]]
    assert [(row.what, row.value, row.hub, row.beside) for row in rows] == [
        ("work / floor", 0.8, "80 pieces/s", "100 pieces/s")
    ]


def test_sides_take_turns_at_being_first() -> None:
    order: list[str] = []

    def side(name: str) -> float:
        order.append(name)
        return 1

    compare("work", unit="", hub=lambda: side("hub"), beside=[Side(name="b", run=lambda: side("b"))], rounds=2)
    assert order == ["hub", "b", "hub", "b", "b", "hub"]


@pytest.mark.parametrize(
    ("goal", "value", "is_met"),
    [
        (Goal(at_least=0.9), 0.9, True),
        (Goal(at_least=0.9), 0.89, False),
        (Goal(at_most=30), 30, True),
        (Goal(at_most=30), 31, False),
        (Goal(), 0, True),
    ],
)
def test_goal_is_met_at_its_very_value(goal: Goal, value: float, is_met: bool) -> None:
    assert figure("figure", [value], "ms", goal).is_met is is_met


def test_missed_goal_is_marked_in_the_table() -> None:
    rows = [figure("p99", [20, 31, 45], "ms", Goal(at_most=30)), figure("rate", [2_500], "mails/s")]
    lines = as_markdown(rows).splitlines()
    cells = [[cell.strip() for cell in line.split("|")] for line in lines[2:]]
    assert cells == [
        ["", "p99", "31 ms", "20 to 45", "≤ 30 (missed)", "", "", ""],
        ["", "rate", "2,500 mails/s", "", "", "", "", ""],
    ]


def test_table_replaces_what_the_page_said_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "performance.md"
    page.write_text("Words.\n<!-- bench mail -->\nold\n<!-- end mail -->\nMore words.\n")
    monkeypatch.setattr(table, "PAGE", page)
    write_down("mail", [figure("rate", [2_500], "mails/s")], "Two cores.")
    text = page.read_text()
    assert text.startswith("Words.\n<!-- bench mail -->\n| what")
    assert text.endswith("Two cores.\n<!-- end mail -->\nMore words.\n")
    assert "old" not in text
    with pytest.raises(ValueError, match="no place for the stage sync"):
        write_down("sync", [], "")


@pytest.mark.parametrize("stage", STAGES)
def test_page_has_the_table_of_every_stage(stage: str) -> None:
    assert "\nMeasured on " in table_of(stage)
    assert f"`python3 run.py bench {stage}" in table.PAGE.read_text()


SCALING = documents.read("docs/scaling.md")
CAPACITY = documents.table(documents.section(SCALING, "## Capacity per core"), "")
SIZES = documents.table(documents.section(SCALING, "## Tables that grow"), "")
QUOTED = {
    "single identifies a second, a web process": ("intake", "identify, {} / hello-world"),
    "identifies a second in batches of 100, a web process": (
        "intake",
        "identifies in batches of 100, {} / hello-world",
    ),
    "events decided a second, new people": ("decide", "decide, new people, {} / single intake"),
    "events decided a second, people known before": ("decide", "decide, people known before, {} / single intake"),
    "events decided a second that were decided before": (
        "decide",
        "decide, events decided before, {} / single intake",
    ),
    "mails a second among a million people, one worker": ("growth", "mail, 1 worker, 1,000,000 people, {}"),
    "mails a second among a million people, two workers": ("growth", "mail, 2 workers, 1,000,000 people, {}"),
    "updates a second to Segment, were it to take them": ("sync", "sync, {} / segment-analytics-python"),
    "person with its id and profile": ("growth", "person on disk, {}"),
    "event with its decision": ("growth", "event on disk, {}"),
    "invitation": ("growth", "invitation on disk, {}"),
    "answer with its history and its outbox row": ("growth", "answer on disk, {}"),
}
"""Where the page about scaling has each of its measured figures from: a stage, and a row of its table."""


@pytest.mark.parametrize(("what", "sqlite", "postgres"), [*CAPACITY, *SIZES])
def test_scaling_quotes_what_the_table_of_its_stage_says(what: str, sqlite: str, postgres: str) -> None:
    stage, row = QUOTED[what]
    measured = {
        name: (first, of_the_hub) for name, first, _, _, of_the_hub, _ in documents.table(table_of(stage), "what")
    }
    for database, quoted in (("sqlite", sqlite), ("postgres", postgres)):
        first, of_the_hub = measured[row.format(database)]
        assert number(quoted) == pytest.approx(number(of_the_hub or first), rel=0.01)


def table_of(stage: str) -> str:
    return table.PAGE.read_text().partition(f"<!-- bench {stage} -->")[2].partition(f"<!-- end {stage} -->")[0]


def number(cell: str) -> float:
    return float(cell.split(" ")[0].replace(",", ""))


def test_stage_is_measured_and_its_table_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", "--scale", "0.05", "--rounds", "1"]) == 0
    assert "| mail made / EmailMessage" in capsys.readouterr().out


def test_unknown_stage_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["nothing"])
    assert "'nothing' is no stage; there are " in capsys.readouterr().err


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_can_be_measured(stage: str) -> None:
    assert callable(import_module(f"benchmarks.{stage}").measure)


def test_quick_look_is_small() -> None:
    assert Options(scale=0.1).sized(20_000) == 2_000


@pytest.mark.parametrize(
    ("scale", "sizes"),
    [(1, [10_000, 100_000, 1_000_000]), (0.5, [10_000, 100_000]), (0.1, [10_000, 100_000]), (0, [10_000, 100_000])],
)
def test_growth_has_two_sizes_to_compare_whatever_the_scale(scale: float, sizes: list[int]) -> None:
    assert growth.sizes(scale) == sizes
