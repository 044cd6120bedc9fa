"""Files that people give to commands: whatever is in them, a sentence comes back, and nothing half is kept."""

from __future__ import annotations

import io
import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from click.testing import CliRunner

from hub.admin.configuration import apply as applying
from hub.admin.configuration import planning
from hub.admin.configuration.export import export
from hub.admin.people import suppressions
from hub.admin.people.people_import import import_people
from hub.admin.records import Format, read_records
from hub.admin.rehearsing.replay import replay
from hub.cli import main
from hub.config import ConfigError
from hub.domain.reasons import Stop
from hub.pipeline.hub import Hub
from hub.pipeline.receive import Receiver
from tests.configured import TOML, configured_hub
from tests.hostile import bodies, fuzzing
from tests.hostile.test_every_route import TOML as EVERYTHING
from tests.hostile.texts import TEXTS

ENVIRONMENT = {"PATH": "x", "HOME": "y"}
DOCUMENT: dict[str, Any] = {
    "sources": {"product": {"kind": "segment", "api_key": "a-key", "namespace": "", "max_webhook_bytes": 2_000_000}},
    "channels": {"relay": {"kind": "smtp", "host": "127.0.0.1", "port": 25, "from": "Acme <hello@acme.example>"}},
    "targets": {"product": {"kind": "segment", "write_key": "w", "sync_at": "03:00", "sync_timezone": "UTC"}},
    "surveys": {
        "onboarding": {
            "sources": ["product"],
            "channels": ["relay"],
            "targets": ["product"],
            "enabled": True,
            "brand": "Acme",
            "min_delay_days": 0.5,
            "max_delay_days": 14,
            "trigger_properties": {"plan": "pro"},
            "trigger_event": "Order Completed",
        }
    },
}


@pytest.fixture
def hub(tmp_path: Path, database_url: str) -> Iterator[Hub]:
    with configured_hub(tmp_path, database_url, toml=EVERYTHING) as configured:
        yield configured


# hub.toml


def test_a_document_is_applied_whole_or_refused_with_a_sentence(hub: Hub) -> None:
    seen: Counter[str] = Counter()
    for case in fuzzing.cases(200):
        with fuzzing.choices(case) as chosen:
            before = export(hub, reveal=True)
            text = _document(chosen)
            try:
                applying.apply(hub, planning.plan(hub, text, environ=ENVIRONMENT))
            except ConfigError:
                seen["refused"] += 1
                assert export(hub, reveal=True) == before
            else:
                seen["applied"] += 1
                assert planning.plan(hub, export(hub), environ=ENVIRONMENT).lines == []
    assert min(seen["refused"], seen["applied"]) > 10, seen


def _document(chosen: random.Random) -> str:
    document = json.loads(json.dumps(DOCUMENT))
    for _ in range(chosen.choice([0, 1, 1, 2, 6])):
        document = bodies.mutated(chosen, document)
    text = tomli_w.dumps(_as_toml(document)) if isinstance(document, dict) else str(document)
    if chosen.random() < 0.15:
        return bodies.torn(chosen, text.encode(errors="replace")).decode(errors="replace")
    return text.encode(errors="replace").decode()


def _as_toml(value: Any) -> Any:
    """Return a value as TOML can hold it: it knows no null."""
    if isinstance(value, dict):
        return {name: _as_toml(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_as_toml(inner) for inner in value]
    return "null" if value is None else value


SOURCE = '[sources.product]\nkind = "segment"\n'
FILES = {
    "no text": b"\xff\xfe",
    "NUL": b"\x00",
    "UTF-16": SOURCE.encode("utf-16"),
    "half a character": SOURCE.encode() + b'api_key = "\xed\xa0\x80"',
    "an escaped half": SOURCE.encode() + b'api_key = "\\ud800"',
    "deep lists": b"a = " + b"[" * 100_000,
    "deep and ended lists": b"a = " + b"[" * 900 + b"]" * 900,
    "deep tables": SOURCE.encode() + b"x = " + b"{a = " * 500 + b"1" + b"}" * 500,
    "deep names": SOURCE.encode() + b"x" + b".a" * 5_000 + b" = 1",
    "a deep heading": b"[" + b"a." * 3_000 + b"a]",
    "a long number": SOURCE.encode() + b"max_webhook_bytes = " + b"9" * 5_000,
    "a long hexadecimal number": SOURCE.encode() + b"max_webhook_bytes = 0x" + b"f" * 5_000,
    "no number": SOURCE.encode() + b"max_webhook_bytes = nan",
    "a date": SOURCE.encode() + b"api_key = 0001-01-01T00:00:00+14:00",
    "tables that are none": b"sources = 1",
    "arrays of tables": b'[[sources.product]]\nkind = "segment"',
    "a long time": TOML.encode() + b"min_delay_days = 1e300",
    "an endless time": TOML.encode() + b"min_interval_weeks = inf",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a configured hub."""
    directory = tmp_path_factory.mktemp("files")
    (directory / "hub.toml").write_text(TOML)
    assert run(directory, "apply", "hub.toml", "--yes")[0] == 0
    return directory


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_configuration_is_refused_in_one_sentence(home: Path, name: str) -> None:
    before = run(home, "export")
    (home / "broken.toml").write_bytes(FILES[name])
    status, said = run(home, "apply", "broken.toml", "--yes")
    assert (status, len(said.strip().splitlines())) == (2, 1), said[:500]
    assert run(home, "export") == before


def run(home: Path, *arguments: str) -> tuple[int, str]:
    """Return how a command ended and what it printed; what it raises passes through."""
    names = [str(home / one) if one.endswith((".toml", ".jsonl", ".csv", ".json")) else one for one in arguments]
    runner = CliRunner(env={"HUB_DATA_DIR": str(home / "data"), "HUB_BASE_URL": "https://hub.acme.example"})
    result = runner.invoke(main, names)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


# Events for hub replay


def test_any_file_of_events_is_replayed_or_refused_with_a_sentence(hub: Hub) -> None:
    seen: Counter[str] = Counter()
    for case in fuzzing.cases(300):
        with fuzzing.choices(case) as chosen:
            lines = [_event_line(chosen) for _ in range(4)]
            try:
                said = [line.as_json() for line in replay(hub, "onboarding", lines, _settings(chosen))]
            except ConfigError:
                seen["refused"] += 1
            else:
                seen["replayed"] += 1
                assert [json.loads(line)["outcome"] for line in said]
    assert min(seen["refused"], seen["replayed"]) > 10, seen


MOMENTS = ["2026-03-01T09:00:00Z"] * 12 + [
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59Z",
    "9999-12-31",
    "20260301",
    "٣",
    "",
    7,
    None,
]


def _event_line(chosen: random.Random) -> str:
    if chosen.random() < 0.05:
        return chosen.choice(bodies.RAW).decode(errors="surrogateescape")
    event = {**bodies.mutated(chosen, json.loads(json.dumps(bodies.EVENT)))}
    event["receivedAt"] = chosen.choice(MOMENTS)
    return json.dumps(event)


def _settings(chosen: random.Random) -> dict[str, str]:
    if chosen.random() < 0.7:
        return {}
    name = chosen.choice(
        ["min_delay_days", "max_delay_days", "min_interval_weeks", "holdout_percent", "brand", "nothing"]
    )
    return {name: chosen.choice(["1", "-1", "1e400", "1e300", "9" * 5_000, "nan", "true", *TEXTS])}


# People and suppressions


@pytest.mark.parametrize("written", Format)
def test_an_import_takes_each_line_or_says_what_is_wrong_with_it(hub: Hub, written: Format) -> None:
    receiver = Receiver(hub.store)
    for case in fuzzing.cases(120):
        with fuzzing.choices(case) as chosen:
            content = _rows(chosen, written)
            try:
                done = suppressions.import_records(hub, _records(content, written), reason=Stop.UNSUBSCRIBED)
                brought = import_people(hub, "product", _records(content, written), receive=receiver.store)
            except ConfigError:
                continue
            assert done.refused == len(done.problems)
            assert brought.refused == len(brought.problems)
    receiver.close()


def _records(content: bytes, written: Format) -> Any:
    return read_records(io.BytesIO(content), written, any_of=["email", "userId"])


def _rows(chosen: random.Random, written: Format) -> bytes:
    if written is Format.CSV:
        rows = [
            ",".join(chosen.choices(["ada@acme.example", "17", *TEXTS], k=chosen.choice([2, 3, 3]))) for _ in range(5)
        ]
        text = "\n".join(["email,userId,note", *rows]).encode(errors="surrogatepass")
    else:
        rows = [bodies.mutated(chosen, {"email": "ada@acme.example", "userId": "u", "note": "n"}) for _ in range(5)]
        dumped = [json.dumps(row) for row in rows]
        text = ("\n".join(dumped) if written is Format.LINES else f"[{','.join(dumped)}]").encode()
    return bodies.torn(chosen, text) if chosen.random() < 0.3 else text
