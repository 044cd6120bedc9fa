from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import hub.web
from hub.web.look import HEADERS, STYLE
from hub.web.survey_pages import blueprint
from hub.web.views import Rating
from hub.web.words import WORDS
from tests.contrast import contrast
from tests.surveys import OPEN, InMemorySurveys

EN = WORDS["en"]
TOKENS = (Path(hub.web.__file__).parent / "templates" / "tokens.css").read_text("utf-8")
TEXT_PAIRS = [
    ("ink", "paper"),
    ("ink", "card"),
    ("ink", "tint"),
    ("soft", "card"),
    ("soft", "paper"),
    ("accent", "card"),
    ("accent", "tint"),
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
    ("promoter", "card"),
    ("passive", "card"),
    ("detractor", "card"),
    ("unknown", "card"),
    ("held", "card"),
]


@pytest.fixture
def surveys() -> InMemorySurveys:
    return InMemorySurveys(
        views={
            "fresh": OPEN,
            "answered": replace(OPEN, score=4, comment="Too slow.\nMostly on Mondays."),
            "closed": replace(OPEN, score=9, can_change=False),
        }
    )


@pytest.fixture
def client(surveys: InMemorySurveys) -> Iterator[FlaskClient]:
    app = Flask("pages")
    app.register_blueprint(blueprint(surveys))
    with app.test_client() as client:
        yield client


def checked_score(answer: TestResponse) -> list[str]:
    return re.findall(r'value="(\d+)" class="score \w+" checked', answer.text)


def question_shown_first(answer: TestResponse) -> list[str]:
    return re.findall(r'<span class="ask (\w+) first">', answer.text)


# Answering


@pytest.mark.parametrize(
    ("query", "checked", "question"),
    [
        ("?score=0", ["0"], ["detractor"]),
        ("?score=6", ["6"], ["detractor"]),
        ("?score=7", ["7"], ["passive"]),
        ("?score=8", ["8"], ["passive"]),
        ("?score=9", ["9"], ["promoter"]),
        ("?score=10", ["10"], ["promoter"]),
        ("", [], ["anyone"]),
        ("?score=11", [], ["anyone"]),
        ("?score=-1", [], ["anyone"]),
        ("?score=٣", [], ["anyone"]),
        ("?score=%00%ff", [], ["anyone"]),
        ("?thanks=1", [], ["anyone"]),
    ],
)
def test_score_of_the_link_is_preselected_with_its_question(
    client: FlaskClient, query: str, checked: list[str], question: list[str]
) -> None:
    answer = client.get("/s/fresh" + query)
    assert answer.status_code == 200
    assert checked_score(answer) == checked
    assert question_shown_first(answer) == question


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize(
    "path",
    ["/s/fresh?score=9", "/s/answered?score=9&thanks=1", "/u/fresh", "/u/fresh?List-Unsubscribe=One-Click"],
)
def test_looking_changes_nothing(client: FlaskClient, surveys: InMemorySurveys, method: str, path: str) -> None:
    assert client.open(path, method=method).status_code == 200
    assert surveys.calls == []


def test_answer_is_recorded_and_reload_cannot_send_it_again(client: FlaskClient, surveys: InMemorySurveys) -> None:
    answer = client.post("/s/fresh?score=3", data={"score": "9", "comment": "  Fast.\r\nAnd kind. "})
    assert surveys.calls == [("answer", "fresh", 9, "Fast.\nAnd kind.")]
    assert (answer.status_code, answer.location) == (303, "/s/fresh?thanks=1")
    thanks = client.get(answer.location)
    assert EN.thanks in thanks.text
    assert '<p class="big"><bdi>9<' in thanks.text


def test_earlier_answer_is_shown_and_another_score_of_the_mail_wins(client: FlaskClient) -> None:
    answer = client.get("/s/answered")
    assert checked_score(answer) == ["4"]
    assert "Too slow.\nMostly on Mondays.</textarea>" in answer.text
    assert EN.send_again in answer.text
    assert checked_score(client.get("/s/answered?score=8")) == ["8"]


def test_who_answered_already_reads_what_stands_and_until_when_it_may_change(
    client: FlaskClient, surveys: InMemorySurveys
) -> None:
    until = datetime(2026, 3, 12, 9, 30, tzinfo=UTC)
    surveys.views["answered"] = replace(surveys.views["answered"], change_until=until)
    for query in ("", "?score=8"):
        note = EN.answered.format(score=4, until="12 March, 09:30 UTC")
        assert f'<p class="note">{note}</p>' in client.get(f"/s/answered{query}").text
    assert 'class="note"' not in client.get("/s/fresh?score=8").text


@pytest.mark.parametrize(
    ("score", "thanks"),
    [(6, EN.thanks_detractor), (7, EN.thanks_passive), (8, EN.thanks_passive), (9, EN.thanks_promoter)],
)
def test_thanks_are_those_of_the_scores_band(
    client: FlaskClient, surveys: InMemorySurveys, score: int, thanks: str
) -> None:
    surveys.views["answered"] = replace(OPEN, score=score)
    assert thanks.format(brand="Acme") in client.get("/s/answered?thanks=1").text


def test_further_ratings_are_asked_and_keep_what_was_chosen(client: FlaskClient, surveys: InMemorySurveys) -> None:
    support = Rating(name="support", label="How was our <support>?", chosen=4)
    surveys.views["fresh"] = replace(OPEN, ratings=[support, Rating(name="price", label="The price?", chosen=None)])
    page = client.get("/s/fresh").text
    assert "How was our &lt;support&gt;?" in page
    assert re.findall(r'name="rating-(\w+)" value="(\d)" checked', page) == [("support", "4")]
    assert page.count('name="rating-price"') == 5


def test_links_that_were_opened_are_noted_once_each(client: FlaskClient, surveys: InMemorySurveys) -> None:
    for path in ("/s/fresh?score=9", "/s/fresh?score=x", "/s/closed?score=3", "/s/answered?thanks=1", "/s/nobody"):
        client.get(path)
    client.head("/s/fresh?score=9")
    client.post("/s/fresh?score=3", data={"score": "9"})
    assert surveys.openings == [("fresh", 9), ("fresh", None), ("closed", 3)]


def test_score_alone_leaves_the_comment_as_it_is(client: FlaskClient, surveys: InMemorySurveys) -> None:
    client.post("/s/answered", data={"score": "10"})
    assert surveys.calls == [("answer", "answered", 10, None)]


def test_emptied_comment_is_removed(client: FlaskClient, surveys: InMemorySurveys) -> None:
    client.post("/s/answered", data={"score": "10", "comment": ""})
    assert surveys.calls == [("answer", "answered", 10, "")]


@pytest.mark.parametrize("score", [None, "", "11", "-1", "5.0", "five", "٣", "1e1", "0x5", "\x00"])
def test_answer_without_a_score_is_refused_and_its_comment_kept(
    client: FlaskClient, surveys: InMemorySurveys, score: str | None
) -> None:
    fields = {"comment": "Kept <b>"} | ({} if score is None else {"score": score})
    answer = client.post("/s/fresh", data=fields)
    assert answer.status_code == 422
    assert EN.score_missing in answer.text
    assert "Kept &lt;b&gt;</textarea>" in answer.text
    assert surveys.calls == []


def test_comment_at_the_limit_is_recorded_whatever_its_characters(
    client: FlaskClient, surveys: InMemorySurveys
) -> None:
    assert client.post("/s/fresh", data={"score": "9", "comment": "🎉" * 5_000}).status_code == 303
    assert surveys.views["fresh"].comment == "🎉" * 5_000


def test_comment_over_the_limit_is_refused_and_nothing_of_it_lost(
    client: FlaskClient, surveys: InMemorySurveys
) -> None:
    answer = client.post("/s/fresh", data={"score": "2", "comment": "x" * 5_001})
    assert answer.status_code == 422
    assert "longer than 5000 characters" in answer.text
    assert "x" * 5_001 + "</textarea>" in answer.text
    assert checked_score(answer) == ["2"]
    assert surveys.calls == []


def test_comment_loses_only_what_a_database_refuses(client: FlaskClient, surveys: InMemorySurveys) -> None:
    body = b"score=9&comment=a%00b%07%C3%A9%ED%A0%80%0D%0Ac%09d"
    client.post("/s/fresh", data=body, content_type="application/x-www-form-urlencoded")
    comment = surveys.views["fresh"].comment
    assert comment.startswith("abé")
    assert comment.endswith("\nc\td")
    comment.encode()


def test_answer_that_can_no_longer_be_changed_says_so(client: FlaskClient, surveys: InMemorySurveys) -> None:
    for answer, status in (
        (client.get("/s/closed?score=1"), 200),
        (client.post("/s/closed", data={"score": "1"}), 409),
        (client.post("/s/closed", data={"score": "9", "comment": "more"}), 409),
        (client.post("/s/closed", data={"comment": "no score"}), 409),
    ):
        assert answer.status_code == status
        assert EN.closed_why in answer.text
        assert '<p class="big"><bdi>9<' in answer.text
    assert surveys.views["closed"].score == 9


def test_survey_over_without_an_answer_claims_none(client: FlaskClient, surveys: InMemorySurveys) -> None:
    surveys.views["fresh"] = replace(OPEN, can_change=False)
    answer = client.get("/s/fresh")
    assert EN.over_why in answer.text
    assert EN.closed not in answer.text


def test_answer_closed_while_it_was_written_is_not_thanked_for(client: FlaskClient, surveys: InMemorySurveys) -> None:
    surveys.answer = lambda token, score, comment, ratings: surveys.views["closed"]  # type: ignore[method-assign]
    answer = client.post("/s/fresh", data={"score": "1"})
    assert answer.status_code == 409
    assert EN.closed_why in answer.text


def test_too_large_a_form_is_refused_calmly(client: FlaskClient, surveys: InMemorySurveys) -> None:
    answer = client.post("/s/fresh", data={"score": "9", "comment": "x" * 70_000})
    assert answer.status_code == 413
    assert EN.too_large in answer.text
    assert surveys.calls == []


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", b"\xff\xfe%zz&&==&score"),
        ("application/x-www-form-urlencoded; charset=klingon", b"score=%ff"),
        ("multipart/form-data", b"score=9"),
        ("multipart/form-data; boundary=x", b"--x\r\nnothing"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="score"\r\n\r\n\xff\r\n--x--',
        ),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\n9\r\n--x--"),
        ("multipart/form-data; boundary=\xe4", b"--\xe4"),
        ("application/json", b'{"score": 9}'),
        ("", b"score=9"),
    ],
)
def test_unreadable_form_is_never_our_error(
    client: FlaskClient, surveys: InMemorySurveys, content_type: str, body: bytes
) -> None:
    assert client.post("/s/fresh", data=body, content_type=content_type).status_code in (400, 413, 422)
    assert surveys.calls == []


# Unsubscribing


def test_unsubscribing_takes_one_button(client: FlaskClient, surveys: InMemorySurveys) -> None:
    page = client.get("/u/fresh")
    assert page.text.count("<button") == 1
    assert EN.unsubscribe_question.format(brand="Acme") in page.text
    assert EN.unsubscribed in client.post("/u/fresh").text
    assert surveys.unsubscribed == {"fresh"}
    assert EN.unsubscribed in client.get("/u/fresh").text


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_one_click_of_a_mail_program_unsubscribes_at_every_repeat(
    client: FlaskClient, surveys: InMemorySurveys, content_type: str
) -> None:
    for _ in range(2):
        answer = client.post("/u/fresh", data=b"List-Unsubscribe=One-Click", content_type=content_type)
        assert answer.status_code == 200
    assert surveys.unsubscribed == {"fresh"}


# Every page


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "path",
    [
        "/s/nobody",
        "/u/nobody",
        "/s",
        "/s/",
        "/u",
        "/u/",
        "/s/a/b",
        "/u/fresh/",
        "/s/%00",
        "/s/%F0%9F",
        "/s/" + "a" * 201,
    ],
)
def test_what_is_no_live_link_is_the_one_same_page(
    client: FlaskClient, surveys: InMemorySurveys, method: str, path: str
) -> None:
    answer = client.open(path, method=method, data={"score": "9"} if method == "POST" else None)
    assert answer.status_code == 404
    assert answer.text == client.get("/s/someone-else").text
    assert EN.not_found in answer.text


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_other_methods_do_nothing(client: FlaskClient, surveys: InMemorySurveys, method: str) -> None:
    assert client.open("/s/fresh", method=method).status_code == 404
    assert surveys.calls == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/s/fresh"),
        ("GET", "/s/answered?thanks=1"),
        ("GET", "/s/closed"),
        ("GET", "/u/fresh"),
        ("GET", "/s/nobody"),
        ("GET", "/s/a/b/c"),
        ("HEAD", "/s/fresh"),
        ("OPTIONS", "/s/fresh"),
        ("PUT", "/s/fresh"),
        ("POST", "/s/fresh"),
        ("POST", "/u/fresh"),
    ],
)
def test_every_page_is_private_small_and_asks_nothing_of_others(client: FlaskClient, method: str, path: str) -> None:
    answer = client.open(path, method=method)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert "Set-Cookie" not in answer.headers
    assert len(answer.data) < 15_000
    assert not re.search(r"<script|<link|<img|https?:|\son\w+=|\sstyle=", answer.text)


def test_thanks_redirect_is_private_too(client: FlaskClient) -> None:
    answer = client.post("/s/fresh", data={"score": "9"})
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


def test_hostile_brand_is_text(client: FlaskClient, surveys: InMemorySurveys) -> None:
    surveys.views["fresh"] = replace(OPEN, brand="<script>x</script>{{7*7}}{score}", comment="</textarea><script>")
    for path in ("/s/fresh", "/u/fresh"):
        assert "<script" not in client.get(path).text


def test_unknown_language_is_served_in_english_and_says_so(client: FlaskClient, surveys: InMemorySurveys) -> None:
    surveys.views["fresh"] = replace(OPEN, language="xx-YY")
    assert '<html lang="en" dir="ltr">' in client.get("/s/fresh").text


def test_strangers_page_speaks_the_browsers_language(client: FlaskClient) -> None:
    page = client.get("/s/nobody", headers={"Accept-Language": "tlh, ar;q=0.8, de;q=0.5"})
    assert '<html lang="ar" dir="rtl">' in page.text
    assert WORDS["ar"].not_found in page.text


@pytest.mark.parametrize("language", WORDS)
@pytest.mark.parametrize("path", ["/s/{}?score=9", "/s/{}-answered?thanks=1", "/u/{}"])
def test_pages_are_small_in_every_language(
    client: FlaskClient, surveys: InMemorySurveys, language: str, path: str
) -> None:
    view = replace(OPEN, language=language, colour="#ffcc00")
    surveys.views |= {language: view, f"{language}-answered": replace(view, score=4)}
    page = client.get(path.format(language))
    assert f'<html lang="{language}" dir="' in page.text
    assert len(page.data) < 15_000


# Look


@pytest.mark.parametrize("path", ["/s/fresh", "/s/answered?thanks=1", "/s/closed", "/u/fresh"])
def test_page_wears_its_brands_colour_and_the_policy_allows_just_that(
    client: FlaskClient, surveys: InMemorySurveys, path: str
) -> None:
    surveys.views = {name: replace(view, colour="#ffcc00") for name, view in surveys.views.items()}
    page = client.get(path)
    style = page.text.partition("<style>")[2].partition("</style>")[0]
    assert "--fill: #ffcc00;" in style
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in page.headers["Content-Security-Policy"]
    assert "#ffcc00" not in client.get("/s/nobody").text


@pytest.mark.parametrize(
    ("logo_url", "allowed"),
    [("https://cdn.acme.example/a.png?x=1;y", "https://cdn.acme.example"), ("/logo.png", "'self'")],
)
def test_logo_is_shown_from_its_place_alone(
    client: FlaskClient, surveys: InMemorySurveys, logo_url: str, allowed: str
) -> None:
    surveys.views["fresh"] = replace(OPEN, logo_url=logo_url)
    page = client.get("/s/fresh")
    assert f'<img src="{logo_url}" alt="Acme"' in page.text
    assert f"img-src {allowed};" in page.headers["Content-Security-Policy"]
    assert "img-src 'none';" in client.get("/s/answered").headers["Content-Security-Policy"]


def test_no_colour_stands_outside_the_tokens() -> None:
    colour = re.compile(r"#[0-9a-fA-F]{3,8}\b|\brgba?\(|\bhsla?\(|\boklch\(")
    rest = STYLE.replace(TOKENS, "")
    templates = Path(hub.web.__file__).parent / "templates"
    pages = [path.read_text("utf-8") for path in templates.glob("*.html")]
    assert len(rest) < len(STYLE)
    assert [hit for text in [rest, *pages] for hit in colour.findall(text)] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), TEXT_PAIRS)
def test_text_has_contrast(scheme: str, text: str, ground: str) -> None:
    assert contrast(colours(scheme)[text], colours(scheme)[ground]) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("ground", ["card", "tint"])
def test_edges_of_controls_have_contrast(scheme: str, ground: str) -> None:
    assert contrast(colours(scheme)["edge"], colours(scheme)[ground]) >= 3


def colours(scheme: str) -> dict[str, str]:
    light, dark = TOKENS.split("@media (prefers-color-scheme: dark)")
    pattern = re.compile(r"--([\w-]+): (#[0-9a-f]{6});")
    return dict(pattern.findall(light)) | (dict(pattern.findall(dark)) if scheme == "dark" else {})
