"""People and their stories, events, invitations."""

from __future__ import annotations

from typing import Any

from hub.admin import events
from hub.admin.access.tokens import Scope
from hub.admin.mails import invitations
from hub.admin.mails.invitations import Action
from hub.admin.people import people
from hub.admin.people.people_import import IDS, import_people
from hub.admin.records import Format
from hub.domain.reasons import Reason
from hub.domain.states import State
from hub.web.api.routes import Routes
from hub.web.api.schemas.people import (
    ACTIONS,
    BroughtSchema,
    EventQuery,
    EventSchema,
    ImportPeopleQuery,
    InvitationQuery,
    InvitationSchema,
    PeopleQuery,
    PersonSchema,
    RevisionQuery,
    StorySchema,
    WholeEventSchema,
    WholeInvitationSchema,
)
from hub.web.api.schemas.shared import page_of, slice_of
from hub.web.api.uploads import uploaded
from hub.web.backing import backing, hub, wake

people_routes = Routes("people", "Customers and everything that happened to them.")
event_routes = Routes("events", "What sources took in, and what was decided on it.")
invitation_routes = Routes("invitations", "Mails that were or will be sent.")
RECORDS: dict[str, Any] = {
    Format.CSV.value: {"type": "string"},
    Format.LINES.value: {"type": "string"},
    Format.ARRAY.value: {"type": "array", "items": {}},
}
"""What an import may be written as; an item that is no object is a record that is reported."""


@people_routes("GET", "/people", scope=Scope.READ, query=PeopleQuery, answer=page_of(PersonSchema))
def list_people(query: dict[str, Any]) -> Any:
    """List people, the newest first; or find one by id or address"""
    part = slice_of(query)
    return people.people(hub(), part, **query)


@people_routes("GET", "/people/<string:person>", scope=Scope.READ, answer=StorySchema)
def get_person(person: str) -> Any:
    """Tell a person's story"""
    return people.why_id(hub(), person)


@people_routes(
    "POST",
    "/people/import",
    scope=Scope.WRITE,
    query=ImportPeopleQuery,
    upload=RECORDS,
    answer=BroughtSchema,
    status=202,
)
def import_all(query: dict[str, Any]) -> Any:
    """Bring people in

    CSV with a header, JSON lines, or a JSON array. Each row becomes an identify of the source, under the same rules as
    any other: `userId` or `anonymousId`, `email`, `createdAt`, and any other trait. `timestamp` says as of when; left
    out: now. The same row again is a duplicate.
    """
    records = uploaded(any_of=IDS)
    brought = import_people(hub(), query["source"], records, receive=backing().receive, batch=query["batch"])
    wake("decide")
    return brought


@event_routes("GET", "/events", scope=Scope.READ, query=EventQuery, answer=page_of(EventSchema))
def list_events(query: dict[str, Any]) -> Any:
    """List events, the newest first"""
    part = slice_of(query)
    reason = query.pop("reason", None)
    return events.events(hub(), events.Wanted(reason=Reason(reason) if reason else None, **query), part)


@event_routes("GET", "/events/<string:event>", scope=Scope.READ, answer=WholeEventSchema)
def get_event(event: str) -> Any:
    """Show an event with its payload"""
    return events.event_of(hub(), event)


@invitation_routes("GET", "/invitations", scope=Scope.READ, query=InvitationQuery, answer=page_of(InvitationSchema))
def list_invitations(query: dict[str, Any]) -> Any:
    """List invitations, the newest first"""
    part = slice_of(query)
    state = query.pop("state", None)
    return invitations.invitations(hub(), invitations.Wanted(state=State(state) if state else None, **query), part)


@invitation_routes("GET", "/invitations/<string:invitation>", scope=Scope.READ, answer=WholeInvitationSchema)
def get_invitation(invitation: str) -> Any:
    """Show an invitation with its attempts"""
    return invitations.invitation_of(hub(), invitation)


def _add_action(action: Action, summary: str) -> None:
    def act(query: dict[str, Any], invitation: str) -> Any:
        seen = invitations.act(hub(), invitation, action, revision=query.get("revision"))
        if action in (Action.RELEASE, Action.SEND_NOW):
            wake("deliver")
        return seen

    act.__name__ = action.name.lower()
    act.__doc__ = summary
    rule = f"/invitations/<string:invitation>/{action}"
    invitation_routes("POST", rule, scope=Scope.WRITE, query=RevisionQuery, answer=WholeInvitationSchema)(act)


for _action, _summary in ACTIONS.items():
    _add_action(_action, _summary)
