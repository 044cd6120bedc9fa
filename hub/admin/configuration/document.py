"""A configuration document (what stands in hub.toml), checked whole: all problems at once, each with its path."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import RAISE, Schema, ValidationError
from marshmallow.fields import Field

from hub.admin.configuration.schemas import NAME, OPTIONS, SurveySchema
from hub.admin.words import hint
from hub.config import ConfigError
from hub.plugin import Provider, Secret
from hub.plugins import Plugins
from hub.store.configuration import OF_SURVEYS, Role
from hub.store.types import is_storable, storable

KEPT = "(kept)"
"""Stands for a secret in an exported document: leave it as it is."""
MAX_DEPTH = 100
_ROLES = {role.plural: role for role in Role}
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLAIN = {
    "Missing data for required field.": "is missing",
    "Field may not be null.": "is empty",
    "Not a valid string.": 'write text in quotes, as in "text"',
    "Not a valid integer.": "write a whole number, without quotes",
    "Not a valid number.": "write a number, without quotes",
    "Not a valid boolean.": "write true or false, without quotes",
    "Not a valid list.": 'write a list, as in ["one", "two"]',
}
"""What marshmallow says, in the words of this file's author."""


@dataclass(frozen=True, kw_only=True)
class WantedConnection:
    """A connection as the document has it: settings as written, secrets in the clear, as `$NAME` or `(kept)`."""

    role: Role
    name: str
    kind: str
    provider: type[Provider]
    config: Mapping[str, Any]
    options: Mapping[str, Any]

    @property
    def path(self) -> str:
        """As in `channels.relay`."""
        return f"{self.role.plural}.{self.name}"


@dataclass(frozen=True, kw_only=True)
class WantedSurvey:
    """A survey as the document has it; `connections` are names."""

    name: str
    enabled: bool
    settings: Mapping[str, Any]
    connections: Mapping[Role, list[str]]


@dataclass(kw_only=True)
class Document:
    """What an operator wants, and what is wrong with it."""

    connections: list[WantedConnection] = field(default_factory=list)
    surveys: list[WantedSurvey] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def parse(text: str) -> dict[str, Any]:
    """Return a TOML text as a dictionary. Raises ConfigError with the line of a mistake."""
    try:
        return tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, and what Python says of a number with thousands of digits
        raise ConfigError([f"This is no valid TOML: {error}"]) from None
    except RecursionError:
        raise ConfigError(["This TOML is nested too deeply"]) from None


def read(
    raw: Mapping[str, Any],
    plugins: Plugins,
    *,
    environ: Mapping[str, str],
    kept: Callable[[Role, str, str, str], str | None],
    there: Collection[tuple[Role, str]] = (),
    surveys: Collection[str] = (),
) -> Document:
    """Return the document. `kept(role, name, kind, field)` gives the secret that `(kept)` stands for.

    `there` are connections that a survey may name, and `surveys` those that a listener may, although the document does
    not describe them.
    """
    document = Document()
    for table, value in raw.items():
        if table not in _ROLES and table != "surveys":
            document.problems.append(f"{table}: unknown{hint(table, [*_ROLES, 'surveys'])}")
        elif not isinstance(value, dict) or not all(isinstance(entry, dict) for entry in value.values()):
            document.problems.append(f"{table}: write tables, as in [{table}.some_name]")
        else:
            for name, entry in value.items():
                _read_entry(document, table, name, entry, plugins, environ, kept)
    _check_references(document, there)
    _check_listeners(document, surveys)
    return document


def _read_entry(
    document: Document,
    table: str,
    name: str,
    entry: Mapping[str, Any],
    plugins: Plugins,
    environ: Mapping[str, str],
    kept: Callable[[Role, str, str, str], str | None],
) -> None:
    path = f"{table}.{name}"
    if not NAME.fullmatch(name):
        document.problems.append(f"{path}: a name has lower-case letters, digits, - and _, 63 characters at most")
    elif problems := list(_unkeepable(path, entry)):
        document.problems += problems
    elif table == "surveys":
        _read_survey(document, path, name, entry)
    else:
        _read_connection(document, path, name, _ROLES[table], entry, plugins, environ, kept)


def _unkeepable(path: str, value: Any, depth: int = 0) -> Iterator[str]:
    """Yield where a value holds what JSON can write and no database can keep (NUL, and halves of characters), or is
    nested deeper than Python can bear."""
    if depth > MAX_DEPTH:
        yield f"{path[:60]}...: is nested deeper than {MAX_DEPTH} levels"
    elif isinstance(value, str) and not is_storable(value):
        yield f"{path}: holds characters that are no text"
    elif isinstance(value, Mapping):
        for key, below in value.items():
            yield from _unkeepable(f"{path}.{storable(key)}", below, depth + 1)
            if not is_storable(key):
                yield f"{path}.{storable(key)}: has a name with characters that are no text"
    elif isinstance(value, list):
        for place, below in enumerate(value):
            yield from _unkeepable(f"{path}.{place}", below, depth + 1)


def _read_survey(document: Document, path: str, name: str, entry: Mapping[str, Any]) -> None:
    schema = SurveySchema(unknown=RAISE)
    try:
        values = schema.load(entry)
    except ValidationError as error:
        document.problems += problems_of(path, error.messages, schema)
        return
    connections = {role: values.pop(role.plural) for role in OF_SURVEYS}
    enabled = values.pop("enabled")
    document.surveys.append(WantedSurvey(name=name, enabled=enabled, settings=values, connections=connections))


def _read_connection(
    document: Document,
    path: str,
    name: str,
    role: Role,
    entry: Mapping[str, Any],
    plugins: Plugins,
    environ: Mapping[str, str],
    kept: Callable[[Role, str, str, str], str | None],
) -> None:
    kind = entry.get("kind")
    provider = plugins.kinds.get((role, kind)) if isinstance(kind, str) else None
    if provider is None or not isinstance(kind, str):
        said = "is missing" if kind is None else f"{kind!r} is offered by no installed plugin"
        document.problems.append(f"{path}.kind: {said}{hint(str(kind or ''), plugins.kinds_of(role))}")
        return
    schema = provider.config_schema(unknown=RAISE)
    options_schema = OPTIONS[role](unknown=RAISE)
    written = {key: value for key, value in entry.items() if key != "kind"}
    options = {key: written.pop(key) for key in list(written) if key in options_schema.fields}
    resolved, problems = _resolve_secrets(path, schema, written, environ, lambda key: kept(role, name, kind, key))
    problems += _validate(path, options, options_schema)
    problems += _validate(path, resolved, schema, options_schema) if not problems else []
    document.problems += problems
    if not problems:
        document.connections.append(
            WantedConnection(
                role=role,
                name=name,
                kind=kind,
                provider=provider,
                config=written,
                options=options_schema.load(options),
            )
        )


def _resolve_secrets(
    path: str,
    schema: Schema,
    written: Mapping[str, Any],
    environ: Mapping[str, str],
    kept: Callable[[str], str | None],
) -> tuple[dict[str, Any], list[str]]:
    """Return the settings with every secret in the clear, for the schema to look at."""
    resolved, problems = dict(written), []
    for key in secret_keys(schema):
        value = written.get(key)
        if value == KEPT:
            resolved[key] = kept(key)
            if resolved[key] is None:
                problems.append(f"{path}.{key}: {KEPT} stands for a stored secret, but there is none; write the secret")
        elif (variable := variable_of(value)) is not None:
            resolved[key] = environ.get(variable)
            if not _VARIABLE.fullmatch(variable):
                problems.append(f"{path}.{key}: begins with $ and so names a variable; write $NAME, without braces")
            elif not resolved[key]:
                problems.append(f"{path}.{key}: the environment variable {variable} is not set")
    return resolved, problems


def secret_keys(schema: Schema) -> list[str]:
    """Return the names under which a schema's secrets are written."""
    return [one.data_key or name for name, one in schema.fields.items() if isinstance(one, Secret)]


def variable_of(value: Any) -> str | None:
    """Return the name that `$NAME` refers to, None for anything else."""
    return value[1:] if isinstance(value, str) and len(value) > 1 and value.startswith("$") else None


def _validate(path: str, values: Mapping[str, Any], schema: Schema, *others: Schema) -> list[str]:
    try:
        schema.load(values)
    except ValidationError as error:
        return problems_of(path, error.messages, schema, *others)
    return []


def problems_of(path: str, messages: Any, *schemas: Schema) -> list[str]:
    """Return marshmallow's nested messages as lines, each with its path; `schemas` are what was allowed there."""
    known = {one.data_key or name: one for schema in schemas for name, one in schema.fields.items()}
    leaves = _leaves(path, messages)
    return [f"{where}: {_plain(where.rpartition('.')[2], message, known)}" for where, message in leaves]


def _leaves(path: str, messages: Any) -> Iterator[tuple[str, str]]:
    if isinstance(messages, dict):
        for key, value in messages.items():
            yield from _leaves(path if key == "_schema" else f"{path}.{key}", value)
    elif isinstance(messages, list):
        for message in messages:
            yield from _leaves(path, message)
    else:
        yield path, str(messages)


def _plain(name: str, message: str, known: Mapping[str, Field[Any]]) -> str:
    if message == "Unknown field." and known:
        return f"there is no such setting{hint(name, known)}"
    said = _PLAIN.get(message, message)
    meaning = known[name].metadata.get("help") if name in known else None
    return f"{said}. {meaning}" if said == "is missing" and meaning else said


def _check_references(document: Document, there: Collection[tuple[Role, str]]) -> None:
    if document.problems:
        return
    known = {*there, *((one.role, one.name) for one in document.connections)}
    names = {role: {name for known_role, name in known if known_role is role} for role in Role}
    for survey in document.surveys:
        for role, wanted in survey.connections.items():
            for name in wanted:
                if name not in names[role]:
                    others = ", ".join(sorted(names[role])) or "none"
                    document.problems.append(
                        f"surveys.{survey.name}.{role.plural}: there is no [{role.plural}.{name}]; there are: {others}"
                    )
            if len(set(wanted)) < len(wanted):
                document.problems.append(f"surveys.{survey.name}.{role.plural}: names one {role} twice")


def _check_listeners(document: Document, surveys: Collection[str]) -> None:
    if document.problems:
        return
    known = sorted({*surveys, *(survey.name for survey in document.surveys)})
    for listener in (one for one in document.connections if one.role is Role.LISTENER):
        for name in listener.options["surveys"]:
            if name not in known:
                others = ", ".join(known) or "none"
                document.problems.append(f"{listener.path}.surveys: there is no [surveys.{name}]; there are: {others}")
