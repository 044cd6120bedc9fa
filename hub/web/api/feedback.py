"""Answers, the scores they make, and their way to the targets."""

from __future__ import annotations

from typing import Any

from hub.admin import parked, responses, scores
from hub.admin.scores import Period
from hub.admin.tokens import Scope
from hub.admin.trouble import Conflict
from hub.pipeline import sync
from hub.web.api.routes import Routes
from hub.web.api.schemas import (
    CountSchema,
    ParkedQuery,
    ParkedSchema,
    ResponseQuery,
    ResponseSchema,
    RetrySchema,
    ScoreQuery,
    ScoreSchema,
    StartedSchema,
    list_of,
    page_of,
    slice_of,
)
from hub.web.backing import hub, wake

response_routes = Routes("responses", "What customers answered, and the score it makes.")
sync_routes = Routes("sync", "Answers on their way to the targets.")


@response_routes("GET", "/responses", scope=Scope.READ, query=ResponseQuery, answer=page_of(ResponseSchema))
def list_responses(query: dict[str, Any]) -> Any:
    """List answers, the newest rating first"""
    part = slice_of(query)
    return responses.responses(hub(), responses.Wanted(**query), part)


@response_routes("GET", "/scores", scope=Scope.READ, query=ScoreQuery, answer=list_of(ScoreSchema))
def list_scores(query: dict[str, Any]) -> Any:
    """Compute the score of each survey, in all or by period

    Periods without answers are left out.
    """
    period = query.pop("period", None)
    return {"items": scores.scores(hub(), period=Period(period) if period else None, **query)}


@sync_routes("POST", "/sync", scope=Scope.WRITE, answer=StartedSchema, status=202)
def start_sync() -> Any:
    """Start a sync of every target"""
    started = sync.start_now(hub())
    if not started:
        raise Conflict("No target is configured")
    wake("sync")
    return {"targets": started}


@sync_routes("GET", "/sync/parked", scope=Scope.READ, query=ParkedQuery, answer=page_of(ParkedSchema))
def list_parked(query: dict[str, Any]) -> Any:
    """List what targets refused for good, the newest first"""
    part = slice_of(query)
    return parked.parked(hub(), part, **query)


@sync_routes("POST", "/sync/parked/retry", scope=Scope.WRITE, body=RetrySchema, answer=CountSchema)
def retry_parked(chosen: dict[str, Any]) -> Any:
    """Let the next sync try parked entries again"""
    return {"count": parked.retry(hub(), **chosen)}
