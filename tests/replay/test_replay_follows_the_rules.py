"""`hub replay` against the slow reading of docs/rules.md in oracle.py, on seeded events.

REPLAY_SEEDS=1000-1999 runs other seeds than the usual ones.
"""

import json
import os
import pprint
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from .generator import generate_events, generate_settings
from .oracle import Event, Line, Settings, replay

FIRST_SEED, LAST_SEED = (int(seed) for seed in os.environ.get("REPLAY_SEEDS", "1-120").split("-"))
SEEDS = range(FIRST_SEED, LAST_SEED + 1)
KEYS = ["message_id", "outcome", "reason", "due_at", "eligible_again_at"]
REASONS_IN_A_REPLAY = {
    "duplicate",
    "not_a_trigger",
    "echo",
    "no_identity",
    "unreadable",
    "no_email",
    "bad_email",
    "suppressed",
    "stale_event",
    "created_at_invalid",
    "created_at_future",
    "no_created_at",
    "too_old",
    "already_scheduled",
    "throttled",
    "quiet_period",
    "quota",
    "scheduled",
}
HUB_TOML = """\
[sources.product]
kind = "segment"
[surveys.onboarding]
sources = ["product"]
channels = []
targets = []
enabled = true
"""


@pytest.fixture(scope="module")
def hub_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the data directory of a hub with one survey, `onboarding`."""
    home = tmp_path_factory.mktemp("hub")
    (home / "hub.toml").write_text(HUB_TOML, encoding="utf-8")
    run_hub(home, "apply", str(home / "hub.toml"), "--yes")
    return home


@pytest.mark.parametrize("seed", SEEDS)
def test_replay_says_what_the_rules_say(hub_home: Path, seed: int) -> None:
    settings = generate_settings(seed)
    events = generate_events(seed, settings)
    expected = replay(events, settings)
    got = replay_with_the_hub(hub_home, events, settings)
    for number, (event, want, have) in enumerate(zip(events, expected, got, strict=False)):
        if comparable(want, event) != comparable(have, event):
            pytest.fail(report(seed, settings, events[: number + 1], want, have), pytrace=False)
    assert len(got) == len(events), f"seed {seed}: {len(events)} events, {len(got)} lines"


def test_the_seeds_meet_every_reason_of_a_replay() -> None:
    seen: Counter[str | None] = Counter()
    for seed in range(1, 61):
        settings = generate_settings(seed)
        seen.update(line["reason"] for line in replay(generate_events(seed, settings), settings))
    assert set(seen) == REASONS_IN_A_REPLAY
    assert min(seen.values()) >= 20, seen


def test_a_seed_always_gives_the_same_events() -> None:
    settings = generate_settings(7)
    assert settings == generate_settings(7)
    assert generate_events(7, settings) == generate_events(7, settings)


def replay_with_the_hub(home: Path, events: list[Event], settings: Settings) -> list[Line]:
    path = home / "events.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
    choices = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    output = run_hub(home, "replay", "--survey", "onboarding", "--events", str(path), *choices, "--json")
    return [json.loads(line) for line in output.splitlines() if line.strip()]


def run_hub(home: Path, *arguments: str) -> str:
    from hub.cli import main  # imported late: collecting these tests needs no hub

    result = CliRunner(env={"HUB_DATA_DIR": str(home)}).invoke(main, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def comparable(line: Line, event: Event) -> dict[str, Any]:
    """Return what both must agree on; a derived message_id is the hub's own affair."""
    keys = KEYS if "messageId" in event else KEYS[1:]
    return {key: line.get(key) for key in keys}


def report(seed: int, settings: Settings, events: list[Event], want: Line, have: Line) -> str:
    lines = [f"seed {seed}, event {len(events)}", f"settings {settings}", "events:"]
    lines += [json.dumps(event) for event in events]
    lines += ["expected:", pprint.pformat(want), "got:", pprint.pformat(have)]
    return "\n".join(lines)
