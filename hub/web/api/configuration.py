"""Surveys and connections: what `hub apply` does, one at a time."""

from __future__ import annotations

from typing import Any

from hub.admin.access.tokens import Scope
from hub.admin.configuration import connections, surveys, texts
from hub.admin.configuration.connections import WORK_OF
from hub.admin.configuration.planning import Plan
from hub.admin.configuration.schemas import SurveySchema
from hub.admin.mails import queue
from hub.store.configuration import Role
from hub.web.api.routes import Routes, raw_body
from hub.web.api.schemas.configuration import (
    ChangedSchema,
    ConnectionQuery,
    ConnectionSchema,
    ConnectionTableSchema,
    SeenSurveySchema,
    TextsVersionSchema,
    WaitingSchema,
    WholeTextsVersionSchema,
)
from hub.web.api.schemas.shared import CountSchema, list_of
from hub.web.backing import hub, wake

survey_routes = Routes("surveys", "Surveys, their settings, and what of them waits.")
connection_routes = Routes("connections", "Sources, channels, targets and listeners.")
_CONNECTION = "/connections/<any(source, channel, target, listener):role>/<string:name>"


@survey_routes("GET", "/surveys", scope=Scope.READ, answer=list_of(SeenSurveySchema))
def list_surveys() -> Any:
    """List the surveys in use"""
    return {"items": surveys.surveys(hub())}


@survey_routes("GET", "/surveys/<string:name>", scope=Scope.READ, answer=SeenSurveySchema)
def get_survey(name: str) -> Any:
    """Show a survey"""
    return surveys.survey_of(hub(), name)


@survey_routes("PUT", "/surveys/<string:name>", scope=Scope.ADMIN, body=SurveySchema, answer=ChangedSchema)
def put_survey(_settings: Any, name: str) -> Any:
    """Make or change a survey

    The body is the whole table `[surveys.NAME]`: settings left out get their defaults.
    """
    return _changed(surveys.put(hub(), name, raw_body()))


@survey_routes("DELETE", "/surveys/<string:name>", scope=Scope.ADMIN, status=204)
def delete_survey(name: str) -> Any:
    """Take a survey out of use

    What waits is cancelled, answers are kept.
    """
    surveys.retire(hub(), name)


@survey_routes("POST", "/surveys/<string:name>/enable", scope=Scope.ADMIN, answer=SeenSurveySchema)
def enable_survey(name: str) -> Any:
    """Switch a survey on"""
    survey = surveys.switch(hub(), name, on=True)
    wake("deliver")
    return survey


@survey_routes("POST", "/surveys/<string:name>/disable", scope=Scope.ADMIN, answer=SeenSurveySchema)
def disable_survey(name: str) -> Any:
    """Switch a survey off

    Nothing of it is sent until it is switched on again.
    """
    return surveys.switch(hub(), name, on=False)


@survey_routes("GET", "/surveys/<string:name>/texts", scope=Scope.READ, answer=list_of(TextsVersionSchema))
def list_texts(name: str) -> Any:
    """List the versions of what customers see of a survey, the newest first"""
    return {"items": texts.versions(hub(), name)}


@survey_routes("GET", "/surveys/<string:name>/texts/<int:number>", scope=Scope.READ, answer=WholeTextsVersionSchema)
def get_texts(name: str, number: int) -> Any:
    """Show one version of what customers see of a survey"""
    return texts.version(hub(), name, number)


@survey_routes("GET", "/queue", scope=Scope.READ, answer=list_of(WaitingSchema))
def get_queue() -> Any:
    """Count what waits, by survey and state"""
    return {"items": queue.waiting(hub())}


@survey_routes("POST", "/surveys/<string:name>/release-held", scope=Scope.WRITE, answer=CountSchema)
def release_held(name: str) -> Any:
    """Make all held invitations of a survey due now"""
    count = queue.release(hub(), name)
    wake("deliver")
    return {"count": count}


@survey_routes("POST", "/surveys/<string:name>/cancel-held", scope=Scope.WRITE, answer=CountSchema)
def cancel_held(name: str) -> Any:
    """Cancel all held invitations of a survey"""
    return {"count": queue.cancel(hub(), name)}


@connection_routes("GET", "/connections", scope=Scope.READ, query=ConnectionQuery, answer=list_of(ConnectionSchema))
def list_connections(query: dict[str, Any]) -> Any:
    """List the connections in use"""
    role = query.get("role")
    return {"items": connections.connections(hub(), role=Role(role) if role else None)}


@connection_routes("GET", _CONNECTION, scope=Scope.READ, answer=ConnectionSchema)
def get_connection(role: str, name: str) -> Any:
    """Show a connection"""
    return connections.connection_of(hub(), Role(role), name)


@connection_routes("PUT", _CONNECTION, scope=Scope.ADMIN, body=ConnectionTableSchema, answer=ChangedSchema)
def put_connection(_table: Any, role: str, name: str) -> Any:
    """Make or change a connection

    The body is its whole table, as `GET` shows it in `settings`. A secret is written in the clear, as `$NAME` (a
    variable of the hub's processes), or as `(kept)`.
    """
    return _changed(connections.put(hub(), Role(role), name, raw_body()))


@connection_routes("DELETE", _CONNECTION, scope=Scope.ADMIN, status=204)
def delete_connection(role: str, name: str) -> Any:
    """Take a connection out of use

    A survey, or the weekly report, that uses it has to be changed first.
    """
    connections.retire(hub(), Role(role), name)


@connection_routes("POST", f"{_CONNECTION}/resume", scope=Scope.WRITE, answer=ConnectionSchema)
def resume_connection(role: str, name: str) -> Any:
    """Use a paused connection again at once

    A channel, target or listener that failed is left alone for a while; this ends that, and forgets its failures.
    """
    connections.resume(hub(), Role(role), name)
    wake(WORK_OF[Role(role)])
    return connections.connection_of(hub(), Role(role), name)


def _changed(made: Plan) -> dict[str, Any]:
    return {"changes": made.lines, "warnings": made.warnings, "generated": made.generated}
