"""What the author of a plugin wants to know before a release: whether it is as the hub expects, without running it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema, fields, missing

from hub.admin.configuration.reference import can_describe
from hub.admin.configuration.schemas import OPTIONS
from hub.plugin import HUB_API, EventSource, Limits, Provider, Secret, SurveyChannel, SyncTarget
from hub.plugins import BASES, Plugin, Plugins
from hub.store.configuration import Role

_PATH = re.compile(r"(/[^/*?#\s]+)+(/\*)?")
_SOUNDS_SECRET = re.compile(
    r"(.*_)?(password|passphrase|pwd|secret|token|bearer|auth|credentials?|(api|private|signing)_?key)"
)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One check: what was looked at, and what is wrong with it."""

    subject: str
    what: str
    problems: tuple[str, ...] = ()


def check(plugin: Plugin, plugins: Plugins) -> Iterator[Verdict]:
    """Yield what was checked of a plugin and of each kind it offers."""
    yield Verdict(subject=plugin.name, what="loads, and its hooks are the hub's", problems=tuple(plugin.problems))
    yield Verdict(subject=plugin.name, what="declares hub_api", problems=tuple(_undeclared(plugin)))
    for role, kind in plugin.offers:
        for what, find in CHECKS_OF[role].items():
            problems = tuple(_isolated(find, role, plugins.kinds[role, kind]))
            yield Verdict(subject=f"{plugin.name}: {role} {kind!r}", what=what, problems=problems)


def _undeclared(plugin: Plugin) -> Iterator[str]:
    if plugin.api is None and (plugin.offers or not plugin.problems):
        yield f"says nothing of the versions of hub.plugin it works with; write hub_api = ({HUB_API}, {HUB_API})"


def _isolated(find: Callable[[Role, Any], Iterator[str]], role: Role, provider: type[Provider]) -> Iterator[str]:
    try:
        yield from find(role, provider)
    except Exception as error:  # noqa: BLE001  what a plugin has in place of a value may raise anything
        yield f"could not be looked at: {type(error).__name__}: {error}"


def _docstring(role: Role, provider: type[Provider]) -> Iterator[str]:
    if not (provider.__doc__ or "").strip():
        yield f"{provider.__name__} has no docstring; its first line is what people read about the kind"


def _concurrency(role: Role, provider: type[SurveyChannel]) -> Iterator[str]:
    if not (type(provider.concurrency) is int and provider.concurrency >= 1):
        yield f"concurrency is {provider.concurrency!r}; write a whole number, 1 or more"


def _limits(role: Role, provider: type[SyncTarget]) -> Iterator[str]:
    if not (isinstance(provider.limits, Limits) and provider.limits.count >= 1):
        yield f"limits is {provider.limits!r}; write Limits(count=...), 1 or more"


# Methods


def _methods(role: Role, provider: type[Provider]) -> Iterator[str]:
    for owner in (Provider, BASES[role]):
        for name, original in vars(owner).items():
            if _is_for_plugins(name, original):
                own = inspect.getattr_static(provider, name)
                yield from _difference(name, own, original) if own is not original else ()


def _is_for_plugins(name: str, attribute: object) -> bool:
    return (name == "__init__" or not name.startswith("_")) and (
        inspect.isfunction(attribute) or isinstance(attribute, classmethod | property)
    )


def _difference(name: str, own: Any, original: Any) -> Iterator[str]:
    if isinstance(original, property):
        if callable(own):
            yield f"{name} is a property; mark it with @property"
        return
    if isinstance(own, classmethod) != isinstance(original, classmethod):
        yield f"{name} is {'' if isinstance(original, classmethod) else 'no '}class method of the hub's base class"
        return
    given = own.__func__ if isinstance(own, classmethod) else own
    expected = original.__func__ if isinstance(original, classmethod) else original
    if inspect.iscoroutinefunction(given):
        yield f"{name} is asynchronous; the hub calls it from threads, without an event loop"
    if not _takes_the_same(inspect.signature(given), inspect.signature(expected)):
        yield f"{name}{_bare(given)} does not take what the hub gives: {name}{_bare(expected)}"


def _takes_the_same(own: inspect.Signature, expected: inspect.Signature) -> bool:
    """Tell whether the same arguments fit, by position and by name; the first is the instance or the class."""
    given, wanted = list(own.parameters.values())[1:], list(expected.parameters.values())[1:]
    if any(one.kind is one.VAR_POSITIONAL for one in given):
        return True
    shared, further = given[: len(wanted)], given[len(wanted) :]
    return (
        [one.name for one in shared] == [one.name for one in wanted]
        and all(_may_be_left_out(ours) for ours, base in zip(shared, wanted, strict=True) if _may_be_left_out(base))
        and all(_may_be_left_out(one) for one in further)
    )


def _may_be_left_out(parameter: inspect.Parameter) -> bool:
    return parameter.default is not parameter.empty or parameter.kind is parameter.VAR_KEYWORD


def _bare(function: Callable[..., Any]) -> inspect.Signature:
    signature = inspect.signature(function)
    bare = [one.replace(annotation=one.empty) for one in signature.parameters.values()]
    return signature.replace(parameters=bare, return_annotation=signature.empty)


# Settings


def _settings(role: Role, provider: Any) -> Iterator[str]:
    if not (isinstance(provider.config_schema, type) and issubclass(provider.config_schema, Schema)):
        yield f"config_schema is {provider.config_schema!r}; write a subclass of marshmallow.Schema"
        return
    reserved = {"kind", *OPTIONS[role]().fields}
    for name, one in _fields(provider).items():
        if not one.metadata.get("help"):
            yield f'the setting {name} is not explained; add metadata={{"help": "..."}}'
        if not can_describe(one):
            yield f"the setting {name} is a {type(one).__name__}, which hub.toml and the console have no words for"
        if name in reserved:
            yield f"the setting {name} is the hub's own; call it something else"


def _secrets(role: Role, provider: type[Provider]) -> Iterator[str]:
    for name, one in _fields(provider).items():
        if isinstance(one, Secret):
            yield from (f"the secret {name} {why}" for why in _secret(role, one))
        elif isinstance(one, fields.String) and _SOUNDS_SECRET.fullmatch(name):
            yield f"the setting {name} sounds like a secret, but is stored and shown as it is; use hub.plugin.Secret"


def _secret(role: Role, secret: Secret) -> Iterator[str]:
    if secret.lookup and role is not Role.SOURCE:
        yield "has lookup=True, which only sources are found by"
    if secret.lookup and not (secret.generate or secret.required):
        yield "has lookup=True but may be left out; add generate=True or required=True"
    if secret.generate and secret.required:
        yield "is made by the hub when left out, and required at once; drop generate=True or required=True"
    if secret.generate:
        yield from _making(secret)
    if secret.load_default not in (missing, None, ""):
        yield "has a default, which everybody can read in the source"


def _making(secret: Secret) -> Iterator[str]:
    try:
        secret.deserialize(secret.make())
    except Exception as error:  # noqa: BLE001  a plugin's code may raise anything
        yield f"refuses what it makes itself, or cannot make it: {error}"


def _fields(provider: type[Provider]) -> Mapping[str, fields.Field[Any]]:
    return {one.data_key or name: one for name, one in provider.config_schema().fields.items()}


# Paths


def _paths(role: Role, provider: type[EventSource]) -> Iterator[str]:
    if not provider.paths:
        return
    for path in provider.paths:
        if not _PATH.fullmatch(path):
            yield f"{path!r} in paths is no root path; write it as in /shop/orders or /shop/*"
    if provider.key.__func__ is EventSource.key.__func__:  # type: ignore[attr-defined]
        yield "claims paths, but has no class method key that finds the credential in a request on them"
    if not any(isinstance(one, Secret) and one.lookup for one in _fields(provider).values()):
        yield "claims paths, but has no Secret(lookup=True) by which the hub finds the connection"


CHECKS: Mapping[str, Callable[[Role, Any], Iterator[str]]] = {
    "says in a docstring what it is": _docstring,
    "takes what the hub gives its methods": _methods,
    "explains its settings": _settings,
    "keeps its secrets": _secrets,
}
CHECKS_OF: Mapping[Role, Mapping[str, Callable[[Role, Any], Iterator[str]]]] = {
    Role.SOURCE: {**CHECKS, "can be found on its paths": _paths},
    Role.CHANNEL: {**CHECKS, "has a concurrency": _concurrency},
    Role.TARGET: {**CHECKS, "has limits": _limits},
    Role.LISTENER: CHECKS,
}
