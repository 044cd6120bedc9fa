"""The commands as a person meets them: what they print, and sentences instead of tracebacks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hub.cli import main
from hub.cli.common import opened_hub
from hub.config import ConfigError, Settings, load_settings, misspelt_settings
from hub.domain.reasons import Stop
from hub.pipeline import decide
from hub.store import intake, pauses, suppressions
from hub.store.configuration import Role
from hub.store.intake import AcceptedBody
from tests import documents
from tests.configured import TOML
from tests.processes import free_port


class Terminal:
    """Runs commands in a directory of its own."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(directory)
        monkeypatch.setenv("HUB_DATA_DIR", str(directory / "data"))
        monkeypatch.setenv("HUB_REDIS_URL", f"unix://{directory}/nobody.sock")
        self.directory = directory

    def __call__(self, *arguments: str, input: str | None = None) -> Result:
        result = CliRunner().invoke(main, list(arguments), input=input)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    def apply(self, toml: str = TOML) -> Result:
        (self.directory / "hub.toml").write_text(toml)
        return self("apply", "hub.toml", "--yes")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    for name in ("HUB_DATABASE_URL", "HUB_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HUB_BASE_URL", "https://hub.acme.example")
    return Terminal(tmp_path, monkeypatch)


def decided(hub: Terminal, **event: object) -> None:
    with opened_hub() as opened:
        source = opened.registry.current().named(Role.SOURCE, "product")
        assert source is not None
        body = json.dumps({"messageId": "m1", **event}).encode()
        accepted = AcceptedBody(source_id=source.id, hint="identify", arrived_at=opened.now(), body=body)
        intake.append(opened.store, [accepted])
        decide.drain(opened, until=1e12)


def test_apply_says_what_it_changed_and_the_second_time_nothing(hub: Terminal) -> None:
    first = hub.apply()
    assert first.exit_code == 0
    assert "+ channels.relay: kind smtp" in first.output
    assert "Applied 4 changes." in first.output
    assert hub.apply().output == "Nothing to change.\n"


def test_a_generated_key_is_shown_once_and_kept(hub: Terminal) -> None:
    toml = TOML.replace('api_key = "test-key-of-the-source"\n', "")
    assert "sources.product.api_key = " in hub.apply(toml).output
    before = hub("export", "--reveal").output
    assert hub.apply(toml).output == "Nothing to change.\n"
    assert hub("export", "--reveal").output == before


def test_apply_says_where_it_made_a_hub_and_that_it_did_not_ask(hub: Terminal) -> None:
    (hub.directory / "hub.toml").write_text(TOML)
    first = hub("apply", "hub.toml").output
    assert first.startswith(f"Made a new hub in {hub.directory / 'data'}.\n")
    assert "\nNo terminal: applying without asking.\nApplied 4 changes.\n" in first
    assert "Made" not in hub.apply(TOML + "min_delay_days = 3\n").output


def test_a_document_that_names_nothing_removes_nothing_unless_told_to(hub: Terminal) -> None:
    hub.apply()
    refused = hub.apply("# empty\n")
    assert (refused.exit_code, "add --remove-all" in refused.output) == (2, True)
    assert "[surveys.onboarding]" in hub("export").output
    assert "Applied 4 changes." in hub("apply", "hub.toml", "--yes", "--remove-all").output
    assert hub("export").exit_code == 1


def test_a_document_that_names_nothing_is_fine_where_nothing_is(hub: Terminal) -> None:
    assert hub.apply("").exit_code == 0


@pytest.mark.parametrize(
    "command",
    [
        ("export",),
        ("check",),
        ("why", "ada"),
        ("queue",),
        ("sync", "now"),
        ("doctor",),
        ("erase", "ada", "--yes"),
        ("replay", "--survey", "s", "--events", "e.jsonl"),
        ("web", "--port", "1"),
        ("worker",),
        ("scheduler",),
    ],
)
def test_a_command_in_the_wrong_folder_makes_no_hub(hub: Terminal, command: tuple[str, ...]) -> None:
    result = hub(*command)
    assert result.exit_code == 2
    assert result.output.startswith(f"There is no hub in {hub.directory / 'data'}; run `hub up` or `hub apply` there")
    assert list(hub.directory.iterdir()) == []


@pytest.mark.parametrize("command", [("db", "upgrade"), ("apply", "hub.toml"), ("up",)])
def test_a_data_folder_that_cannot_be_made_is_named(
    hub: Terminal, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    (hub.directory / "hub.toml").write_text(TOML)
    monkeypatch.setenv("HUB_DATA_DIR", str(hub.directory / "hub.toml" / "data"))
    result = hub(*command, *(["--port", str(free_port())] if command == ("up",) else []))
    assert result.exit_code == 2
    assert result.output.endswith("cannot be made: Not a directory; set HUB_DATA_DIR to another folder\n")


@pytest.mark.parametrize("command", ["up", "web"])
@pytest.mark.parametrize("port", ["0", "65536", "-1"])
def test_a_port_that_cannot_be_is_refused(hub: Terminal, command: str, port: str) -> None:
    assert "1<=x<=65535" in hub(command, "--port", port).output


def test_an_export_is_a_document_that_changes_nothing(hub: Terminal) -> None:
    hub.apply()
    exported = hub("export").output
    assert "write-key" not in exported
    assert '"(kept)"' in exported
    assert hub.apply(exported).output == "Nothing to change.\n"


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[sources.a\n", ["no valid TOML", "line 1"]),
        ("[nonsense.a]\n", ["nonsense: unknown"]),
        ("[survey.a]\n", ["survey: unknown; did you mean surveys?"]),
        ('[sources.a]\nkind = "ftp"\n', ["sources.a.kind: 'ftp'", "there are: segment"]),
        ('[channels.a]\nkind = "smpt"\n', ["channels.a.kind: 'smpt'", "did you mean smtp?"]),
        (
            '[channels.a]\nkind = "smtp"\nport = "x"\ncolour = 1\n[surveys.s]\nmin_delay_days = -1\nchanels = []\n',
            [
                "channels.a.host: is missing. Name or address of the mail server.",
                "channels.a.port: write a whole number, without quotes",
                "channels.a.colour: there is no such setting; there are: connections, from, helo, host",
                "surveys.s.min_delay_days: must be 0 to 36500",
                "surveys.s.chanels: there is no such setting; did you mean channels?",
            ],
        ),
        ('[targets.a]\nkind = "segment"\nwrite_key = "w"\nsync_a = "03:00"\n', ["sync_a", "did you mean sync_at?"]),
        (
            '[channels.a]\nkind = "smtp"\nhost = 7\nport = "25"\nfrom = "a@b.example"\nverify_tls = "false"\n',
            ["a.host: write text in quotes", "a.port: write a whole number", "a.verify_tls: write true or false"],
        ),
        (
            '[surveys.s]\nenabled = "yes"\nsurge_brake = 0\nmin_delay_days = "3"\ndaily_limit = "9"\nsources = "a"\n',
            [
                "surveys.s.enabled: write true or false, without quotes",
                "surveys.s.surge_brake: write true or false",
                "surveys.s.min_delay_days: write a number, without quotes",
                "surveys.s.daily_limit: write a whole number",
                "surveys.s.sources: write a list",
            ],
        ),
        ('[targets.t]\nkind = "segment"\nwrite_key = "${KEY}"\n', ["targets.t.write_key", "without braces"]),
        ("[surveys.s]\nmin_delay_days = 3\nmax_delay_days = 1\n", ["surveys.s.max_delay_days", "less than"]),
        ('[surveys.s]\nsources = ["nowhere"]\n', ["surveys.s.sources: there is no [sources.nowhere]"]),
        (
            '[targets.t]\nkind = "segment"\nwrite_key = "$NOT_SET_ANYWHERE"\n',
            ["targets.t.write_key", "NOT_SET_ANYWHERE"],
        ),
        ('[targets.t]\nkind = "segment"\nwrite_key = "(kept)"\n', ["targets.t.write_key", "there is none"]),
        ('[targets.t]\nkind = "segment"\nwrite_key = "w"\nsync_at = "25:00"\n', ["targets.t.sync_at"]),
        ('[targets.t]\nkind = "segment"\nwrite_key = "w"\nsync_timezone = "Mars/X"\n', ["targets.t.sync_timezone"]),
        ('[sources."A b"]\nkind = "segment"\n', ["sources.A b: a name has"]),
    ],
)
def test_every_problem_of_a_document_is_named_with_its_path(hub: Terminal, toml: str, said: list[str]) -> None:
    result = hub.apply(toml)
    assert result.exit_code == 2
    for part in said:
        assert part in result.output
    assert hub("export").stdout == ""


def test_a_missing_file_is_named(hub: Terminal) -> None:
    result = hub("apply", "nowhere.toml")
    assert (result.exit_code, result.output) == (2, "nowhere.toml cannot be read: No such file or directory\n")


def test_plugins_lists_what_is_installed(hub: Terminal) -> None:
    rows = json.loads(hub("plugins", "--json").output)
    assert {offer for row in rows for offer in row["offers"]} >= {"source:segment", "target:segment", "channel:smtp"}


def test_check_names_what_cannot_work(hub: Terminal) -> None:
    hub.apply()
    result = hub("check", "relay")
    assert result.exit_code == 1
    assert result.output.startswith("TROUBLE channels.relay: 127.0.0.1:9")
    assert hub("check", "unheard-of").exit_code == 2


def test_check_names_a_variable_that_was_misspelt(hub: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.apply()
    monkeypatch.setenv("HUB_DATADIR", "/srv/hub")
    assert "! HUB_DATADIR is not a setting of the hub; did you mean HUB_DATA_DIR?\n" in hub("check").output


@pytest.mark.parametrize(
    "name",
    [
        "HUB_SEGMENT_KEY",
        "HUB_HEADER_SECRET",
        "HUB_SHARED_SECRET",
        "HUB_PROCESS",
        "HUB_DATA_DIR_FILE",
        "HUB_REQUIRE_ALL",
        "HOME",
    ],
)
def test_a_variable_of_somebody_else_is_not_called_misspelt(name: str) -> None:
    assert misspelt_settings({name: "x"}) == []


def test_why_tells_the_story_in_words_and_as_json(hub: Terminal) -> None:
    hub.apply()
    decided(hub, userId="ada", traits={"email": "Ada@acme.example", "firstName": "Ada"})
    for who in ("ada", "ada@ACME.example"):
        output = hub("why", who).output
        assert "Ada <Ada@acme.example>" in output
        assert "Survey onboarding: Will be asked." in output
    (story,) = json.loads(hub("why", "ada", "--json").output)
    assert [entry["code"] for entry in story["entries"]] == ["", "scheduled"]
    unknown = hub("why", "nobody")
    assert (unknown.exit_code, unknown.output) == (1, "Nobody is known as 'nobody'.\n")


def test_why_tells_the_facts_that_led_to_a_decision(hub: Terminal) -> None:
    hub.apply(TOML + "min_delay_days = 3\nmax_delay_days = 14\n")
    with opened_hub() as opened:
        now = opened.now()
    created_at = now - timedelta(days=5, hours=1)
    ada = {"email": "ada@acme.example", "createdAt": created_at.isoformat()}
    decided(hub, userId="ada", traits=ada)
    decided(hub, userId="eve", messageId="m2", traits={**ada, "createdAt": (now - timedelta(days=90)).isoformat()})
    decided(hub, userId="ida", messageId="m3", traits={"email": "ida@acme.example", "createdAt": "last week\x1b[2J"})
    decided(hub, userId="jon", messageId="m4", traits={"email": "jon(at)acme.example"})
    decided(hub, userId="old", messageId="m5", traits=ada, timestamp="2020-01-01T00:00:00Z")
    assert f"createdAt is {created_at:%-d %b %Y, %H:%M UTC}, 5.0 days before the decision" in hub("why", "ada").output
    assert "90.0 days before the decision; asked 3 to 14 days after it.\n" in hub("why", "eve").output
    assert 'createdAt is written "last week\\u001b[2J".\n' in hub("why", "ida").output
    assert 'email is written "jon(at)acme.example".\n' in hub("why", "jon").output
    assert "The event is of 1 Jan 2020, 00:00 UTC.\n" in hub("why", "old").output
    (story,) = json.loads(hub("why", "ada", "--json").output)
    assert "5.0 days before" in story["entries"][1]["facts"]
    assert story["entries"][1]["inputs"]["created_at"].startswith(f"{created_at:%Y-%m-%d}")


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (Stop.UNSUBSCRIBED, "the address unsubscribed"),
        (Stop.HARD_BOUNCED, "the mailbox refused mail for good"),
        (Stop.COMPLAINED, "its reader called a survey spam"),
    ],
)
def test_why_tells_since_when_and_why_somebody_is_never_mailed(hub: Terminal, reason: Stop, said: str) -> None:
    hub.apply()
    decided(hub, userId="ada", traits={"email": "ada@acme.example"})
    assert "ever mailed" not in hub("why", "ada").output
    with opened_hub() as opened, opened.store.write() as connection:
        suppressions.suppress(connection, "ada@acme.example", reason, now=datetime(2026, 3, 11, 9, 30, tzinfo=UTC))
    told = hub("why", "ada").output
    assert f"\n  never mailed again: {said}, 11 March 2026\n" in told
    assert f"2026-03-11 09:30:00  stopped    Never mailed again: {said}.  [{reason}]" in told


def test_erase_names_whom_it_would_erase_and_asks(hub: Terminal) -> None:
    hub.apply()
    decided(hub, userId="ada", traits={"email": "ada@acme.example", "firstName": "Ada"})
    asked = hub("erase", "ada@acme.example", input="n\n").output
    assert asked.startswith("Ada <ada@acme.example>\n  known as userId ada\nErase everything about them?")
    assert asked.endswith("Nothing was erased.\n")
    nobody = hub("erase", "nobody")
    assert (nobody.exit_code, nobody.output) == (1, "Nobody is known as 'nobody'.\n")


def test_erase_leaves_nothing_but_the_suppression(hub: Terminal) -> None:
    hub.apply()
    decided(hub, userId="ada", traits={"email": "ada@acme.example"})
    assert "Erased: 1 event, 1 invitation, 1 id, 1 person.\n" in hub("erase", "ada", "--yes").output
    assert hub("why", "ada").exit_code == 1
    decided(hub, userId="ada", messageId="m2", traits={"email": "other@acme.example"})
    told = hub("why", "ada").output
    assert "[suppressed]" in told
    assert "never mailed again: the person was erased" in told


def test_queue_shows_releases_and_cancels(hub: Terminal) -> None:
    hub.apply()
    assert hub("queue").output == "Nothing waits.\n"
    decided(hub, userId="ada", traits={"email": "ada@acme.example"})
    assert "scheduled" in hub("queue").output
    assert hub("queue", "release", "onboarding").output == "Released 0.\n"
    assert hub("queue", "cancel", "unheard-of").exit_code == 2


def test_queue_lists_whom_the_next_mails_are_for(hub: Terminal) -> None:
    hub.apply(TOML + "min_delay_days = 3\n")
    with opened_hub() as opened:
        today = opened.now().isoformat()
    decided(hub, userId="new", traits={"email": "new@acme.example", "createdAt": today})
    decided(hub, anonymousId="old", messageId="m2", traits={"email": "old@acme.example"})
    first, second = hub("queue", "--list").output.splitlines()
    assert re.fullmatch(r"due since \d{4}-\d\d-\d\d \d\d:\d\d UTC  scheduled  onboarding {12}old", first)
    assert re.fullmatch(r"      due \d{4}-\d\d-\d\d \d\d:\d\d UTC  scheduled  onboarding {12}new", second)
    assert hub("queue", "--list", "--survey", "onboarding").output.splitlines() == [first, second]
    assert "did you mean onboarding?" in hub("queue", "--list", "--survey", "onbording").output
    assert "the next due since 20" in hub("queue").output


def test_why_tells_that_a_survey_was_taken_out(hub: Terminal) -> None:
    hub.apply()
    decided(hub, userId="ada", traits={"email": "ada@acme.example"})
    hub.apply(TOML.partition("[surveys.")[0])
    told = hub("why", "ada").output
    assert "Invitation of survey onboarding is cancelled. The survey was taken out of use.  [cancelled]" in told


def test_replay_counts_or_lists(hub: Terminal) -> None:
    hub.apply()
    event = {
        "type": "identify",
        "messageId": "m1",
        "userId": "ada",
        "traits": {"email": "ada@acme.example"},
        "receivedAt": "2026-03-11T09:30:00Z",
    }
    (hub.directory / "events.jsonl").write_text(json.dumps(event) + "\n")
    summary = hub("replay", "--survey", "onboarding", "--events", "events.jsonl").output
    assert summary.split() == ["1", "scheduled", "Will", "be", "asked."]
    line = hub("replay", "--survey", "onboarding", "--events", "events.jsonl", "--json").output
    assert json.loads(line)["due_at"] == "2026-03-11T09:30:00.000000Z"
    for change, said in (("on_missing_created_at=skip", "no_created_at"), ("min_interval_weeks=0.5", "scheduled")):
        tried = hub("replay", "--survey", "onboarding", "--events", "events.jsonl", "--set", change)
        assert said in tried.output


def test_replay_reads_the_events_of_the_documentation(hub: Terminal) -> None:
    hub.apply()
    (sample,) = documents.blocks(documents.read("docs/rules.md"), "json")
    (hub.directory / "events.jsonl").write_text(sample)
    lines = hub("replay", "--survey", "onboarding", "--events", "events.jsonl", "--json").output.splitlines()
    assert [json.loads(line)["reason"] for line in lines] == ["scheduled", "scheduled", "not_a_trigger"]


@pytest.mark.parametrize(
    ("lines", "arguments", "said"),
    [
        ("not json\n", [], "line 1: is no JSON event"),
        ("{}\n", [], "line 1: is no JSON event with a readable receivedAt"),
        ("", ["--set", "min_delay_days=x"], "--set.min_delay_days"),
        ("", ["--set", "nonsense"], "write key=value"),
        ("", ["--survey", "other"], "There is no survey 'other'"),
    ],
)
def test_replay_says_what_it_cannot_read(hub: Terminal, lines: str, arguments: list[str], said: str) -> None:
    hub.apply()
    (hub.directory / "events.jsonl").write_text(lines)
    result = hub("replay", "--survey", "onboarding", "--events", "events.jsonl", *arguments)
    assert result.exit_code == 2
    assert said in result.output


def test_sync_now_without_redis_waits_for_it(hub: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.apply("")
    assert hub("sync", "now").exit_code == 2
    hub.apply()
    assert hub("sync", "now").output == "Redis is away; the sync for product starts when it is back.\n"
    monkeypatch.delenv("HUB_REDIS_URL")
    assert hub("sync", "now").output == "The hub is not running; the sync for product starts when it is.\n"


def test_sync_now_names_a_target_that_does_not_work(hub: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_KEY", "secret")
    hub.apply(TOML.replace('write_key = "write-key"', 'write_key = "$CRM_KEY"'))
    monkeypatch.delenv("CRM_KEY")
    said = "! targets.product does not work, as seen from here: write_key: the environment variable CRM_KEY is not set"
    assert said in hub("sync", "now").output


def test_doctor_ends_with_0_when_all_holds(hub: Terminal) -> None:
    hub.apply()
    decided(hub, userId="ada", traits={"email": "ada@acme.example"})
    assert hub("doctor").exit_code == 0


def test_doctor_ends_with_1_when_an_invariant_is_broken(hub: Terminal) -> None:
    hub.apply()
    decided(hub, userId="ada", traits={"email": "ada@acme.example"})
    with opened_hub() as opened, opened.store.write() as connection:
        connection.exec_driver_sql("DELETE FROM decision")
    result = hub("doctor")
    assert result.exit_code == 1
    assert "BROKEN every event has its decision: 1 event without a decision." in result.output


@pytest.mark.parametrize("command", [("apply", "hub.toml"), ("doctor",)])
def test_links_that_customers_cannot_open_are_warned_about(
    hub: Terminal, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    said = "Mails would link to http://127.0.0.1:8000, which customers cannot open; set HUB_BASE_URL"
    hub.apply()
    assert said not in hub(*command).output
    monkeypatch.delenv("HUB_BASE_URL")
    assert said in hub(*command).output
    hub.apply(TOML.replace("enabled = true", "enabled = false"))
    assert said not in hub(*command).output


def test_doctor_notes_a_survey_that_is_on_and_cannot_ask_anybody(hub: Terminal) -> None:
    hub.apply("[surveys.idle]\nenabled = true\n[surveys.draft]\n")
    result = hub("doctor")
    assert result.exit_code == 0
    assert "note   surveys.idle: is on, but has no channel: its invitations wait.\n" in result.output
    assert "note   surveys.idle: is on, but listens to no source: nobody will be asked.\n" in result.output
    assert "draft" not in result.output


def test_a_token_of_which_nothing_else_is_said_may_read(hub: Terminal) -> None:
    hub.apply()
    assert hub("token", "add", "dashboard").stdout.startswith("hub_")
    assert re.match(r"dashboard +read  ", hub("token", "list").output)


def test_a_token_is_printed_once_listed_and_revoked(hub: Terminal) -> None:
    hub.apply()
    assert hub("token", "list").output == "There is no token.\n"
    secret = hub("token", "add", "crm", "--scope", "write", "--scope", "read").stdout.strip()
    assert secret.startswith("hub_")
    listed = hub("token", "list").output
    assert "crm" in listed
    assert "read, write" in listed
    assert "never used" in listed
    assert secret not in listed
    assert hub("token", "add", "crm").exit_code == 2
    assert hub("token", "add", "No Name").exit_code == 2
    assert hub("token", "revoke", "crm").output == "Revoked crm.\n"
    assert hub("token", "revoke", "crm").exit_code == 2


def test_suppressions_are_added_removed_and_erased_people_stay(hub: Terminal) -> None:
    hub.apply()
    assert hub("suppressions", "add", "Ada@acme.example", "--reason", "complained").output == "Suppressed.\n"
    assert hub("suppressions", "add", "ada@acme.example").output == "It is suppressed already: complained.\n"
    assert hub("suppressions", "remove", "ada@acme.example").output == "It may be mailed again.\n"
    assert hub("suppressions", "remove", "ada@acme.example").exit_code == 2
    assert hub("suppressions", "add", "nobody").output.startswith("email: 'nobody' is no address")
    decided(hub, userId="ada", traits={"email": "ada@acme.example"})
    hub("erase", "ada", "--yes")
    assert "erased" in hub("suppressions", "remove", "ada@acme.example").output


def test_suppressions_are_imported_and_exported(hub: Terminal) -> None:
    hub.apply()
    (hub.directory / "bounces.csv").write_text("email\na@acme.example\nnobody\n")
    result = hub("suppressions", "import", "bounces.csv", "--reason", "hard_bounced")
    assert result.exit_code == 1
    assert "line 3: email: 'nobody' is no address" in result.output
    assert "Suppressed 1; 0 were suppressed before; 1 lines were not taken." in result.output
    for name, options in (("again.csv", []), ("again.json", ["--json"])):
        (hub.directory / name).write_text(hub("suppressions", "export", *options).output)
        again = hub("suppressions", "import", name)
        assert again.output == "Suppressed 0; 1 were suppressed before; 0 lines were not taken.\n"
    assert hub("suppressions", "import", "nowhere.csv").exit_code == 2
    (hub.directory / "other.csv").write_text("address\n")
    assert "among them email" in hub("suppressions", "import", "other.csv").output


# Settings


def test_all_wrong_settings_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(
            {
                "HUB_SECRET_KEY": "short",
                "HUB_METRICS_TOKEN": "short",
                "HUB_BASE_URL": "hub.acme.example",
                "HUB_DATABASE_URL": "mysql://x",
                "HUB_REDIS_URL": "http://x",
                "HUB_DATA_DIR_FILE": str(tmp_path / "nowhere"),
            }
        )
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        "HUB_DATA_DIR_FILE",
        "HUB_SECRET_KEY",
        "HUB_METRICS_TOKEN",
        "HUB_BASE_URL",
        "HUB_DATABASE_URL",
        "HUB_REDIS_URL",
    ]


@pytest.mark.parametrize("behind", ["/hub", "/hub/", "?from=mail", "#top", "?"])
def test_an_address_below_another_one_is_refused(behind: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings({"HUB_BASE_URL": f"https://acme.example{behind}"})
    [problem] = caught.value.problems
    assert problem.startswith("HUB_BASE_URL: the hub needs a host name of its own, without")


def test_an_address_may_end_in_a_slash() -> None:
    assert load_settings({"HUB_BASE_URL": "https://acme.example:8443/"}).base_url == "https://acme.example:8443"


def test_a_setting_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k" * 40 + "\n")
    settings = load_settings({"HUB_SECRET_KEY_FILE": str(tmp_path / "key")})
    assert settings.secret_keys == ("k" * 40,)


def test_the_socket_moves_where_its_path_is_short_enough(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    assert len(str(Settings(data_dir=deep).redis_socket)) < 100
    assert Settings(data_dir=Path("/srv/hub")).redis_socket == Path("/srv/hub/redis.sock")


def test_another_key_is_refused_at_the_start(hub: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.apply()
    monkeypatch.setenv("HUB_SECRET_KEY", "another key of thirty-two characters")
    result = hub("doctor")
    assert result.exit_code == 2
    assert result.output.startswith("HUB_SECRET_KEY: this database was used with another key")


def test_channels_are_shown_and_resumed(hub: Terminal) -> None:
    hub.apply()
    assert "relay (smtp): works.\n  sends for onboarding (first)" in hub("channels").output
    with opened_hub() as opened:
        relay = opened.registry.current().named(Role.CHANNEL, "relay")
        assert relay is not None
        opened.store.transact(
            lambda connection: pauses.pause(
                connection, relay.id, why="The login was refused.", after_s=None, now=opened.now()
            )
        )
    assert "relay (smtp): PAUSED until " in hub("channels").output
    assert json.loads(hub("channels", "--json").output)[0]["state"] == "paused"
    assert "relay is tried again." in hub("channels", "resume", "relay").output
    assert "relay was not paused." in hub("channels", "resume", "relay").output
    refused = hub("channels", "resume", "nobody")
    assert (refused.exit_code, "there are: relay" in refused.output) == (2, True)


def test_events_that_were_rejected_are_shown_with_what_was_wrong(hub: Terminal) -> None:
    hub.apply()
    assert "No event has come yet." in hub("events").output
    decided(hub, userId="ada", traits={"email": "ada@acme.example"})
    decided(hub, messageId="m2", traits={"email": "ada@acme.example"})
    assert "onboarding: Will be asked.  [scheduled]" in hub("events").output
    rejected = hub("events", "--rejected").output
    assert "[no_identity]" in rejected
    assert "neither a userId nor an anonymousId" in rejected
    assert "scheduled" not in rejected
