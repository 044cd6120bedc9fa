"""What customers see of a survey: earlier versions of it, and how it looks as it is being edited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from hub.admin.configuration.drafts import Draft, draft_of
from hub.admin.names import survey_named
from hub.admin.people.people import person_of
from hub.admin.trouble import NotThere
from hub.domain.texts import texts_of
from hub.domain.traits import Profile, Trait, display_name, value_of
from hub.mail.message import InvitationMail, render
from hub.mail.own_texts import SHIPPED, language_for
from hub.pipeline.deliver import brand_name
from hub.pipeline.hub import Hub
from hub.pipeline.links import logo_url, survey_url, unsubscribe_url
from hub.pipeline.respond import OpenSurvey, seen_by
from hub.plugin import Message, SurveyChannel
from hub.store import texts as stored
from hub.store.configuration import Role
from hub.store.types import new_id

SAMPLE: Mapping[str, Any] = {"name": "Ada Lovelace", "plan": "pro"}
"""The traits of the customer of previews, where nobody else is named."""
_ADDRESS = "ada@example.com"
_MOST_VERSIONS = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class Version:
    """What customers saw of a survey from `saved_at` on; `number` counts from 1.

    `saved_by` is as in the audit log, None of what was there before versions were kept.
    `content` has `language`, `brand`, `brand_colour`, `logo` (its name below `/s/logo/`), `ratings` and `texts`.
    """

    number: int
    saved_at: datetime
    saved_by: str | None
    content: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Preview:
    """A survey as somebody would see it: the mail, and what the page shows. `language` is the one they get."""

    language: str
    subject: str
    html: str
    text: str
    page: OpenSurvey


def versions(hub: Hub, survey: str) -> Sequence[Version]:
    """Return all versions of what customers see of a survey, the newest first. Raises NotThere."""
    survey_id = survey_named(hub.registry.current(), survey).id
    with hub.store.read() as connection:
        return [_version(row) for row in stored.versions(connection, survey_id)]


def version(hub: Hub, survey: str, number: int) -> Version:
    """Return one version of what customers see of a survey. Raises NotThere."""
    survey_id = survey_named(hub.registry.current(), survey).id
    with hub.store.read() as connection:
        row = stored.version(connection, survey_id, number) if number <= _MOST_VERSIONS else None
    if row is None:
        raise NotThere(f"The survey {survey!r} has no version {number} of its texts")
    return _version(row)


def preview(
    hub: Hub,
    survey: str,
    raw: Mapping[str, Any],
    *,
    language: str | None = None,
    person: str | None = None,
    sample: Mapping[str, Any] = SAMPLE,
) -> Preview:
    """Return a survey with the settings in `raw`, stored or not, as a person (by id) or a sample would see it.

    A sample is a customer's traits. `language` None is the one that they would get. Raises ConfigError with the path of
    every problem, as in `surveys.onboarding.texts.de.subject: ...`, and NotThere for an unknown person.
    """
    draft = draft_of(hub, survey, raw)
    profile, locale = _somebody(hub, person, sample)
    seen = _seen(hub, draft, language, profile, locale)
    image = str(draft.settings.get("logo") or "")
    mail = _mail(hub, draft, seen, profile, to=_ADDRESS, logo=image)
    return Preview(
        language=seen.language,
        subject=mail.subject,
        html=mail.html,
        text=mail.text,
        page=replace(seen, logo=image),
    )


def trial_mail(
    hub: Hub,
    survey: str,
    raw: Mapping[str, Any],
    *,
    to: str,
    channel: SurveyChannel,
    language: str | None = None,
    sample: Mapping[str, Any] = SAMPLE,
) -> Message:
    """Return the mail of a survey with the settings in `raw` for a sample customer at a checked address.

    Its links lead to no survey; a logo that is not stored yet is not in it. Raises ConfigError.
    """
    draft = draft_of(hub, survey, raw)
    profile, locale = _somebody(hub, None, sample)
    seen = _seen(hub, draft, language, profile, locale, channel=channel)
    return _mail(hub, draft, seen, profile, to=to, logo=logo_url(hub.settings.base_url, seen.logo))


def _version(row: Any) -> Version:
    return Version(number=row.number, saved_at=row.saved_at, saved_by=row.saved_by, content=row.content)


def _somebody(hub: Hub, person_id: str | None, sample: Mapping[str, Any]) -> tuple[Profile, str | None]:
    if person_id is None:
        return {name: Trait(value, hub.now(), "") for name, value in sample.items()}, None
    with hub.store.read() as connection:
        person = person_of(connection, person_id)
    return person.profile, person.locale


def _seen(
    hub: Hub,
    draft: Draft,
    language: str | None,
    profile: Profile,
    locale: str | None,
    *,
    channel: SurveyChannel | None = None,
) -> OpenSurvey:
    texts = texts_of(draft.settings)
    chosen = language_for(texts, profile, locale) if language is None else texts.language_for(language, SHIPPED)
    brand = texts.brand or brand_name(hub, channel or _channel(hub, draft))
    return seen_by(texts, chosen, brand=brand, profile=profile)


def _channel(hub: Hub, draft: Draft) -> SurveyChannel | None:
    configuration = hub.registry.current()
    return next((configuration.channel(id) for id in draft.connections[Role.CHANNEL]), None)


def _mail(hub: Hub, draft: Draft, seen: OpenSurvey, profile: Profile, *, to: str, logo: str) -> Message:
    base_url = hub.settings.base_url
    return render(
        InvitationMail(
            id=f"test-{new_id()}",
            to=to,
            name=display_name(profile),
            survey_url=survey_url(base_url, hub.keys.trial_token),
            unsubscribe_url=unsubscribe_url(base_url, hub.keys.trial_token),
            brand=seen.brand,
            language=seen.language,
            message_id_domain=f"{hub.registry.current().hub_id}.survey-hub",
            sent_at=hub.now(),
            colour=seen.brand_colour or None,
            logo_url=logo or None,
            texts=texts_of(draft.settings),
            trait=partial(value_of, profile),
        )
    )
