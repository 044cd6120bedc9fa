"""What mail providers report: `/channels/<id>/events`, each in the dialect of its channel's plugin."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from itertools import islice

from flask import Blueprint, Response, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from hub.pipeline.hub import Hub
from hub.pipeline.report import record_reports
from hub.plugin import DeliveryReport, InboundRequest, Reply, ReportKind
from hub.web.intake import RETRY_AFTER_S

log = logging.getLogger(__name__)

LARGEST_BODY = 5_000_000
"""Bytes. Providers send some hundred reports at once."""
MOST_REPORTS = 100_000


def blueprint(hub: Hub) -> Blueprint:
    """Return the address of every channel, those taken out of use included: bounces come late."""
    routes = Blueprint("reports", __name__)

    @routes.post("/channels/<channel_id>/events")
    def take(channel_id: str) -> Response:
        return _response(_take(hub, channel_id))

    @routes.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> Response:
        return _response(_trouble(error.code or 400, error.description or error.name))

    @routes.errorhandler(SQLAlchemyError)
    def away(error: SQLAlchemyError) -> Response:
        log.error("Reports could not be recorded: %s", type(error).__name__)
        return _response(_later("The hub cannot record reports right now; please retry."))

    return routes


def _take(hub: Hub, channel_id: str) -> Reply:
    configuration = hub.registry.current()
    connection = configuration.connections.get(channel_id)
    if connection is None or connection.stored.role != "channel":
        return _trouble(404, "There is no such channel.")
    channel = configuration.channel(channel_id)
    if channel is None:
        return _later("This channel does not work right now; please retry.")
    request.max_content_length = LARGEST_BODY
    inbound = _inbound(hub)
    try:
        said: object = channel.reports(inbound)
        given = list(islice(said, MOST_REPORTS)) if isinstance(said, Iterable) else [said]
    except BaseException:
        log.exception("Channel %s failed to read a report", channel.name)
        return _later("The report could not be read; please retry.")
    if isinstance(said, Reply):
        return said
    genuine = [one for one in given if isinstance(one, DeliveryReport) and _makes_sense(one)]
    known = record_reports(hub, channel_id, genuine)
    if len(genuine) < len(given):
        # The good ones are recorded; those that come again with the others change nothing.
        log.error("Channel %s gave something that is no report, or one at a time without a zone", channel.name)
        return _later("Some reports could not be read; please retry.")
    return Reply.json({"success": True, "known": known})


def _makes_sense(report: DeliveryReport) -> bool:
    has_a_time = isinstance(report.at, datetime) and report.at.tzinfo is not None
    return has_a_time and isinstance(report.message_id, str) and isinstance(report.kind, ReportKind)


def _inbound(hub: Hub) -> InboundRequest:
    return InboundRequest(
        method=request.method,
        path=request.path,
        arrived_at=hub.now(),
        query=request.args.to_dict(),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=request.get_data(),
    )


def _trouble(status: int, message: str) -> Reply:
    return Reply.json({"code": str(status), "message": message}, status=status)


def _later(message: str) -> Reply:
    reply = {"code": "503", "message": message}
    return Reply.json(reply, status=503, headers={"Retry-After": str(RETRY_AFTER_S)})


def _response(reply: Reply) -> Response:
    return Response(reply.body, reply.status, dict(reply.headers), content_type=reply.content_type)
