"""The settings: accounts, tokens, who is never mailed, the audit log, and how it looks."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

from hub.admin.access import accounts, sessions, tokens
from hub.admin.access.accounts import AccountRole
from hub.admin.access.tokens import Scope
from hub.admin.paging import Slice
from hub.admin.people import suppressions
from hub.admin.people.suppressions import Wanted
from hub.domain.reasons import Stop
from tests.console.browsing import PASSWORD, Visitor, readable, visitor_of
from tests.lab import Lab

OTHER = "five green kettles"
HOSTILE = "<script>alert(1)</script>"
ADMIN = "admin"


@pytest.fixture
def page(lab: Lab) -> Iterator[Visitor]:
    with visitor_of(lab.hub) as page:
        yield page


@pytest.fixture
def viewer(lab: Lab) -> Iterator[Visitor]:
    with visitor_of(lab.hub, "viewer") as viewer:
        yield viewer


def suppressed(lab: Lab) -> list[str | None]:
    return sorted(str(one.email) for one in suppressions.suppressions(lab.hub, Wanted(), Slice()).items)


def roles(lab: Lab) -> dict[str, str]:
    return {one.name: str(one.role) for one in accounts.accounts(lab.hub)}


# Accounts


def test_an_account_is_added_and_listed(lab: Lab, page: Visitor) -> None:
    answer = page.post("/settings/accounts/_new", name="ben", role="editor", password=OTHER)
    assert "ben may log in, as editor." in answer.text
    assert roles(lab)["ben"] == "editor"
    assert "ben" in page.text("/settings")


def test_what_is_wrong_with_a_new_account_stands_beside_its_field(page: Visitor) -> None:
    answer = page.post("/settings/accounts/_new", name=f"b n {HOSTILE}", role="editor", password="short")
    assert answer.status_code == 422
    assert HOSTILE not in answer.text
    assert "no spaces" in answer.text
    assert "short" not in answer.text.replace("too short", "").replace("is short", "")


def test_a_role_a_password_and_a_login_are_changed(lab: Lab, page: Visitor) -> None:
    ben = accounts.add(lab.hub, "ben", PASSWORD, AccountRole.VIEWER)
    at = f"/settings/accounts/{ben.id}"
    assert "ben is editor now." in page.post(f"{at}/role", role="editor").text
    assert "ben has a new password and has to log in again" in page.post(f"{at}/password", password=OTHER).text
    assert isinstance(sessions.log_in(lab.hub, "ben", OTHER), str)
    assert "ben may not log in any more." in page.post(f"{at}/disable").text
    assert "disabled" in page.text("/settings")
    assert "ben may log in again." in page.post(f"{at}/enable").text


def test_who_resets_their_own_password_stays_logged_in_and_is_told_so(lab: Lab, page: Visitor) -> None:
    [own] = accounts.accounts(lab.hub)
    said = page.post(f"/settings/accounts/{own.id}/password", password=OTHER).text
    assert "Your password is changed. Other browsers that you were logged in with have to log in again." in said
    assert page.get("/settings").status_code == 200


def test_an_account_is_removed_once_its_name_is_typed(lab: Lab, page: Visitor) -> None:
    ben = accounts.add(lab.hub, "ben", PASSWORD, AccountRole.VIEWER)
    refused = page.post(f"/settings/accounts/{ben.id}/remove", confirm="bob")
    assert refused.status_code == 422
    assert "Nobody was removed." in refused.text
    assert "ben is removed." in page.post(f"/settings/accounts/{ben.id}/remove", confirm="ben").text
    assert set(roles(lab)) == {ADMIN}


@pytest.mark.parametrize(
    ("act", "form"), [("disable", {}), ("role", {"role": "viewer"}), ("remove", {"confirm": ADMIN})]
)
def test_the_last_admin_stays(lab: Lab, page: Visitor, act: str, form: dict[str, str]) -> None:
    (me,) = accounts.accounts(lab.hub)
    answer = page.post(f"/settings/accounts/{me.id}/{act}", **form)
    assert answer.status_code == 422
    assert "is the last admin" in answer.text
    assert roles(lab) == {ADMIN: "admin"}


def test_an_account_that_is_gone_is_said_so(page: Visitor) -> None:
    assert page.get("/settings/accounts/gone").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/settings/accounts/_new",
        "/settings/accounts/any/role",
        "/settings/accounts/any/password",
        "/settings/accounts/any/disable",
        "/settings/accounts/any/enable",
        "/settings/accounts/any/remove",
        "/settings/tokens",
        "/settings/tokens/any/revoke",
        "/settings/suppressions",
        "/settings/suppressions/any/remove",
        "/settings/suppressions/import",
        "/system/jobs/any/retry",
        "/system/jobs/any/forget",
    ],
)
def test_a_viewer_changes_nothing(viewer: Visitor, path: str) -> None:
    assert viewer.post(path).status_code == 403


@pytest.mark.parametrize("path", ["", "/tokens", "/suppressions", "/audit", "/retention", "/appearance"])
def test_a_viewer_sees_everything_without_the_buttons_that_are_not_theirs(viewer: Visitor, path: str) -> None:
    answer = viewer.get(f"/settings{path}")
    assert answer.status_code == 200
    assert "/settings/accounts/_new" not in answer.text
    assert "Make the token" not in answer.text
    assert "Add or import" not in answer.text


# Tokens


def test_a_token_is_shown_once(lab: Lab, page: Visitor) -> None:
    answer = page.post("/settings/tokens", name="reporting", scopes=["read", "write"])
    secret = next(word for word in readable(answer.text).split() if word.startswith("hub_"))
    holder = tokens.holder(lab.hub, secret)
    assert holder is not None
    assert holder.scopes == {Scope.READ, Scope.WRITE}
    assert secret not in page.get("/settings/tokens").text
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"name": "Re porting", "scopes": "read"}, "a name has lower-case letters"),
        ({"name": "reporting"}, "Choose one at least"),
        ({"name": "there", "scopes": "read"}, "revoke it first"),
    ],
)
def test_what_is_wrong_with_a_token_is_said(lab: Lab, page: Visitor, form: dict[str, str], said: str) -> None:
    tokens.add(lab.hub, "there", {Scope.READ})
    answer = page.post("/settings/tokens", **form)
    assert answer.status_code == 422
    assert said in answer.text
    assert f'value="{form["name"]}"' in answer.text


def test_a_token_is_revoked(lab: Lab, page: Visitor) -> None:
    tokens.add(lab.hub, "reporting", {Scope.READ})
    assert "The token reporting is revoked" in page.post("/settings/tokens/reporting/revoke").text
    assert tokens.tokens(lab.hub) == []
    assert "There is no token" in page.post("/settings/tokens/reporting/revoke").text


# Never mailed


def test_an_address_is_added_found_and_taken_out(lab: Lab, page: Visitor) -> None:
    answer = page.post("/settings/suppressions", email="ada@acme.example", reason="unsubscribed", note=HOSTILE)
    assert "ada@acme.example is never mailed again." in answer.text
    assert HOSTILE not in answer.text
    assert "ada@acme.example" in page.text("/settings/suppressions", email="ADA@acme.example")
    assert "Nobody like that is on the list" in page.text("/settings/suppressions", email="bob@acme.example")
    assert (
        "may be mailed again"
        in page.post(f"/settings/suppressions/{suppressions.id_of('ada@acme.example')}/remove").text
    )
    assert suppressed(lab) == []


def test_what_is_no_address_stays_in_the_form(page: Visitor) -> None:
    answer = page.post("/settings/suppressions", email="nobody", reason="complained", note="by phone")
    assert answer.status_code == 422
    assert "is no address" in answer.text
    assert 'value="by phone"' in answer.text
    assert '<option value="complained" selected>' in answer.text


def test_an_address_to_look_for_that_is_none_is_said_so(page: Visitor) -> None:
    assert page.get("/settings/suppressions", email="nobody").status_code == 422


def test_a_file_is_imported_with_a_tally(lab: Lab, page: Visitor) -> None:
    suppressions.add(lab.hub, "ada@acme.example", Stop.UNSUBSCRIBED)
    content = b"email,note\nada@acme.example,\nbob@acme.example,left\nnobody,\n"
    answer = page.post("/settings/suppressions/import", reason="complained", file=(io.BytesIO(content), "list.csv"))
    text = readable(answer.text)
    assert "1 added; 1 on the list before; 1 line not taken." in text
    assert "4 email: 'nobody' is no address" in text
    assert suppressed(lab) == ["ada@acme.example", "bob@acme.example"]


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"", "", "Choose a file."),
        (b"name\nada\n", "list.csv", "The first line has to name the columns"),
        (b"{", "list.json", "is no valid JSON"),
        (b" " * 101, "list.json", "A JSON array may have 10 MB"),
    ],
)
def test_a_file_that_is_none_is_said_so(
    lab: Lab, page: Visitor, content: bytes, name: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.web.console.files.LARGEST_ARRAY", 100)
    answer = page.post("/settings/suppressions/import", reason="complained", file=(io.BytesIO(content), name))
    assert answer.status_code == 422
    assert said in answer.text
    assert suppressed(lab) == []


@pytest.mark.parametrize(("written", "start"), [("csv", "email,reason"), ("json", '[{"email"')])
def test_the_list_is_exported(lab: Lab, page: Visitor, written: str, start: str) -> None:
    suppressions.add(lab.hub, "ada@acme.example", Stop.UNSUBSCRIBED)
    answer = page.get("/settings/suppressions/export", format=written)
    assert answer.text.startswith(start)
    assert answer.headers["Content-Disposition"] == f'attachment; filename="never-mailed.{written}"'


# The audit log


def test_what_is_done_here_is_in_the_audit_log_under_ones_name(page: Visitor) -> None:
    page.post("/settings/tokens", name="reporting", scopes="read")
    text = page.text("/settings/audit", who=ADMIN)
    assert f"{ADMIN} made an API token reporting" in text
    assert "Nothing like that was done" in page.text("/settings/audit", who="bob")
    assert "reporting" in page.text("/settings/audit", action="token.added")


@pytest.mark.parametrize("query", [{"action": "boredom"}, {"since": "later"}, {"cursor": "x"}])
def test_what_the_audit_log_cannot_be_asked_is_said(page: Visitor, query: dict[str, str]) -> None:
    assert page.get("/settings/audit", **query).status_code == 422


# What is kept, and how it looks


def test_what_is_kept_is_told(page: Visitor) -> None:
    text = page.text("/settings/retention")
    assert "Answers with all their versions Until the person is erased" in text
    assert "24 hours without use, 30 days at most" in text


@pytest.mark.parametrize("chosen", ["light", "dark"])
def test_light_or_dark_is_kept_in_this_browser(page: Visitor, chosen: str) -> None:
    answer = page.post("/theme", theme=chosen, next="https://evil.example/")
    assert f'data-theme="{chosen}"' in answer.text
    assert "Appearance" in answer.text or "Home" in answer.text


def test_the_choice_of_the_system_takes_the_cookie_away(page: Visitor) -> None:
    assert "data-theme" not in page.post("/theme", theme="system").text


# The own account


def test_the_password_is_changed_by_who_knows_it(lab: Lab, page: Visitor) -> None:
    elsewhere = sessions.log_in(lab.hub, ADMIN, PASSWORD)
    assert isinstance(elsewhere, str)
    answer = page.post("/account/password", current=PASSWORD, password=OTHER)
    assert "Your password is changed." in answer.text
    assert sessions.account_of(lab.hub, elsewhere) is None
    assert sessions.account_of(lab.hub, page.secret) is not None


def test_a_wrong_current_password_is_said_beside_its_field(page: Visitor) -> None:
    answer = page.post("/account/password", current="wrong", password=OTHER)
    assert answer.status_code == 422
    assert "Is not your password." in answer.text
    assert OTHER not in answer.text


def test_other_sessions_are_ended(lab: Lab, page: Visitor) -> None:
    elsewhere = [sessions.log_in(lab.hub, ADMIN, PASSWORD, "Firefox") for _ in range(3)]
    others = [
        one
        for one in sessions.sessions_of(lab.hub, accounts.account_named(lab.hub, ADMIN), current=page.secret)
        if not one.is_current
    ]
    assert "Firefox" in page.text("/account")
    assert "That browser has to log in again." in page.post("/account/sessions/end", session=others[0].id).text
    assert "Logged out elsewhere: 2." in page.post("/account/sessions/end-others").text
    assert [sessions.account_of(lab.hub, str(secret)) for secret in elsewhere] == [None] * 3
    assert sessions.account_of(lab.hub, page.secret) is not None
