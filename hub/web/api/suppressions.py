"""Who is never mailed."""

from __future__ import annotations

from typing import Any

from flask import Response, stream_with_context

from hub.admin.access.tokens import Scope
from hub.admin.people import suppressions
from hub.admin.records import Format
from hub.admin.spreadsheets import rearmed
from hub.domain.reasons import Stop
from hub.web.api.people import RECORDS
from hub.web.api.routes import JSON, Routes
from hub.web.api.schemas.shared import page_of, slice_of
from hub.web.api.schemas.suppressions import (
    ExportQuery,
    ImportedSchema,
    ImportSuppressionsQuery,
    NewSuppressionSchema,
    SuppressionQuery,
    SuppressionSchema,
)
from hub.web.api.uploads import uploaded
from hub.web.backing import hub

suppression_routes = Routes("suppressions", "Who is never mailed: unsubscribed, bounced, complained, erased.")


@suppression_routes("GET", "/suppressions", scope=Scope.READ, query=SuppressionQuery, answer=page_of(SuppressionSchema))
def list_suppressions(query: dict[str, Any]) -> Any:
    """List suppressions, the newest first"""
    part = slice_of(query)
    reason = query.pop("reason", None)
    return suppressions.suppressions(hub(), suppressions.Wanted(reason=Stop(reason) if reason else None, **query), part)


@suppression_routes(
    "POST", "/suppressions", scope=Scope.WRITE, body=NewSuppressionSchema, answer=SuppressionSchema, status=201
)
def add_suppression(new: dict[str, Any]) -> Any:
    """Never mail an address again

    One that is suppressed already stays as it is.
    """
    suppression, _ = suppressions.add(hub(), new["email"], Stop(new["reason"]), new["note"])
    return suppression


@suppression_routes("DELETE", "/suppressions/<string:suppression>", scope=Scope.WRITE, status=204)
def remove_suppression(suppression: str) -> Any:
    """Let an address be mailed again

    Not that of a person who was erased.
    """
    suppressions.remove(hub(), suppression)


@suppression_routes(
    "POST",
    "/suppressions/import",
    scope=Scope.WRITE,
    query=ImportSuppressionsQuery,
    upload=RECORDS,
    answer=ImportedSchema,
)
def import_suppressions(query: dict[str, Any]) -> Any:
    """Suppress many addresses

    CSV with a header, JSON lines, or a JSON array, with `email` and optionally `reason`, `note` and `created_at`.
    """
    records = uploaded(any_of=["email"], cell=rearmed)
    reason = query.get("reason")
    return suppressions.import_records(hub(), records, reason=Stop(reason) if reason else None)


@suppression_routes(
    "GET",
    "/suppressions/export",
    scope=Scope.READ,
    query=ExportQuery,
    download={Format.CSV: {"type": "string"}, JSON: {"type": "array", "items": {"type": "object"}}},
)
def export_suppressions(query: dict[str, Any]) -> Any:
    """Write all suppressed addresses

    Those of erased people are not known any more.
    """
    if query["format"] == "json":
        return Response(stream_with_context(suppressions.export_json(hub())), mimetype=JSON)
    return Response(stream_with_context(suppressions.export_csv(hub())), mimetype=Format.CSV)
