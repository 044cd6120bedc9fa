"""Who uses the console, what they may do there, and that nobody does it for them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from flask import Blueprint, g, jsonify
from jinja2 import DictLoader
from werkzeug.test import Client, TestResponse

from hub.admin import audit
from hub.admin.access import accounts, sessions, setup, tokens
from hub.admin.access.accounts import AccountRole
from hub.admin.access.tokens import Scope
from hub.admin.paging import Slice
from hub.store import tables
from hub.web import guard
from hub.web.app import HubApp
from hub.web.backing import Backing, put_behind
from hub.web.console.access import add_access
from tests.lab import Lab

PASSWORD = "three green kettles"
SHOWN = "{{ {'name': name, 'problems': problems, 'next': next, 'csrf': csrf_token()} | tojson }}"
PAGES = {f"console/{name}.html": SHOWN for name in ("login", "setup")}
HERE = {"Sec-Fetch-Site": "same-origin"}


class Browser:
    """A browser that keeps cookies; it says that it comes from here unless told otherwise."""

    def __init__(self, app: HubApp, address: str) -> None:
        self._client = Client(app)
        self._address = address

    def __call__(self, method: str, path: str, *, headers: dict[str, str] = HERE, **form: str) -> TestResponse:
        return self._client.open(path, method=method, base_url=self._address, headers=headers, data=form or None)

    def log_in(self, name: str = "ada", **form: str) -> TestResponse:
        return self("POST", "/login", name=name, password=PASSWORD, **form)

    def cookie(self, name: str) -> str | None:
        cookie = self._client.get_cookie(name, domain=self._address.split("//")[1].split(":")[0])
        return cookie.value if cookie else None


def app_of(lab: Lab) -> HubApp:
    """Return an application with the pages of the access alone, and one view for each role."""
    app = HubApp("hub.web", static_folder=None)
    app.jinja_env.loader = DictLoader(PAGES)
    app.secret_key = "of a test"
    put_behind(app, Backing(hub=lab.hub, wake=lambda _job: True, receive=lambda *_: None))
    pages = Blueprint("console", __name__)
    pages.before_request(lambda: guard.let_in(lab.hub))
    pages.context_processor(lambda: {"csrf_token": guard.csrf_token})
    add_access(pages)
    pages.add_url_rule("/anybody", "anybody", lambda: jsonify(who=g.account.name), methods=["GET", "POST"])
    for role in AccountRole:
        view = guard.needs(role)(lambda: jsonify(csrf=guard.csrf_token()))
        pages.add_url_rule(f"/{role}", role, view, methods=["GET", "POST"])

    @pages.post("/tokens/<name>")
    @guard.needs("admin")
    def make_token(name: str) -> str:
        tokens.add(lab.hub, name, [Scope.READ])
        return ""

    app.register_blueprint(pages)
    return app


@pytest.fixture
def people(lab: Lab) -> None:
    for name, role in (("ada", AccountRole.ADMIN), ("ben", AccountRole.EDITOR), ("eve", AccountRole.VIEWER)):
        accounts.add(lab.hub, name, PASSWORD, role)


@pytest.fixture
def browser(lab: Lab, people: None) -> Browser:
    return Browser(app_of(lab), "https://hub.example")


def shown(answer: TestResponse) -> Any:
    return json.loads(answer.text)


# Coming in, going out


def test_login_leads_back_to_where_somebody_wanted_to_go(browser: Browser) -> None:
    away = browser("GET", "/viewer?page=2")
    assert (away.status_code, away.location) == (303, "/login?next=%2Fviewer%3Fpage%3D2")
    page = browser("GET", away.location)
    assert shown(page)["next"] == "/viewer?page=2"
    back = browser.log_in(next=shown(page)["next"])
    assert (back.status_code, back.location) == (303, "/viewer?page=2")
    assert browser("GET", back.location).status_code == 200
    assert browser("GET", "/anybody").json["who"] == "ada"
    assert browser("GET", "/login?next=/editor").location == "/editor"


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        (None, "/"),
        ("", "/"),
        ("/people?who=ada&page=2", "/people?who=ada&page=2"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("\\\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("/\n/evil.example", "/"),
        (" //evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("people", "/"),
    ],
)
def test_login_leads_to_pages_of_this_hub_alone(wanted: str | None, path: str) -> None:
    assert guard.own_path(wanted) == path


def test_wrong_password_keeps_the_name_and_says_no_more(browser: Browser) -> None:
    answers = [browser("POST", "/login", name=name, password="x", next="/viewer") for name in ("ada", "nobody")]
    for answer, name in zip(answers, ("ada", "nobody"), strict=True):
        assert answer.status_code == 422
        kept = {"name": name, "next": "/viewer", "problems": {"": "The name or the password is wrong."}}
        assert shown(answer) == {**kept, "csrf": shown(answer)["csrf"]}
    assert browser("GET", "/viewer").status_code == 303


def test_too_many_wrong_passwords_are_answered_with_when_to_try_again(browser: Browser) -> None:
    for _ in range(5):
        browser("POST", "/login", name="ada", password="x")
    answer = browser.log_in()
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "901")
    assert shown(answer)["problems"] == {"": "There were too many wrong passwords; try again from 09:45:00 UTC."}


def test_each_login_begins_a_new_session_and_ends_the_one_before(lab: Lab, browser: Browser) -> None:
    browser.log_in()
    first = browser.cookie("__Host-hub")
    browser.log_in()
    second = browser.cookie("__Host-hub")
    assert first
    assert second
    assert first != second
    assert sessions.account_of(lab.hub, first) is None
    assert sessions.account_of(lab.hub, second)


def test_session_that_a_browser_brings_along_is_not_taken_up(lab: Lab, browser: Browser) -> None:
    browser._client.set_cookie("__Host-hub", "planted", domain="hub.example", secure=True)
    browser.log_in()
    assert browser.cookie("__Host-hub") != "planted"
    assert sessions.account_of(lab.hub, "planted") is None


def test_logout_ends_the_session_here_and_there(lab: Lab, browser: Browser) -> None:
    browser.log_in()
    secret = browser.cookie("__Host-hub")
    assert secret
    answer = browser("POST", "/logout")
    assert (answer.status_code, answer.location) == (303, "/login")
    assert browser.cookie("__Host-hub") is None
    assert sessions.account_of(lab.hub, secret) is None
    assert browser("GET", "/logout").status_code == 405
    assert browser("POST", "/logout").location == "/login"


def test_who_sends_a_form_without_a_session_is_told_that_nothing_was_saved_and_goes_back(browser: Browser) -> None:
    headers = {**HERE, "Referer": "https://hub.example/viewer?page=2"}
    answer = browser("POST", "/editor", headers=headers)
    assert answer.location == "/login?next=%2Fviewer%3Fpage%3D2&unsaved=1"


def test_who_is_logged_out_or_changed_elsewhere_is_out_at_the_next_request(lab: Lab, browser: Browser) -> None:
    browser.log_in("ben")
    assert browser("GET", "/editor").status_code == 200
    accounts.set_role(lab.hub, "ben", AccountRole.VIEWER)
    assert browser("GET", "/viewer").location == "/login?next=%2Fviewer"
    browser.log_in("ben")
    assert browser("GET", "/editor").status_code == 403
    lab.clock.advance(timedelta(hours=24))
    assert browser("GET", "/viewer").status_code == 303


def test_part_of_a_page_sends_the_whole_page_to_the_login(browser: Browser) -> None:
    headers = {**HERE, "HX-Request": "true", "HX-Current-URL": "https://hub.example/people?page=2"}
    answer = browser("POST", "/editor", headers=headers)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/login?next=%2Fpeople%3Fpage%3D2")
    headers["HX-Current-URL"] = "https://evil.example//evil.example"
    assert browser("GET", "/editor", headers=headers).headers["HX-Redirect"] == "/login?next=%2F"


# Cookies


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("https://hub.example", "__Host-hub=SECRET; Secure; HttpOnly; Path=/; SameSite=Lax"),
        ("http://127.0.0.1:8000", "hub=SECRET; HttpOnly; Path=/; SameSite=Lax"),
    ],
)
@pytest.mark.usefixtures("people")
def test_cookie_is_as_closed_as_the_address_allows(lab: Lab, base_url: str, expected: str) -> None:
    object.__setattr__(lab.hub.settings, "base_url", base_url)
    browser = Browser(app_of(lab), base_url)
    (cookie,) = browser.log_in().headers.getlist("Set-Cookie")
    name = expected.partition("=")[0]
    parts = [part for part in cookie.split("; ") if not part.startswith(("Expires", "Max-Age"))]
    assert "; ".join(parts) == expected.replace("SECRET", str(browser.cookie(name)))
    assert "Max-Age=2592000" in cookie
    assert browser("GET", "/admin").status_code == 200


# Roles


def test_every_role_opens_what_it_includes_and_nothing_else(browser: Browser) -> None:
    found = {}
    for name in ("ada", "ben", "eve"):
        browser.log_in(name)
        found[name] = [browser(method, f"/{role}").status_code for role in AccountRole for method in ("GET", "POST")]
    assert found == {"ada": [200] * 6, "ben": [200] * 4 + [403] * 2, "eve": [200] * 2 + [403] * 4}
    assert "takes the role admin. An admin can give it to you." in browser("GET", "/admin").text


def test_pages_that_need_no_role_are_there_for_whoever_is_logged_in_alone(browser: Browser) -> None:
    for method in ("GET", "POST"):
        assert browser(method, "/anybody").status_code == 303
    browser.log_in("eve")
    for method in ("GET", "POST"):
        assert browser(method, "/anybody").json["who"] == "eve"


def test_template_can_ask_what_somebody_may(browser: Browser) -> None:
    browser.log_in("ben")
    with browser._client.application.test_request_context(
        "/anybody", headers={"Cookie": f"__Host-hub={browser.cookie('__Host-hub')}"}
    ) as context:
        assert [guard.may(role) for role in AccountRole] == [False] * 3
        context.app.preprocess_request()
        assert [guard.may(role) for role in AccountRole] == [True, True, False]


def test_who_is_logged_in_acts_for_the_audit_log_and_for_this_request_alone(lab: Lab, browser: Browser) -> None:
    browser.log_in()
    browser("POST", "/tokens/crm")
    tokens.add(lab.hub, "later", [Scope.READ])
    page = audit.entries(lab.hub, audit.Wanted(action=audit.Action.TOKEN_ADDED), Slice())
    assert {entry.subject: entry.who for entry in page.items} == {"crm": "ada", "later": "the hub"}


# Requests that others make


@pytest.mark.parametrize(
    ("headers", "is_taken"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://hub.example"}, False),
        ({"Origin": "https://hub.example"}, True),
        ({"Origin": "HTTPS://Hub.Example"}, True),
        ({"Origin": "http://hub.example"}, False),
        ({"Origin": "https://hub.example.evil.example"}, False),
        ({"Origin": "https://hub.example:444"}, False),
        ({"Origin": "null"}, False),
        ({}, False),
    ],
)
def test_a_change_is_taken_from_pages_of_this_hub_alone(
    lab: Lab, browser: Browser, headers: dict[str, str], is_taken: bool
) -> None:
    browser.log_in()
    answer = browser("POST", "/tokens/crm", headers=headers)
    assert answer.status_code == (200 if is_taken else 403)
    assert len(lab.rows(tables.api_token)) == (1 if is_taken else 0)
    if not is_taken:
        assert "Reload the page" in answer.text
    assert browser("GET", "/viewer", headers=headers).status_code == 200


@pytest.mark.usefixtures("people")
def test_hub_behind_another_address_than_its_own_takes_what_that_address_says(lab: Lab) -> None:
    browser = Browser(app_of(lab), "http://10.0.0.7:8000")
    login = {"name": "ada", "password": PASSWORD}
    assert browser("POST", "/login", headers={"Origin": "https://10.0.0.7:8000"}, **login).status_code == 303


@pytest.mark.usefixtures("people")
def test_hub_that_is_reached_by_tls_takes_no_change_from_a_page_without(lab: Lab) -> None:
    browser = Browser(app_of(lab), "http://hub.acme.example")
    login = {"name": "ada", "password": PASSWORD}
    assert browser("POST", "/login", headers={"Origin": "http://hub.acme.example"}, **login).status_code == 403


def test_an_address_that_nothing_is_called_by_is_not_there(lab: Lab, browser: Browser) -> None:
    browser.log_in()
    assert browser("POST", "/tokens/a%00b").status_code == 404
    assert lab.rows(tables.api_token) == []


def test_where_somebody_says_to_have_been_may_be_anything(lab: Lab) -> None:
    browser = Browser(app_of(lab), "https://hub.acme.example")
    headers = {"HX-Request": "true", "HX-Current-URL": "http://[x"}
    assert browser("GET", "/viewer", headers=headers).status_code == 401


def test_browser_that_says_nothing_is_taken_by_the_field_of_its_form(lab: Lab, browser: Browser) -> None:
    browser.log_in()
    token = browser("GET", "/viewer").json["csrf"]
    assert browser("POST", "/admin", headers={}, **{guard.FIELD: token}).status_code == 200
    assert browser("POST", "/admin", headers={"Origin": "null"}, **{guard.FIELD: token}).status_code == 200
    assert browser("POST", "/admin", headers={"X-CSRF": token}).status_code == 200
    for wrong in ("", "x", token[:-1], token + "0", "é", lab.hub.keys.voucher_for("another secret")):
        assert browser("POST", "/admin", headers={}, **{guard.FIELD: wrong}).status_code == 403
    browser.log_in()
    assert browser("POST", "/admin", headers={}, **{guard.FIELD: token}).status_code == 403, (
        "it was one of the last session"
    )


def test_login_without_a_word_of_the_browser_takes_the_field_that_its_page_gave(browser: Browser) -> None:
    form = {"name": "ada", "password": PASSWORD}
    assert browser("POST", "/login", headers={}, **form).status_code == 403
    token = shown(browser("GET", "/login", headers={}))["csrf"]
    planned = browser.cookie("__Host-hub")
    assert browser("POST", "/login", headers={}, **form, **{guard.FIELD: token}).status_code == 303
    assert browser.cookie("__Host-hub") != planned


def test_form_of_a_stranger_is_small_or_not_read(browser: Browser) -> None:
    assert browser("POST", "/login", headers=HERE, name="x" * 20_000).status_code == 413
    assert browser("POST", "/login", headers={}, name="x" * 20_000).status_code == 413


# The first run


@pytest.fixture
def first(lab: Lab) -> tuple[Browser, str]:
    """A browser on a hub without accounts, and the path of the link."""
    link = setup.offer(lab.hub)
    assert link
    return Browser(app_of(lab), "https://hub.example"), link.removeprefix("https://hub.example")


def test_link_makes_the_first_admin_and_lets_them_in(lab: Lab, first: tuple[Browser, str]) -> None:
    browser, path = first
    assert browser("GET", path).status_code == 200
    answer = browser("POST", path, name="Ada", password=PASSWORD)
    assert (answer.status_code, answer.location) == (303, "/")
    assert browser("GET", "/anybody").json["who"] == "ada"
    assert browser("GET", path).status_code == 404
    assert browser("POST", path, name="eve", password=PASSWORD).status_code == 404
    assert [one.name for one in accounts.accounts(lab.hub)] == ["ada"]


def test_bad_first_account_is_said_beside_its_fields_and_the_name_is_kept(first: tuple[Browser, str]) -> None:
    browser, path = first
    answer = browser("POST", path, name="two words", password="short")
    assert answer.status_code == 422
    assert shown(answer)["name"] == "two words"
    assert set(shown(answer)["problems"]) == {"name", "password"}


def test_link_that_nobody_was_given_is_dead(lab: Lab, first: tuple[Browser, str]) -> None:
    browser, _ = first
    for method in ("GET", "POST"):
        answer = browser(method, "/setup/guessed", name="eve", password=PASSWORD)
        assert answer.status_code == 404
        assert "hub accounts add" in answer.text
    assert accounts.accounts(lab.hub) == []


def test_secret_of_the_session_is_that_of_whoever_is_logged_in(lab: Lab, browser: Browser) -> None:
    app = browser._client.application
    with app.test_request_context("/viewer", headers={"Cookie": "__Host-hub=planted"}):
        app.preprocess_request()
        assert (g.account, guard.session_secret()) == (None, None)
