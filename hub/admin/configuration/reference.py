"""docs/configuration.md, written from the schemas and variables that the hub itself goes by."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any

from marshmallow import Schema, fields, missing, validate

from hub.admin.configuration.schemas import OPTIONS, SurveySchema
from hub.config import VARIABLES
from hub.plugin import EventSource, Provider, Secret
from hub.plugins import Plugins
from hub.store.configuration import Role

_HEAD = """\
# Configuration

This page is generated from the code by `python3 run.py docs`.

The hub's own settings are environment variables. Connections and surveys are kept in the database; you write them in a
TOML file and `hub apply` makes the database what the file says: it checks all of it, shows what would change, and
refuses with all problems at once. What the file no longer names is taken out of use. `hub export` writes the file back.

- [Environment](#environment)
- [Connections](#connections): [sources](#sources), [channels](#channels), [targets](#targets),
  [listeners](#listeners)
- [Surveys](#surveys)

## Environment

Each variable may also be given as the name with `_FILE` added, naming a file that holds the value.

| variable | meaning |
|---|---|
"""

_CONNECTIONS = """
## Connections

A connection is a table `[sources.NAME]`, `[channels.NAME]`, `[targets.NAME]` or `[listeners.NAME]`; surveys refer to
the first three by that name, and a listener may name surveys. Names have lower-case letters, digits, `-` and `_`, 63
characters at most. `kind` says which plugin serves it; every other setting is the kind's own or one of the hub's
options for its role. Unknown settings are refused. `hub plugins` lists the kinds that are installed.

```toml
[sources.shop]
kind = "segment"

[channels.mail]
kind = "smtp"
host = "smtp.provider.example"
username = "acme"
password = "$SMTP_PASSWORD"
from = "Acme <hello@acme.example>"

[surveys.onboarding]
sources = ["shop"]
channels = ["mail"]
enabled = true
```

A secret is stored encrypted and never shown. In the file it is one of:

- the secret itself;
- `"$NAME"`: the environment variable `NAME`, read whenever the connection is used and never stored;
- `"(kept)"`: what is stored already, as `hub export` writes it;
- left out, where the hub makes one: `hub apply` prints it, `hub export --reveal` shows it again.
"""

_TABLE = "| setting | type | default | meaning |\n|---|---|---|---|"

_TYPES: dict[type[fields.Field[Any]], str] = {
    fields.Boolean: "true or false",
    fields.Integer: "whole number",
    fields.Float: "number",
    fields.List: "list of names",
    fields.Dict: "table",
    fields.Url: "address",
    fields.String: "text",
}


def configuration_page(plugins: Plugins) -> str:
    """Return the reference of everything that can be configured, as markdown. Kinds come from `plugins`."""
    return "\n".join([_HEAD.rstrip("\n"), *_variables(), _CONNECTIONS, *_kinds(plugins), *_surveys(), ""])


def can_describe(one: fields.Field[Any]) -> bool:
    """Return whether there are words for the type of a setting."""
    return isinstance(one, (fields.Enum, *_TYPES)) or any(isinstance(rule, validate.OneOf) for rule in one.validators)


def _variables() -> Iterator[str]:
    for name, meaning in VARIABLES.items():
        yield f"| `{name}` | {_cell(meaning)} |"


def _kinds(plugins: Plugins) -> Iterator[str]:
    for role in Role:
        yield f"### {role.plural.capitalize()}\n"
        for kind, provider in sorted(plugins.kinds_of(role).items()):
            yield f"#### {role.value.capitalize()} kind `{kind}`\n"
            yield f"{_summary(provider)}\n"
            yield from _rows(provider.config_schema())
        options = OPTIONS[role]()
        if options.fields:
            yield f"#### Options of every {role.value}\n"
            yield from _rows(options)


def _summary(provider: type[Provider]) -> str:
    text = (provider.__doc__ or "").strip().splitlines()[0]
    if issubclass(provider, EventSource) and provider.paths:
        paths = ", ".join(f"`{path}`" for path in provider.paths)
        text += f" Takes {paths}, and `/sources/NAME`."
    return text


def _surveys() -> Iterator[str]:
    yield "## Surveys\n"
    yield "A survey is a table `[surveys.NAME]`. What its settings decide is told in [the survey rules](rules.md).\n"
    yield from _rows(SurveySchema())
    yield "`max_delay_days` below `min_delay_days` is refused unless it is 0."


def _rows(schema: Schema) -> Iterator[str]:
    yield _TABLE
    for name, one in schema.fields.items():
        meaning = _cell(str(one.metadata.get("help", "")))
        yield f"| `{one.data_key or name}` | {_type(one)} | {_default(one)} | {meaning} |"
    yield ""


def _type(one: fields.Field[Any]) -> str:
    if isinstance(one, Secret):
        return "secret"
    if isinstance(one, fields.Enum):
        return _choices([member.value for member in one.enum])
    if isinstance(one, fields.List) and any(isinstance(rule, validate.OneOf) for rule in one.inner.validators):
        return f"list of {_type(one.inner)}"
    for rule in one.validators:
        if isinstance(rule, validate.OneOf):
            return _choices(rule.choices)
    return next(words for kind, words in _TYPES.items() if isinstance(one, kind)) + _limits(one)


def _choices(values: Any) -> str:
    return ", ".join(f"`{value}`" for value in values)


def _limits(one: fields.Field[Any]) -> str:
    for rule in one.validators:
        if isinstance(rule, validate.Range):
            return _range(rule)
        if isinstance(rule, validate.Length) and rule.max is not None:
            return f", {rule.max}{'' if isinstance(one, fields.List) else ' characters'} at most"
    return ""


def _range(rule: validate.Range) -> str:
    if rule.min is not None and rule.max is not None:
        first = rule.min if rule.min_inclusive else f"more than {rule.min}"
        return f", {first} to {rule.max}"
    return f", {rule.min} or more" if rule.min is not None else f", {rule.max} at most"


def _default(one: fields.Field[Any]) -> str:
    if isinstance(one, Secret) and one.generate:
        return "made by the hub"
    if one.required:
        return "**required**"
    value = one.load_default
    value = value() if callable(value) else value
    if value in (missing, None, "", [], {}):
        return "none"
    if isinstance(value, list):
        return _choices(value)
    value = value.value if isinstance(value, Enum) else value
    return f"`{str(value).lower() if isinstance(value, bool) else _number(value)}`"


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
