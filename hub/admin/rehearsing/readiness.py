"""Before a survey is switched on: whether its events, mails and connections are as it needs them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, select

from hub.admin import audit
from hub.admin.configuration.connections import Health, troubles_of
from hub.admin.configuration.drafts import Draft, draft_of
from hub.admin.health import unreachable_links
from hub.admin.operations.restore import held
from hub.admin.paging import Slice
from hub.admin.refused_keys import refused_keys
from hub.admin.rehearsing.event_findings import event_findings, lasting
from hub.admin.rehearsing.finding import Finding, State
from hub.admin.rehearsing.recorded import RecordedEvent, recorded
from hub.admin.rehearsing.rehearsal import MOST_EVENTS, WINDOW, Rehearsal, rehearse_on
from hub.admin.words import counted
from hub.domain.states import State as InvitationState
from hub.pipeline.hub import Hub
from hub.store.configuration import OF_SURVEYS, Role
from hub.store.tables import invitation


@dataclass(frozen=True, kw_only=True)
class Preflight:
    """All findings, and the rehearsal that the expected mails come from."""

    findings: Sequence[Finding]
    rehearsal: Rehearsal

    @property
    def is_ready(self) -> bool:
        """Whether nothing is missing that the survey cannot do without."""
        return all(finding.state is not State.MISSING for finding in self.findings)


def preflight(hub: Hub, survey_name: str, raw_settings: Mapping[str, Any] | None = None) -> Preflight:
    """Return how ready a survey is, as stored or with the settings in `raw_settings` instead of its own.

    Looked at are the newest events of its sources of the last 30 days. Raises ConfigError as `rehearse` does.
    """
    draft = draft_of(hub, survey_name, raw_settings or {})
    configuration, now = hub.registry.current(), hub.now()
    with hub.store.read() as connection:
        sources = draft.connections[Role.SOURCE]
        found = recorded(connection, configuration, sources, since=now - WINDOW, limit=MOST_EVENTS)
        rehearsal = rehearse_on(connection, draft, found, now)
        findings = [
            *_connections(hub, connection, draft, found.events),
            *_keys(hub),
            *_sending(hub),
            *event_findings(connection, draft, found.events),
            *_expected(rehearsal),
        ]
    return Preflight(findings=findings, rehearsal=rehearsal)


# What it is connected to

_NEWEST = 100
"""Of the mails of a survey, to see by what channels they go out."""
_WITHOUT = {
    Role.SOURCE: (State.MISSING, "The survey listens to no source, so it hears of nobody.", "Choose a source."),
    Role.CHANNEL: (State.MISSING, "The survey has no channel: its mails would wait.", "Choose a channel."),
    Role.TARGET: (
        State.ATTENTION,
        "The survey has no target: answers stay in the hub.",
        "Choose a target if answers should flow back to where your customers' records live.",
    ),
}


def _connections(hub: Hub, connection: Connection, draft: Draft, events: Sequence[RecordedEvent]) -> Iterator[Finding]:
    configuration, troubles = hub.registry.current(), troubles_of(hub)
    at_work = dict.fromkeys((event.source_id for event in events), "events come from it")
    at_work |= dict.fromkeys(_newest_channels(connection, draft.id), "its mails go out by it")
    for role in OF_SURVEYS:
        ids = draft.connections[role]
        if not ids:
            state, sentence, advice = _WITHOUT[role]
            yield Finding(about=role.plural, state=state, sentence=sentence, advice=advice)
            continue
        healths = {id: troubles.health_of(configuration.connections[id]) for id in ids}
        bad = [id for id, (health, _) in healths.items() if health in (Health.BROKEN, Health.PAUSED)]
        for id in ids:
            health, why = healths[id]
            label, name = configuration.connections[id].label, configuration.connections[id].stored.name
            if id not in bad:
                state, sentence = _proven(hub, label, f"The {role} {name} is connected", at_work.get(id))
                yield Finding(about=role.plural, state=state, sentence=sentence, name=name)
                continue
            is_needed = role is not Role.TARGET and len(bad) == len(ids) and health is Health.BROKEN
            yield Finding(
                about=role.plural,
                state=State.MISSING if is_needed else State.ATTENTION,
                sentence=f"{label} {'does not work' if health is Health.BROKEN else 'is paused'}: {why}",
                advice=f"Check {label} and mend what its message names.",
                name=name,
            )


def _newest_channels(connection: Connection, survey_id: str) -> set[str]:
    """Return by what channels the newest mails of a survey were sent."""
    newest = select(invitation.c.channel_id).where(
        invitation.c.survey_id == survey_id, invitation.c.state == InvitationState.SENT
    )
    return set(connection.scalars(newest.order_by(invitation.c.id.desc()).limit(_NEWEST)))


def _proven(hub: Hub, label: str, what: str, work: str | None) -> tuple[State, str]:
    """Return whether a connection without trouble was ever seen to work, and a sentence."""
    if work is not None:
        return State.OK, f"{what}, and {work}."
    wanted = audit.Wanted(action=audit.Action.CONNECTION_CHECKED, subject=label)
    checks = [one for one in audit.entries(hub, wanted, Slice()).items if not one.detail.get("edited")]
    if not checks:
        return State.UNCHECKED, f"{what}; nobody has checked it yet."
    on = f"{checks[0].at:%-d %b %Y}"
    if checks[0].detail.get("ok"):
        return State.OK, f"{what}; its check on {on} passed."
    return State.ATTENTION, f"{what}, but its last check, on {on}, failed."


def _keys(hub: Hub) -> Iterator[Finding]:
    for one in refused_keys(hub):
        yield Finding(
            about="keys",
            state=State.ATTENTION,
            sentence=f"Within the last day events of a {one.kind} sender were refused: its key belongs to no source.",
            advice="Compare the key at your senders with the API key of the source.",
        )


def _sending(hub: Hub) -> Iterator[Finding]:
    unreachable = unreachable_links(hub)
    where = f"Links in mails lead to {hub.settings.base_url}"
    if hub.settings.is_local:
        where += ", which this machine alone can open: enough for a demo"
    yield Finding(
        about="links",
        state=State.ATTENTION if unreachable else State.OK,
        sentence=f"{unreachable or where}.",
    )
    stopped = held(hub)
    if stopped:
        advice = "An admin does so under Queue, or runs `hub resume --stopped-at TIME`."
        yield Finding(about="sending", state=State.MISSING, sentence=stopped, advice=advice)


# What would come of it


def _expected(rehearsal: Rehearsal) -> Iterator[Finding]:
    if not rehearsal.events:
        return
    covered = rehearsal.until - rehearsal.since
    sentence = f"Events like those of the last {lasting(covered)} would lead to "
    sentence += f"{counted(rehearsal.first_day, 'mail')} in the first day"
    if covered >= timedelta(days=1):
        sentence += f" and {rehearsal.first_week:,} in the first week" if covered >= timedelta(days=7) else ""
    yield Finding(
        about="mails",
        state=State.OK if rehearsal.first_week else State.ATTENTION,
        sentence=f"{sentence}.",
        advice=""
        if rehearsal.first_week
        else "See under “What would have happened” why nobody would be asked, and change the rules.",
    )
    if rehearsal.held:
        yield Finding(
            about="surge",
            state=State.ATTENTION,
            sentence=f"The surge brake would hold {counted(rehearsal.held, 'more mail')} until you release them.",
            advice="Begin with a daily limit, or be there to release what is held.",
        )
