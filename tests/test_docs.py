"""The documentation says what the code does."""

from __future__ import annotations

import dataclasses
import inspect
import pydoc
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import hub.plugin
from hub import containment
from hub.__main__ import main
from hub.admin.configuration import document
from hub.admin.configuration.schemas import OPTIONS
from hub.admin.operations.retention import FACTS
from hub.cli import reference
from hub.domain.reasons import SENTENCES
from hub.domain.settings import SurveyRules
from hub.domain.states import MOVES
from hub.plugin import EventSource, Listener, NoticeKind, Provider, ReportKind, Services, SurveyChannel, SyncTarget
from hub.plugins import HOOKS, find_plugins
from hub.store.configuration import Role
from hub.testing.channels import ChannelContract, FakeProvider
from hub.testing.http_server import Answer, RecordingServer
from hub.testing.listeners import ListenerContract, sample_notice
from hub.testing.reports import ReportsContract
from hub.testing.sources import SourceContract
from hub.testing.targets import TargetContract
from hub.web.api import openapi
from hub_webhook import WebhookListener
from hub_webhook.signatures import make_secret
from tests import documents
from tests.command_lines import is_a_command
from tests.documents import ROOT, code

PAGES = documents.pages()
SET_UP_PAGES = [
    "README.md",
    "docs/operating.md",
    "docs/segment.md",
    "docs/configuration.md",
    "plugins/segment/README.md",
    "plugins/email_smtp/README.md",
    "plugins/email_sendgrid/README.md",
    "plugins/webhook/README.md",
]
ENVIRONMENT = dict.fromkeys(
    ["HUB_SEGMENT_KEY", "HUB_HEADER_SECRET", "HUB_SHARED_SECRET", "SEGMENT_WRITE_KEY", "SMTP_PASSWORD"], "a" * 32
) | {
    "SENDGRID_API_KEY": "SG." + "d" * 32,
    "BILLING_WEBHOOK_SECRET": "whsec_" + "e" * 32,
    "WAREHOUSE_WEBHOOK_SECRET": "whsec_" + "f" * 32,
    "OPS_WEBHOOK_SECRET": "whsec_" + "a" * 32,
}
SIGNATURE = re.compile(r"`(Provider|EventSource|SurveyChannel|SyncTarget|Listener)\.(\w+)(\([^`]*\) -> [^`]*)`")


# Links and commands


@pytest.mark.parametrize("page", PAGES, ids=documents.name_of)
def test_links_lead_somewhere(page: Path) -> None:
    assert [link for link in documents.links(page.read_text()) if not leads_somewhere(page, link)] == []


def leads_somewhere(page: Path, link: str) -> bool:
    parts = urlsplit(link)
    if parts.scheme:
        return parts.scheme in {"http", "https"}
    target = page.parent / parts.path if parts.path else page
    if not parts.fragment:
        return target.exists()
    return target.is_file() and parts.fragment in documents.anchors(target.read_text())


def test_the_index_lists_every_page() -> None:
    listed = set(documents.links(documents.read("docs/README.md")))
    assert {path.name for path in ROOT.glob("docs/*.md")} - {"README.md"} <= listed


def test_the_table_of_places_names_routes_that_are_there() -> None:
    rows = documents.table(documents.section(documents.read("docs/README.md"), "## Where you do what"), "what")
    named = {tuple(route.split(" ")) for row in rows for route in re.findall(r"`([A-Z]+ /[^`]*)`", row[3])}
    there = {
        (method.upper(), path.removeprefix("/api/v1")) for path, one in openapi()["paths"].items() for method in one
    }
    assert named
    assert named - there == set()


@pytest.mark.parametrize("page", PAGES, ids=documents.name_of)
def test_commands_exist(page: Path) -> None:
    assert [line for line in commands_on(page.read_text()) if not is_a_command(line)] == []


def commands_on(text: str) -> Iterator[str]:
    for block in documents.blocks(text, "console"):
        yield from re.findall(r"^\$ (?:.*\s)?(hub [a-z][^#\n]*)", block, re.MULTILINE)
    yield from re.findall(r"`(hub [a-z][^`]*)`", documents.prose(text))


def test_the_table_of_commands_names_every_command() -> None:
    page = documents.read("docs/commands.md")
    rows = documents.table(page, "to")
    assert sorted(re.findall(r"`(hub [a-z ]+)`", " ".join(row[1] for row in rows))) == sorted(
        re.findall(r"^## (hub .*)$", page, re.MULTILINE)
    )


def test_what_is_kept_is_documented_as_the_console_shows_it() -> None:
    rows = documents.table(documents.section(documents.read("docs/operating.md"), "## What is kept"), "what")
    assert [tuple(row) for row in rows] == [(fact.what, fact.how_long, fact.note) for fact in FACTS]


# Configuration


@pytest.mark.parametrize("name", ["configuration.md", "commands.md", "api-reference.md"])
def test_generated_pages_are_up_to_date(name: str) -> None:
    assert documents.read(f"docs/{name}") == reference.pages(main)[name], "run: python3 run.py docs"


@pytest.mark.parametrize("page", SET_UP_PAGES)
def test_configuration_examples_apply(page: str) -> None:
    examples = documents.blocks(documents.read(page), "toml")
    assert examples
    for block in examples:
        wanted = document.read(
            document.parse(block), find_plugins(), environ=ENVIRONMENT, kept=lambda role, name, kind, key: None
        )
        assert wanted.problems == [], block


def test_the_example_that_checks_a_signature_believes_the_hub_alone(
    services: Services, http_server: RecordingServer
) -> None:
    [sample] = documents.blocks(documents.section(documents.read("docs/operating.md"), "## Alerts"), "python")
    names: dict[str, Any] = {}
    exec(sample, names)
    read_notice = names["read_notice"]
    settings = WebhookListener.config_schema().load({"url": http_server.url, "secret": make_secret()})
    today = dataclasses.replace(services, now=lambda: datetime.now(UTC))
    WebhookListener("ops", settings, today).hear(sample_notice())
    [request] = http_server.requests
    headers = dict(request.headers)
    assert read_notice(settings["secret"], headers, request.body)["type"] == "response.detractor"
    assert read_notice(settings["secret"], headers, request.body + b" ") is None
    assert read_notice(settings["secret"], {}, request.body) is None
    assert read_notice(make_secret(), headers, request.body) is None


def test_the_first_example_of_the_readme_is_a_whole_configuration() -> None:
    raw = document.parse(documents.blocks(documents.read("README.md"), "toml")[0])
    assert set(raw) == {"sources", "channels", "targets", "surveys"}


# Rules and states


def test_every_reason_is_documented_with_its_sentence() -> None:
    rows = documents.table(documents.section(documents.read("docs/rules.md"), "## Reasons"), "reason")
    assert {code(reason): sentence for reason, sentence in rows} == {str(key): text for key, text in SENTENCES.items()}


def test_the_rules_are_numbered_through_and_name_known_reasons() -> None:
    text = documents.read("docs/rules.md")
    rows = [row for heading in RULE_SECTIONS for row in documents.table(documents.section(text, heading), "#")]
    assert [row[0] for row in rows] == [str(number) for number in range(1, 20)]
    named = {reason for row in rows for reason in re.findall(r"`(\w+)`", row[2])}
    assert named <= set(SENTENCES)


RULE_SECTIONS = ["## Once an event", "## Once for each survey that listens"]


def test_every_setting_of_the_rules_is_documented() -> None:
    rows = documents.table(documents.section(documents.read("docs/rules.md"), "## Settings"), "setting")
    assert {code(row[0]) for row in rows} == set(SurveyRules.__dataclass_fields__)


def test_the_documented_moves_are_the_moves() -> None:
    rows = documents.table(documents.section(documents.read("docs/architecture.md"), "### Invitation"), "from")
    moves = {start: {end for end in ends.split(", ") if end} for start, ends in rows}
    assert moves == {str(start): {str(end) for end in ends} for start, ends in MOVES.items()}


# Plugins


def test_every_public_name_of_the_seam_is_documented() -> None:
    section = documents.section(documents.read("docs/plugins.md"), "## Everything in hub.plugin")
    assert sorted(code(row[0]) for row in documents.table(section, "name")) == sorted(hub.plugin.__all__)


def test_every_hook_is_documented() -> None:
    rows = documents.table(documents.section(documents.read("docs/plugins.md"), "## The package"), "hook")
    assert {code(row[0]).removesuffix("()") for row in rows} == set(HOOKS.values())


def test_documented_signatures_are_the_real_ones() -> None:
    documented = {
        (owner, name): signature
        for owner, name, signature in SIGNATURE.findall(documents.read("docs/plugins.md").replace("\\|", "|"))
    }
    assert documented == {
        (owner.__name__, name): str(inspect.signature(getattr(owner, name))).replace("'", "")
        for owner in (Provider, EventSource, SurveyChannel, SyncTarget, Listener)
        for name in public_methods(owner)
    }


KIT_SIGNATURE = re.compile(
    r"`(SourceContract|FakeProvider|ReportsContract|TargetContract|ListenerContract|RecordingServer)\.(\w+)(\([^`]*)`"
)
KIT = (SourceContract, FakeProvider, ReportsContract, TargetContract, ListenerContract, RecordingServer)
FOR_THE_HUB = {"reply_to", "wait_until_closed"}


def test_documented_signatures_of_the_kit_are_the_real_ones() -> None:
    documented = {(owner, name): signature for owner, name, signature in KIT_SIGNATURE.findall(kit_section())}
    assert documented == {
        (owner.__name__, name): str(inspect.signature(method)).replace("'", "")
        for owner in KIT
        for name, method in vars(owner).items()
        if inspect.isfunction(method) and not name.startswith(("_", "test_")) and name not in FOR_THE_HUB
    }


def test_documented_contracts_and_fixtures_are_the_real_ones() -> None:
    rows = documents.table(kit_section(), "contract")
    assert [code(row[0]) for row in rows if row[0]] == [
        f"{owner.__module__}.{owner.__name__}"
        for owner in (SourceContract, ChannelContract, ReportsContract, TargetContract, ListenerContract)
    ]
    owner: object = None
    for contract, fixture, _ in rows:
        owner = pydoc.locate(code(contract)) if contract else owner
        assert code(fixture) in vars(owner)


def test_the_documented_answer_is_the_real_one() -> None:
    signature = str(inspect.signature(Answer)).replace("<factory>", "{}").removesuffix(" -> None").replace("'", "")
    assert f"`Answer{signature}`" in kit_section().replace("'", "")


def test_everything_of_the_server_for_tests_is_documented() -> None:
    with RecordingServer() as server:
        names = {name for name in dir(server) if not name.startswith("_")} - FOR_THE_HUB
    rows = documents.table(kit_section(), "attribute")
    assert {code(row[0]).partition("(")[0] for row in rows} == {f"RecordingServer.{name}" for name in names}


def kit_section() -> str:
    return documents.section(documents.read("docs/plugins.md"), "## Testing")


def public_methods(owner: type) -> list[str]:
    return [name for name in vars(owner) if not name.startswith("_") and callable(getattr(owner, name))]


def test_documented_attributes_and_their_defaults_are_the_real_ones() -> None:
    text = documents.read("docs/plugins.md")
    for heading, owner in ATTRIBUTES.items():
        rows = documents.table(documents.section(text, heading), "attribute")
        documented = {code(name): code(default) for name, default, _ in rows}
        assert documented == {f"{owner.__name__}.{name}": default_of(owner, name) for name in attributes(owner)}


ATTRIBUTES = {
    "## Every provider": Provider,
    "## Sources": EventSource,
    "## Channels": SurveyChannel,
    "## Targets": SyncTarget,
}


def attributes(owner: type) -> list[str]:
    names = {**inspect.get_annotations(owner), **vars(owner)}
    return [name for name in names if not name.startswith("_") and not callable(getattr(owner, name, None))]


def default_of(owner: type, name: str) -> str:
    value = vars(owner).get(name, dataclasses.MISSING)
    return default(value.fget(None) if isinstance(value, property) and value.fget else value)


@pytest.mark.parametrize(
    "value", [one for one in vars(hub.plugin).values() if dataclasses.is_dataclass(one)], ids=lambda one: one.__name__
)
def test_documented_fields_and_their_defaults_are_the_real_ones(value: type) -> None:
    rows = documents.table(documents.section(documents.read("docs/plugins.md"), f"### {value.__name__}"), "field")
    documented = [(code(name), code(kind), code(default)) for name, kind, default, _ in rows]
    assert documented == [
        (
            one.name,
            one.type,
            default(one.default) if one.default_factory is dataclasses.MISSING else default(one.default_factory()),
        )
        for one in dataclasses.fields(value)
    ]


def default(value: object) -> str:
    return "required" if value is dataclasses.MISSING else repr(value)


@pytest.mark.parametrize("kinds", [ReportKind, NoticeKind])
def test_documented_kinds_are_the_real_ones(kinds: type[ReportKind] | type[NoticeKind]) -> None:
    rows = documents.table(documents.section(documents.read("docs/plugins.md"), f"### {kinds.__name__}"), "value")
    assert [code(row[0]) for row in rows] == list(kinds.__members__)


@pytest.mark.parametrize(
    ("name", "made"),
    [("Secret", hub.plugin.Secret), ("ChannelPaused", hub.plugin.ChannelPaused), ("Reply.json", hub.plugin.Reply.json)],
)
def test_documented_constructors_are_the_real_ones(name: str, made: Callable[..., object]) -> None:
    signature = str(inspect.signature(made)).replace("'", "").removesuffix(" -> None")
    assert f"`{name}{signature}`" in documents.read("docs/plugins.md").replace("\n", " ")


def test_documented_settings_of_the_hub_are_the_real_ones() -> None:
    rows = documents.table(documents.section(documents.read("docs/plugins.md"), "## Settings"), "setting of the hub")
    documented = {
        name: [role for role in Role if f"{role}s" in where] for names, where in rows for name in names_in(names)
    }
    assert documented.pop("kind") == []
    assert documented == {
        name: [role for role in Role if name in OPTIONS[role]().fields]
        for role in Role
        for name in OPTIONS[role]().fields
    }


def names_in(cell: str) -> list[str]:
    return re.findall(r"`(\w+)`", cell)


def test_the_version_of_the_seam_is_the_documented_one() -> None:
    section = documents.section(documents.read("docs/plugins.md"), "## Everything in hub.plugin")
    assert f"| `HUB_API` | the version of this module: {hub.plugin.HUB_API} |" in section


def test_the_documented_path_of_an_entry_point_is_the_one_that_is_searched() -> None:
    assert "[project.entry-points.survey_hub]" in documents.read("docs/plugins.md")


def test_documented_time_limits_of_plugins_are_the_real_ones() -> None:
    rows = dict(
        re.findall(
            r"^\| (`\w+`[^|]*) \| (\d+)(?:, after[^|]*)? \|$", (ROOT / "docs/plugins.md").read_text(), re.MULTILINE
        )
    )
    assert {name: float(seconds) for name, seconds in rows.items()} == {
        "`__init__`, `close`": containment.MADE_WITHIN_S,
        "`read`, of all bodies that are decided together": containment.READ_WITHIN_S,
        "`erase`": containment.FORGOTTEN_WITHIN_S,
        "`check`": containment.CHECKED_WITHIN_S,
        "`push`": containment.DONE_WITHIN_S,
        "`hear`": containment.DONE_WITHIN_S,
        "`send`, `send_many`": containment.DONE_WITHIN_S,
    }
