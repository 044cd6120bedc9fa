"""Changing what customers see of a survey: one language at a time, or back to an earlier version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.admin.configuration import texts
from hub.admin.configuration.edits import carry_out
from hub.admin.configuration.planning import Plan
from hub.admin.configuration.surveys import survey_of
from hub.admin.names import survey_named
from hub.admin.trouble import Conflict, NotThere
from hub.domain.logos import setting_of
from hub.domain.texts import texts_of
from hub.pipeline.hub import Hub
from hub.store import texts as stored

LOOK = ("language", "brand", "brand_colour", "logo", "ratings")
"""The settings of what customers see, but for the texts."""


@dataclass(frozen=True, kw_only=True)
class Edit:
    """What somebody wrote: all texts of one language, as they stand in `[surveys.NAME.texts.LANGUAGE]`.

    `look` are settings of `LOOK`; one that is left out stays as it is.
    """

    language: str
    texts: Mapping[str, Any]
    look: Mapping[str, Any] = field(default_factory=dict)


def edited(hub: Hub, survey: str, edit: Edit) -> dict[str, Any]:
    """Return all settings of a survey with an edit in them, unchecked. Raises NotThere."""
    return _with_edit(survey_of(hub, survey).settings, edit)


def save(hub: Hub, survey: str, edit: Edit, *, since: int | None = None) -> Plan:
    """Save an edit; all other settings and languages stay as they are.

    `since` is the version that was edited. Raises Conflict when the same was changed since then or in this very moment,
    ConfigError with the path of every problem, and NotThere.
    """
    revision = hub.registry.current().revision
    settings = survey_of(hub, survey).settings
    if since is not None and _touched(_content(settings), edit) != _touched(_then(hub, survey, since), edit):
        raise Conflict("These texts were changed meanwhile")
    return carry_out(hub, {"surveys": {survey: _with_edit(settings, edit)}}, revision=revision)


def use_again(hub: Hub, survey: str, number: int, *, since: int | None) -> Plan:
    """Have customers see an earlier version from now on, as a new one.

    `since` is the version in whose place it is put. Raises Conflict when that is no longer in use, ConfigError when the
    earlier one would not be taken today, and NotThere.
    """
    revision = hub.registry.current().revision
    if since != survey_named(hub.registry.current(), survey).texts_version:
        raise Conflict("These texts were changed meanwhile")
    settings = survey_of(hub, survey).settings
    wanted = {**settings, **settings_of(hub, survey, number)}
    return carry_out(hub, {"surveys": {survey: wanted}}, revision=revision)


def settings_of(hub: Hub, survey: str, number: int) -> dict[str, Any]:
    """Return the settings that make customers see a version. Raises NotThere."""
    content = dict(texts.version(hub, survey, number).content)
    if content["logo"]:
        with hub.store.read() as connection:
            content["logo"] = setting_of(stored.logo(connection, content["logo"]).image)
    return content


def _with_edit(settings: Mapping[str, Any], edit: Edit) -> dict[str, Any]:
    return {**settings, **edit.look, "texts": {**settings["texts"], edit.language: edit.texts}}


def _then(hub: Hub, survey: str, since: int) -> Mapping[str, Any]:
    try:
        return texts.version(hub, survey, since).content
    except NotThere:
        return {}


def _content(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    return texts_of(settings).content


def _touched(content: Mapping[str, Any], edit: Edit) -> dict[str, Any]:
    """Return what of a version's content an edit would write over."""
    look = {name: content.get(name) for name in edit.look}
    return {**look, "texts": content.get("texts", {}).get(edit.language)}
