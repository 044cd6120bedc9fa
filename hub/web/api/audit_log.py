"""Who changed what."""

from __future__ import annotations

from typing import Any

from hub.admin import audit
from hub.admin.access.tokens import Scope
from hub.admin.audit import Action
from hub.web.api.routes import Routes
from hub.web.api.schemas.audit_log import AuditEntrySchema, AuditQuery
from hub.web.api.schemas.shared import page_of, slice_of
from hub.web.backing import hub

audit_routes = Routes("audit", "Who changed what.")


@audit_routes("GET", "/audit", scope=Scope.ADMIN, query=AuditQuery, answer=page_of(AuditEntrySchema))
def list_audit_entries(query: dict[str, Any]) -> Any:
    """List what people and programs changed, the newest first"""
    part = slice_of(query)
    action = query.pop("action", None)
    return audit.entries(hub(), audit.Wanted(action=Action(action) if action else None, **query), part)
