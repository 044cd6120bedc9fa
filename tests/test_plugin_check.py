"""`hub plugins check`: what an author wants to know before a release."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from hub.admin.configuration.plugin_check import check
from hub.admin.configuration.schemas import OPTIONS
from hub.cli import main
from hub.plugins import find_plugins
from hub.store.configuration import Role

SHIPPED = [plugin.name for plugin in find_plugins().installed if plugin.distribution == "survey-hub"]
GOOD = '''
from marshmallow import Schema, fields
from hub.plugin import *

hub_api = (1, 1)

class Settings(Schema):
    token = Secret(generate=True, metadata={"help": "The token."})

class Good(EventSource):
    """Customers."""
    kind = "good"
    config_schema = Settings
    def receive(self, request): ...
    def read(self, stored): ...

class Mail(SurveyChannel):
    """Mails."""
    kind = "good"
    config_schema = Schema
    def send(self, message, point_of_no_return): ...

class Scores(SyncTarget):
    """Scores."""
    kind = "good"
    config_schema = Schema
    def push(self, updates): ...

class Ears(Listener):
    """Ears."""
    kind = "good"
    config_schema = Schema
    def hear(self, notice): ...

@hookimpl
def hub_event_sources(): return [Good]
@hookimpl
def hub_survey_channels(): return [Mail]
@hookimpl
def hub_sync_targets(): return [Scores]
@hookimpl
def hub_listeners(): return [Ears]
'''
HELP = 'metadata={"help": "."}'


def problems_of(folder: Path, text: str) -> list[str]:
    """Return what is found wrong with a one-file plugin."""
    (folder / "mine.py").write_text(text)
    plugins = find_plugins([], plugins_dir=folder)
    [plugin] = plugins.installed
    return [problem for verdict in check(plugin, plugins) for problem in verdict.problems]


def test_good_plugin_has_no_problems(tmp_path):
    assert problems_of(tmp_path, GOOD) == []


@pytest.mark.parametrize(
    ("good", "bad", "words"),
    [
        ("hub_api = (1, 1)", "", ["hub_api = (1, 1)"]),
        ("@hookimpl\ndef hub_sync", "def hub_sync", ["hub_sync_targets is not marked with @hookimpl"]),
        ("return [Good]", "return 1 / 0", ["hub_event_sources() failed"]),
        ('kind = "good"', 'kind = "Good-one"', ["kind is 'Good-one'", "lower-case"]),
        ('    """Customers."""', "", ["Good has no docstring"]),
        ("config_schema = Settings", "config_schema = dict", ["config_schema is <class 'dict'>"]),
        (', metadata={"help": "The token."}', "", ["setting token is not explained"]),
        ("token = Secret(generate", "namespace = Secret(generate", ["setting namespace is the hub's own"]),
        ("Secret(generate=True, ", "fields.Raw(", ["setting token is a Raw"]),
        ("Secret(generate=True, ", "fields.String(", ["setting token sounds like a secret"]),
        ("Secret(generate=True", "Secret(generate=True, required=True", ["secret token is made by the hub"]),
        ("Secret(generate=True", "Secret(generate=True, make=lambda: 7", ["token refuses what it makes itself"]),
        ("Secret(generate=True", "Secret(generate=True, make=lambda: 1 / 0", ["or cannot make it: division by zero"]),
        ("Secret(generate=True", "Secret(lookup=True", ["secret token has lookup=True but may be left out"]),
        ("Secret(generate=True", 'Secret(load_default="abc"', ["secret token has a default"]),
        ("def receive(self, request)", "def receive(self)", ["receive(self) does not take", "receive(self, request)"]),
        ("def receive(self, request)", "def receive(self, asked)", ["receive(self, asked) does not take"]),
        ("def receive(self, request)", "def receive(self, request, more)", ["receive(self, request, more) does not"]),
        ("def receive(self", "async def receive(self", ["receive is asynchronous"]),
        ("def push", "def erase(self): ...\n    def push", ["erase(self) does not take", "erase(self, person)"]),
        ("def push", "def __init__(self, config): ...\n    def push", ["__init__(self, config) does not take"]),
        ("def push", "def trait_names(self): ...\n    def push", ["trait_names is a property"]),
        ("def read", "def key(self, request): ...\n    def read", ["key is class method"]),
        ("def push", "limits = 7\n    def push", ["limits is 7"]),
        ("def send", "concurrency = 0\n    def send", ["concurrency is 0"]),
        ("def read", 'paths = ("/*x",)\n    def read', ["'/*x' in paths is no root path"]),
        ("def read", 'paths = ("/x/*",)\n    def read', ["no class method key", "no Secret(lookup=True)"]),
        ("def read", 'paths = ("/s/x",)\n    def read', ["belongs to the hub"]),
        ("def read", "paths = 7\n    def read", ["Good.paths is 7"]),
        (
            "class Settings(Schema):",
            "class Settings(Schema):\n    def __init__(self): 1 / 0",
            ["at: ZeroDivisionError"],
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path, good, bad, words):
    assert good in GOOD
    found = "\n".join(problems_of(tmp_path, GOOD.replace(good, bad, 1)))
    assert [word for word in words if word not in found] == []


def test_secret_of_what_is_no_source_cannot_be_looked_up(tmp_path):
    settings = GOOD.replace("config_schema = Schema", "config_schema = Settings").replace(
        "generate=True", "generate=True, lookup=True"
    )
    assert problems_of(tmp_path, settings) == ["the secret token has lookup=True, which only sources are found by"] * 3


@pytest.mark.parametrize(
    "name",
    [
        *("password", "passphrase", "pwd", "smtp_pwd", "client_secret", "access_token", "bearer", "auth", "basic_auth"),
        *("credential", "credentials", "api_key", "apikey", "private_key", "signing_key"),
    ],
)
def test_name_that_sounds_like_a_secret_is_named(tmp_path, name):
    plain = GOOD.replace("token = Secret(generate=True, ", f"{name} = fields.String(")
    [problem] = problems_of(tmp_path, plain)
    assert problem.startswith(f"the setting {name} sounds like a secret")


@pytest.mark.parametrize("name", ["author", "public_key", "tokens_a_day", "authority", "key"])
def test_other_names_do_not_sound_like_secrets(tmp_path, name):
    assert problems_of(tmp_path, GOOD.replace("token = Secret(generate=True, ", f"{name} = fields.String(")) == []


OWN_NAMES = [
    *((role, "kind") for role in ("source", "channel", "target", "listener")),
    *(("source", "namespace"), ("channel", "rate"), ("target", "namespace")),
    *(("target", name) for name in ("sync", "settle_minutes", "sync_at", "sync_timezone")),
    *(("listener", "events"), ("listener", "surveys"), ("listener", "namespace")),
]


BASES = {
    "source": "Good(EventSource)",
    "channel": "Mail(SurveyChannel)",
    "target": "Scores(SyncTarget)",
    "listener": "Ears(Listener)",
}


@pytest.mark.parametrize(("role", "name"), OWN_NAMES)
def test_setting_that_is_the_hubs_own_is_named(tmp_path, role, name):
    settings = f"class Own(Schema):\n    {name} = fields.String({HELP})\n"
    base = BASES[role]
    before, after = GOOD.split(f"class {base}", 1)
    after = re.sub(r"config_schema = \w+", "config_schema = Own", after, count=1)
    expected = f"the setting {name} is the hub's own; call it something else"
    assert problems_of(tmp_path, f"{before}{settings}class {base}{after}") == [expected]


def test_no_other_setting_is_the_hubs_own():
    assert {*OWN_NAMES} == {(role, name) for role in Role for name in ("kind", *OPTIONS[role]().fields)}


@pytest.mark.parametrize(
    ("good", "better"),
    [
        ("def receive(self, request)", "def receive(self, request, further=None)"),
        ("def receive(self, request)", "def receive(self, *given, **named)"),
        ("def push", "trait_names = frozenset({'score'})\n    def push"),
        ("def read", "@classmethod\n    def trouble(cls, status, message, retry_after_s=None): ...\n    def read"),
    ],
)
def test_methods_may_take_more_than_the_hub_gives(tmp_path, good, better):
    assert problems_of(tmp_path, GOOD.replace(good, better, 1)) == []


def test_default_of_the_hub_must_be_kept(tmp_path):
    trouble = "@classmethod\n    def trouble(cls, status, message, retry_after_s): ...\n    def read"
    [problem] = problems_of(tmp_path, GOOD.replace("def read", trouble, 1))
    assert problem.startswith("trouble(cls, status, message, retry_after_s) does not take")


def test_plugin_that_offers_nothing_is_told_so(tmp_path):
    assert problems_of(tmp_path, "hub_api = (1, 1)") == ["offers nothing; does a hook of it return a class?"]


def test_plugin_that_cannot_be_loaded_is_told_that_alone(tmp_path):
    assert problems_of(tmp_path, "raise RuntimeError('no')") == ["cannot be loaded: RuntimeError: no"]


# The command


@pytest.mark.parametrize("name", SHIPPED)
def test_plugins_that_come_with_the_hub_pass(name):
    result = CliRunner().invoke(main, ["plugins", "check", name])
    assert result.exit_code == 0, result.output
    assert {line.split()[0] for line in result.output.splitlines()} == {"ok"}


def test_problems_are_listed_and_end_with_1(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(GOOD.replace("hub_api = (1, 1)", ""))
    monkeypatch.setenv("HUB_PLUGINS_DIR", str(tmp_path))
    result = CliRunner().invoke(main, ["plugins", "check", "mine"])
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert lines[0] == "ok      mine loads, and its hooks are the hub's"
    assert lines[1].startswith("PROBLEM mine: says nothing of the versions of hub.plugin it works with")
    assert CliRunner().invoke(main, ["plugins", "check"]).exit_code == 1


def test_unknown_name_is_answered_with_those_there_are():
    result = CliRunner().invoke(main, ["plugins", "check", "nope"])
    assert result.exit_code == 2
    assert result.output == f"There is no plugin 'nope'; there are: {', '.join(SHIPPED)}\n"
