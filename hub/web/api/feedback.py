"""Answers, the scores they make, and their way to the targets."""

from __future__ import annotations

from typing import Any

from flask import Response, stream_with_context

from hub.admin.access.tokens import Scope
from hub.admin.operations import syncs
from hub.admin.records import Format
from hub.admin.responses import one_response, parked, responses
from hub.admin.responses.responses import Wanted, rated_in
from hub.admin.responses.responses_export import export_csv, export_json
from hub.admin.scoring import scores
from hub.admin.scoring.scores import Period
from hub.admin.trouble import Conflict
from hub.domain.scores import Band
from hub.web.api.routes import JSON, Routes
from hub.web.api.schemas.feedback import (
    FoundResponsesSchema,
    ParkedQuery,
    ParkedSchema,
    ResponseQuery,
    ResponsesExportQuery,
    RetrySchema,
    ScoreQuery,
    ScoreSchema,
    SeenResponseSchema,
    StartedSchema,
    TagSchema,
    TagsSchema,
)
from hub.web.api.schemas.shared import CountSchema, list_of, page_of, slice_of
from hub.web.backing import hub, wake

response_routes = Routes("responses", "What customers answered, and the score it makes.")
sync_routes = Routes("sync", "Answers on their way to the targets.")


@response_routes("GET", "/responses", scope=Scope.READ, query=ResponseQuery, answer=FoundResponsesSchema)
def list_responses(query: dict[str, Any]) -> Any:
    """List answers, the newest rating first

    With `language`, `trait`, `rated`, `has_comment` or `said` five thousand answers are looked through at a time.
    """
    part = slice_of(query)
    return responses.responses(hub(), _wanted(query), part)


@response_routes(
    "GET",
    "/responses/export",
    scope=Scope.READ,
    query=ResponsesExportQuery,
    download={Format.CSV: {"type": "string"}, JSON: {"type": "array", "items": {"type": "object"}}},
)
def export_responses(query: dict[str, Any]) -> Any:
    """Write answers to a file, the newest rating first"""
    if query.pop("format") == "json":
        return Response(stream_with_context(export_json(hub(), _wanted(query))), mimetype=JSON)
    return Response(stream_with_context(export_csv(hub(), _wanted(query))), mimetype=Format.CSV)


@response_routes("GET", "/responses/<string:response>", scope=Scope.READ, answer=SeenResponseSchema)
def show_response(response: str) -> Any:
    """Show one answer with its history and its way to the targets"""
    return one_response.response_of(hub(), response)


@response_routes(
    "POST", "/responses/<string:response>/tags", scope=Scope.WRITE, body=TagSchema, answer=TagsSchema, status=200
)
def add_tag(chosen: dict[str, Any], response: str) -> Any:
    """Put a tag on an answer"""
    return {"tags": one_response.tag(hub(), response, chosen["tag"])}


@response_routes("DELETE", "/responses/<string:response>/tags/<string:tag>", scope=Scope.WRITE, answer=TagsSchema)
def remove_tag(response: str, tag: str) -> Any:
    """Take a tag off an answer"""
    return {"tags": one_response.untag(hub(), response, tag)}


@response_routes("GET", "/scores", scope=Scope.READ, query=ScoreQuery, answer=list_of(ScoreSchema))
def list_scores(query: dict[str, Any]) -> Any:
    """Compute the score of each survey with its interval, in all or by period

    Periods without answers are left out.
    """
    period = query.pop("period", None)
    segment = scores.segment_of(query.pop("language", None), query.pop("trait", None))
    found = scores.scores(hub(), period=Period(period) if period else None, segment=segment, **query)
    return {"items": found}


def _wanted(query: dict[str, Any]) -> Wanted:
    band = query.pop("band", None)
    segment = scores.segment_of(query.pop("language", None), query.pop("trait", None))
    rated = query.pop("rated", None)
    return Wanted(
        band=Band(band) if band else None, segment=segment, rated=rated_in(rated, "rated") if rated else None, **query
    )


@sync_routes("POST", "/sync", scope=Scope.WRITE, answer=StartedSchema, status=202)
def start_sync() -> Any:
    """Start a sync of every target"""
    started = syncs.start_now(hub())
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
