"""Who may use the API, and for what."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from hub.admin.access import tokens
from hub.admin.access.tokens import Scope
from hub.admin.trouble import Conflict, NotThere
from hub.store.keys import hash_key
from hub.store.tables import api_token
from hub.web.api import access, openapi
from hub.web.refusals import Refusals
from tests.api.client import Api
from tests.lab import Lab

NEEDS = {
    ("GET", "/surveys"): Scope.READ,
    ("GET", "/surveys/{name}"): Scope.READ,
    ("PUT", "/surveys/{name}"): Scope.ADMIN,
    ("DELETE", "/surveys/{name}"): Scope.ADMIN,
    ("GET", "/surveys/{name}/texts"): Scope.READ,
    ("GET", "/surveys/{name}/texts/{number}"): Scope.READ,
    ("POST", "/surveys/{name}/enable"): Scope.ADMIN,
    ("POST", "/surveys/{name}/disable"): Scope.ADMIN,
    ("POST", "/surveys/{name}/release-held"): Scope.WRITE,
    ("POST", "/surveys/{name}/cancel-held"): Scope.WRITE,
    ("GET", "/queue"): Scope.READ,
    ("GET", "/connections"): Scope.READ,
    ("GET", "/connections/{role}/{name}"): Scope.READ,
    ("PUT", "/connections/{role}/{name}"): Scope.ADMIN,
    ("DELETE", "/connections/{role}/{name}"): Scope.ADMIN,
    ("POST", "/connections/{role}/{name}/resume"): Scope.WRITE,
    ("GET", "/people"): Scope.READ,
    ("GET", "/people/{person}"): Scope.READ,
    ("POST", "/people/import"): Scope.WRITE,
    ("GET", "/events"): Scope.READ,
    ("GET", "/events/{event}"): Scope.READ,
    ("GET", "/invitations"): Scope.READ,
    ("GET", "/invitations/{invitation}"): Scope.READ,
    ("POST", "/invitations/{invitation}/hold"): Scope.WRITE,
    ("POST", "/invitations/{invitation}/release"): Scope.WRITE,
    ("POST", "/invitations/{invitation}/cancel"): Scope.WRITE,
    ("POST", "/invitations/{invitation}/send-now"): Scope.WRITE,
    ("POST", "/invitations/{invitation}/arrived"): Scope.WRITE,
    ("POST", "/invitations/{invitation}/never-left"): Scope.WRITE,
    ("GET", "/responses"): Scope.READ,
    ("GET", "/responses/export"): Scope.READ,
    ("GET", "/responses/{response}"): Scope.READ,
    ("POST", "/responses/{response}/tags"): Scope.WRITE,
    ("DELETE", "/responses/{response}/tags/{tag}"): Scope.WRITE,
    ("GET", "/scores"): Scope.READ,
    ("GET", "/suppressions"): Scope.READ,
    ("POST", "/suppressions"): Scope.WRITE,
    ("DELETE", "/suppressions/{suppression}"): Scope.WRITE,
    ("POST", "/suppressions/import"): Scope.WRITE,
    ("GET", "/suppressions/export"): Scope.READ,
    ("POST", "/sync"): Scope.WRITE,
    ("GET", "/sync/parked"): Scope.READ,
    ("POST", "/sync/parked/retry"): Scope.WRITE,
    ("GET", "/audit"): Scope.ADMIN,
}


def test_the_table_here_names_every_route() -> None:
    found = {
        (method.upper(), path.removeprefix("/api/v1"))
        for path, operations in openapi()["paths"].items()
        for method in operations
        if method != "parameters"
    }
    assert found == set(NEEDS)


def test_every_route_takes_tokens_of_its_scope_alone(api: Api) -> None:
    having = {scope: api.token_for(scope) for scope in Scope}
    for (method, path), needed in NEEDS.items():
        real = path.replace("{role}", "channel").replace("{name}", "unheard-of").replace("{number}", "1")
        real = real.replace("{", "").replace("}", "")
        for scope, token in having.items():
            status = api(method, real, token=token).status_code
            assert (status == 403) == (scope is not needed), (method, path, scope, status)
            assert status != 401


def test_routes_that_tell_about_the_api_need_no_token(api: Api) -> None:
    assert api("GET", "/openapi.json", token="").status_code == 200
    assert api("GET", "/api/docs", token="").status_code == 200


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic dTpw", "bearer\twrong", "Bearer \xff"]
)
def test_without_a_known_token_the_answer_says_how_to_send_one(still_api: Api, header: str | None) -> None:
    answer = still_api("GET", "/surveys", token="", headers={} if header is None else {"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="survey-hub"'
    assert answer.json["code"] == "unauthorized"


def test_scheme_is_read_in_any_case(api: Api) -> None:
    headers = {"Authorization": f"bearer {api.token}"}
    assert api("GET", "/surveys", token="", headers=headers).status_code == 200


def test_refusal_names_the_scope_that_lacks(api: Api) -> None:
    answer = api("POST", "/sync", token=api.token_for(Scope.READ))
    assert answer.json == {
        "code": "forbidden",
        "message": "The token 't-read' lacks the scope 'write'.",
        "fields": {},
    }


def test_who_may_not_hears_nothing_about_their_arguments(api: Api) -> None:
    assert api("GET", "/events", token="", limit="many").status_code == 401
    assert api("GET", "/events", token=api.token_for(Scope.WRITE), limit="many").status_code == 403


# Tokens


def test_of_a_token_only_its_hash_is_kept(lab: Lab) -> None:
    secret = tokens.add(lab.hub, "crm", [Scope.READ])
    (row,) = lab.rows(api_token)
    assert row.key_hash == hash_key(secret)
    assert secret not in str(row._mapping)


def test_revoked_token_ends_at_once_and_its_name_is_free(lab: Lab, api: Api) -> None:
    secret = tokens.add(lab.hub, "crm", [Scope.READ])
    assert api("GET", "/surveys", token=secret).status_code == 200
    tokens.revoke(lab.hub, "crm")
    assert api("GET", "/surveys", token=secret).status_code == 401
    tokens.add(lab.hub, "crm", [Scope.READ])
    assert api("GET", "/surveys", token=secret).status_code == 401


def test_two_tokens_of_one_name_are_refused(lab: Lab) -> None:
    tokens.add(lab.hub, "crm", [Scope.READ])
    with pytest.raises(Conflict):
        tokens.add(lab.hub, "crm", [Scope.WRITE])


def test_revoking_an_unknown_token_names_those_there_are(lab: Lab) -> None:
    tokens.add(lab.hub, "crm", [Scope.READ])
    with pytest.raises(NotThere, match="there are: crm"):
        tokens.revoke(lab.hub, "mrc")


def test_use_is_noted_once_a_minute(lab: Lab) -> None:
    secret = tokens.add(lab.hub, "crm", [Scope.READ])
    uses = []
    for _ in range(4):
        tokens.holder(lab.hub, secret)
        with lab.hub.store.read() as connection:
            uses.append(connection.scalar(select(api_token.c.last_used_at)) - lab.clock.moment)
        lab.clock.advance(timedelta(seconds=25))
    assert uses == [timedelta(seconds=seconds) for seconds in (0, -25, -50, 0)]


def test_what_a_token_changed_is_in_the_audit_log_with_its_name_and_nothing_after_it(lab: Lab, api: Api) -> None:
    api("POST", "/suppressions", body={"email": "eve@acme.example", "reason": "complained"})
    tokens.add(lab.hub, "later", [Scope.READ])
    found = {(one["who"], one["action"]) for one in api.all("/audit") if one["action"] != "configuration.changed"}
    assert found == {
        ("the hub", "token.added"),
        ("api:tests", "suppression.added"),
    }
    (entry,) = api.all("/audit", who="api:tests", action="suppression.added")
    assert entry["detail"] == {"reason": "complained"}
    assert entry["subject"] == api.get("/suppressions")["items"][0]["id"]


def test_a_wrong_token_leaves_a_trace_without_the_token(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("_unknown", "_lacking"):
        monkeypatch.setattr(access, name, Refusals())
    api("GET", "/people", token="hub_a-token-of-somebody-else")
    api("GET", "/people", token=api.token_for(Scope.ADMIN))
    assert caplog.messages == [
        "Refused 1 request: the token for the API was missing or unknown",
        "Refused 1 request: the token for the API lacks a scope",
    ]
