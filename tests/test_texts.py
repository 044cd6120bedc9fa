"""A survey's own texts: from the settings to the mail, the page and the answer, each in one language and version."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from hub.admin import audit
from hub.admin.configuration import export, planning, surveys, texts
from hub.admin.operations import trials
from hub.admin.paging import Slice
from hub.admin.people import people
from hub.admin.responses.responses import Wanted, responses
from hub.admin.trouble import NotThere
from hub.config import ConfigError
from hub.pipeline.respond import NoSuchRating, answer, open_survey
from hub.plugin import Message
from hub.store import tables
from hub.web import page_preview
from hub.web.app import create_app
from hub.web.words import words_for
from tests.contrast import contrast
from tests.lab import Lab, identify

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(200))
LOGO = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
GERMAN = {
    "subject": "{{ name }}, wie war’s?",
    "question": "Wie wahrscheinlich empfehlen Sie {{ brand }} {weiter}?",
    "greeting": "Guten Tag {{ name }},",
    "neutral_greeting": "Guten Tag,",
    "intro": 'Bitte wählen Sie.\n{% if traits.plan == "pro" %}Sie haben Pro & mehr.{% else %}Danke!{% endif %}',
    "lowest": "nie",
    "highest": "immer",
    "ask_detractor": "Was fehlt?",
    "thanks_promoter": "Schön, {{ name }}!\nBis bald.",
    "ratings": {"support": "Unser Service"},
}


def save(lab: Lab, **settings: Any) -> planning.Plan:
    """Save the usual survey with these settings."""
    table = {"sources": ["product"], "channels": ["relay"], "targets": ["crm"], "enabled": True, "surge_brake": False}
    return surveys.put(lab.hub, "onboarding", {**table, **settings})


def mail_to(lab: Lab, user: str = "u1", **traits: Any) -> Message:
    """Ask a customer; return their mail."""
    lab.decide(identify(user, **traits))
    lab.deliver()
    return lab.office.mails[-1][1]


@pytest.fixture
def client(lab: Lab) -> Iterator[FlaskClient]:
    app = create_app(lab.hub)
    with app.test_client() as client:
        yield client
    app.close()


def test_customer_gets_the_survey_s_own_texts_in_their_language(lab: Lab) -> None:
    save(lab, brand="Acme", texts={"de": GERMAN})
    mail = mail_to(lab, name="Ada", plan="pro", language="de-AT")
    assert mail.subject == "Ada, wie war’s?"
    assert "Wie wahrscheinlich empfehlen Sie Acme {weiter}?" in mail.html
    assert "Bitte wählen Sie.<br>\nSie haben Pro &amp; mehr." in mail.html
    assert "Guten Tag Ada," in mail.text
    assert "Sie haben Pro & mehr." in mail.text
    assert ' lang="de"' in mail.html
    [invitation] = lab.invitations()
    assert (invitation.texts_version, invitation.language) == (2, "de")


@pytest.mark.parametrize("wanted", ["sk", "tlh", "", "x" * 100_000, "\u202e"])
def test_customer_whose_language_has_no_texts_gets_the_survey_s_own_language(lab: Lab, wanted: str) -> None:
    save(lab, language="cs", texts={"cs": {"question": "Doporučíte {{ brand }}?"}})
    mail = mail_to(lab, name="Ada", language=wanted)
    assert "Doporučíte" in mail.html
    assert lab.invitations()[0].language == "cs"


def test_what_a_language_lacks_is_the_shipped_word_of_the_same_language(lab: Lab) -> None:
    save(lab, language="de", texts={"de": GERMAN, "en": {"lowest": "never"}})
    mail = mail_to(lab, name="Ada", language="en")
    assert mail.subject.startswith("How likely are you to recommend")
    assert ">never<" in mail.html


def test_what_a_language_without_shipped_words_lacks_is_the_default_one_s_text(lab: Lab) -> None:
    save(lab, language="de", texts={"de": GERMAN, "cs": {"lowest": "nikdy"}})
    mail = mail_to(lab, name="Ada", language="cs")
    assert ">nikdy<" in mail.html
    assert ">immer<" in mail.html


def test_words_of_another_direction_than_the_language_read_in_their_own(lab: Lab, client: FlaskClient) -> None:
    save(lab, brand="Acme", texts={"he": {"question": "Acme: מה דעתך?", "greeting": "שלום {{ name }}"}})
    mail = mail_to(lab, name="Ada", language="he")
    words = words_for("en")
    assert '<h1 class="ink"' in mail.html
    assert f'<span dir="ltr">{words.lowest}</span>' in mail.html
    assert f'<span dir="ltr">{words.highest}</span>' in mail.html
    assert re.search(r'<p dir="ltr" class="soft line"[^>]*>Acme sends this survey', mail.html)
    assert '<p class="ink" style="margin:0 0 8px;' in mail.html
    page = client.get(mail.link.removeprefix("https://hub.acme.example")).text
    assert '<html lang="he" dir="rtl">' in page
    assert ">Acme: מה דעתך?<" in page
    assert f"\u2066{words.lowest}\u2069" in page
    assert f"\u2066{words.send}\u2069" in page
    arabic = mail_to(lab, "u2", name="Grace", language="ar")
    assert ' dir="ltr"' not in arabic.html
    assert "\u2066" not in client.get(arabic.link.removeprefix("https://hub.acme.example")).text


def test_customer_without_a_name_is_greeted_neutrally(lab: Lab) -> None:
    save(lab, texts={"en": {"greeting": "Dear {{ name }},", "neutral_greeting": "Dear customer,"}})
    assert "Dear customer," in mail_to(lab, name="www.evil.example").text


def test_subject_that_turns_out_empty_is_the_shipped_one(lab: Lab) -> None:
    save(lab, brand="Acme", texts={"en": {"subject": "{% if traits.plan %}x{% endif %}", "question": "{{ name }}"}})
    mail = mail_to(lab)
    assert mail.subject == "How likely are you to recommend Acme?"
    assert "How likely are you to recommend Acme to a friend or colleague?" in mail.html


def test_hostile_customer_disturbs_no_mail_and_no_page(lab: Lab, client: FlaskClient) -> None:
    odd = '<script>x</script>{{ 7*7 }}"\u202e\r\nBcc: eve\ue000' + "\u0000" + "=cmd|' /C calc'!A0"
    source = "{{ name }}: {{ traits.plan }} {{ traits.huge }}"
    save(lab, texts={"en": dict.fromkeys(("subject", "question", "intro", "ask_detractor", "greeting"), source)})
    mail = mail_to(lab, name=odd, plan=odd, huge="x" * 1_000_000)
    assert "\n" not in mail.subject
    page = client.get(f"/s/{lab.token()}").text
    for text in (mail.html, page):
        assert "<script>x" not in text
        assert "&lt;script&gt;x" in text
    for text in (mail.subject, mail.text, mail.html, page):
        assert not set(text) & {"\u202e", "\x00", "\ue000"}
        assert "{{ 7*7 }}" in text
    assert len(mail.html) < 30_000
    assert len(page) < 30_000


def test_problem_is_told_with_language_text_and_line(lab: Lab) -> None:
    with pytest.raises(ConfigError) as refused:
        save(lab, texts={"de": {"subject": "a\n{{ nme }}", "intro": "x" * 2_001}, "Deutsch": {}}, logo="x", ratings="a")
    problems = "\n".join(refused.value.problems)
    assert "surveys.onboarding.texts.de.subject: line 2: there is no nme; did you mean name?" in problems
    assert "surveys.onboarding.texts.de.intro: is longer than 2000 characters" in problems
    assert "surveys.onboarding.texts.Deutsch: write a language such as de" in problems
    assert "surveys.onboarding.logo: write the image as data:image/png" in problems
    assert "surveys.onboarding.ratings: write a list" in problems


@pytest.mark.parametrize(
    ("logo", "why"),
    [
        ("data:image/png;base64," + base64.b64encode(b"GIF89a...").decode(), "is no PNG image"),
        ("data:image/svg+xml;base64,AAAA", "write the image as"),
        ("data:image/png;base64,iVBORw0KGg", "damaged"),
        ("data:image/png;base64," + base64.b64encode(PNG + bytes(24 * 1024)).decode(), "larger than 24 KB"),
    ],
)
def test_logo_is_known_by_its_bytes_and_is_small(lab: Lab, logo: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        save(lab, logo=logo)


def test_logo_is_served_for_good_and_stands_in_mail_and_page(lab: Lab, client: FlaskClient) -> None:
    save(lab, brand="Acme", logo=LOGO)
    mail = mail_to(lab)
    address = f"/s/logo/{texts.version(lab.hub, 'onboarding', 2).content['logo']}"
    assert f'<img src="https://hub.example{address}" alt="Acme"' in mail.html
    page = client.get(f"/s/{lab.token()}")
    assert f'<img src="{address}" alt="Acme"' in page.text
    assert "img-src 'self'" in page.headers["Content-Security-Policy"]
    save(lab, brand="Acme")
    found = client.get(address)
    assert (found.data, found.content_type) == (PNG, "image/png")
    assert found.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert found.headers["X-Content-Type-Options"] == "nosniff"
    for other in ("/s/logo/x.png", f"/s/logo/{'0' * 32}.png", "/s/logo/"):
        assert client.get(other).status_code == 404


def test_plan_and_audit_log_tell_texts_one_by_one_and_never_hold_the_logo(lab: Lab) -> None:
    save(lab, logo=LOGO, texts={"de": {"subject": "Alt"}})
    plan = save(lab, texts={"de": {"subject": "Neu"}})
    assert '~ surveys.onboarding.texts.de.subject: "Alt" -> "Neu"' in plan.lines
    assert '~ surveys.onboarding.logo: (an image) -> ""' in plan.lines
    noted = str(audit.entries(lab.hub, audit.Wanted(), Slice(limit=50)).items)
    assert "iVBOR" not in noted


def test_settings_survive_export_and_apply(lab: Lab) -> None:
    save(lab, logo=LOGO, brand_colour="#Ff8800", language="de", ratings=["support"], texts={"de": GERMAN})
    written = export.export(lab.hub)
    assert not planning.plan(lab.hub, written, environ={}).lines
    assert "[surveys.onboarding.texts.de.ratings]" in written


def test_version_is_kept_whenever_customers_see_something_else(lab: Lab) -> None:
    lab.clock.advance(timedelta(hours=1))
    save(lab, brand="Acme")
    save(lab, brand="Acme", min_delay_days=3)
    save(lab, brand="Acme", texts={"en": {"lowest": ""}})
    save(lab, texts={"en": {"lowest": "never"}})
    found = texts.versions(lab.hub, "onboarding")
    assert [one.number for one in found] == [3, 2, 1]
    assert found[1].content["brand"] == "Acme"
    assert found[1].saved_at == lab.clock()
    assert texts.version(lab.hub, "onboarding", 3).content["texts"] == {"en": {"lowest": "never"}}
    with pytest.raises(NotThere, match="no version 4"):
        texts.version(lab.hub, "onboarding", 4)


def test_page_shows_what_the_mail_showed(lab: Lab, client: FlaskClient) -> None:
    save(lab, texts={"de": GERMAN}, ratings=["support"])
    mail_to(lab, name="Ada", language="de")
    save(lab, texts={"de": {"question": "Anders?"}}, brand="Other")
    lab.decide(identify(name="Ada", language="en"))
    page = client.get(f"/s/{lab.token()}?score=3").text
    assert "Wie wahrscheinlich empfehlen Sie" in page
    assert "{weiter}?" in page
    assert "Was fehlt?" in page
    assert "Unser Service" in page
    assert "Anders?" not in page
    answer(lab.hub, lab.token(), 9, None)
    [response] = lab.rows(tables.response)
    assert (response.texts_version, response.language) == (2, "de")
    [seen] = responses(lab.hub, Wanted(), Slice(limit=5)).items
    assert (seen.texts_version, seen.language) == (2, "de")
    [told] = [one for one in people.why(lab.hub, "u1")[0].entries if one.what == "answer"]
    assert told.details["detail"] == "Asked in de, by version 2 of the texts."


def test_invitation_from_before_versions_shows_what_is_there_now(lab: Lab) -> None:
    save(lab, texts={"de": GERMAN})
    mail_to(lab, language="de")
    lab.change(tables.invitation, texts_version=None, language=None)
    seen = open_survey(lab.hub, lab.token())
    assert seen is not None
    assert (seen.language, seen.texts_version) == ("de", 2)


def test_thanks_are_said_by_band(lab: Lab, client: FlaskClient) -> None:
    save(lab, texts={"de": GERMAN})
    mail_to(lab, name="Ada", language="de")
    promoter = client.post(f"/s/{lab.token()}", data={"score": "9"}, follow_redirects=True)
    assert "Schön, Ada!\nBis bald." in promoter.text
    detractor = client.post(f"/s/{lab.token()}", data={"score": "2"}, follow_redirects=True)
    assert "Schön" not in detractor.text


def test_ratings_are_kept_with_their_history_and_each_may_be_left_out(lab: Lab, client: FlaskClient) -> None:
    save(lab, ratings=["support", "price"])
    mail_to(lab)
    link = f"/s/{lab.token()}"
    assert client.get(link).text.count('name="rating-') == 10
    assert client.post(link, data={"score": "9", "rating-support": "4"}).status_code == 303
    client.post(link, data={"score": "9", "rating-price": "1"})
    client.post(link, data={"score": "9", "rating-support": ""})
    client.post(link, data={"score": "9"})
    history = [row.ratings for row in lab.rows(tables.response_version, "version")]
    assert history == [{"support": 4}, {"support": 4, "price": 1}, {"price": 1}]
    [response] = lab.rows(tables.response)
    assert (response.ratings, response.version) == ({"price": 1}, 3)
    assert 'name="rating-price" value="1" checked' in client.get(link).text


@pytest.mark.parametrize(
    "ratings", [{"rating-support": "6"}, {"rating-support": "0"}, {"rating-x": "3"}, {"rating-": "1"}]
)
def test_rating_that_nobody_asked_for_is_refused_and_nothing_is_lost(
    lab: Lab, client: FlaskClient, ratings: dict[str, str]
) -> None:
    save(lab, ratings=["support"])
    mail_to(lab)
    refused = client.post(f"/s/{lab.token()}", data={"score": "9", "comment": "well", **ratings})
    assert refused.status_code == 422
    assert words_for("en").rating_unclear in refused.text
    assert "well</textarea>" in refused.text
    assert lab.rows(tables.response) == []
    with pytest.raises(NoSuchRating):
        answer(lab.hub, lab.token(), 9, None, {"x": 1})


def test_changed_rating_alone_is_no_news_for_targets_that_know_the_score(lab: Lab) -> None:
    save(lab, ratings=["support"])
    mail_to(lab)
    answer(lab.hub, lab.token(), 9, None)
    lab.sync()
    answer(lab.hub, lab.token(), 9, None, {"support": 2})
    assert lab.sync() == 0
    assert [row.state for row in lab.rows(tables.outbox, "version")] == ["done", "done"]


@pytest.mark.parametrize("colour", ["#ffffff", "#000000", "#ffdd00", "#767676", "#FF0000", "#2451b3"])
def test_every_brand_colour_is_readable_on_the_page(lab: Lab, client: FlaskClient, colour: str) -> None:
    save(lab, brand_colour=colour)
    mail_to(lab)
    style = client.get(f"/s/{lab.token()}").text.split("<style>")[1].split("</style>")[0]
    fills, inks = (re.findall(rf"--{name}: (#[0-9a-f]{{6}})", style) for name in ("fill", "on-fill"))
    assert len(fills) == len(inks) == 2
    assert all(contrast(fill, ink) >= 4.5 for fill, ink in zip(fills, inks, strict=True))
    assert f"6px solid {fills[0]}" in lab.office.mails[-1][1].html


def test_page_in_a_brand_s_colour_names_its_style_sheet(lab: Lab, client: FlaskClient) -> None:
    save(lab, brand_colour="#ffdd00")
    mail_to(lab)
    page = client.get(f"/s/{lab.token()}")
    style = page.text.split("<style>")[1].split("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in page.headers["Content-Security-Policy"]


def test_preview_shows_unsaved_settings_and_keeps_nothing(lab: Lab) -> None:
    before = len(texts.versions(lab.hub, "onboarding"))
    raw = {"brand": "Neu", "texts": {"de": GERMAN}, "logo": LOGO, "ratings": ["support"]}
    seen = texts.preview(lab.hub, "onboarding", raw, language="de")
    assert seen.subject == "Ada Lovelace, wie war’s?"
    assert "Sie haben Pro &amp; mehr." in seen.html
    assert LOGO in seen.html
    assert seen.page.labels == {"support": "Unser Service"}
    assert texts.preview(lab.hub, "onboarding", raw).language == "en"
    assert len(texts.versions(lab.hub, "onboarding")) == before
    with pytest.raises(ConfigError, match=r"surveys\.onboarding\.texts\.de\.subject: line 1: "):
        texts.preview(lab.hub, "onboarding", {"texts": {"de": {"subject": "{{"}}})


def test_preview_for_a_customer_has_their_name_and_language(lab: Lab) -> None:
    lab.decide(identify(name="Grace", language="de"))
    [person] = lab.rows(tables.person)
    seen = texts.preview(lab.hub, "onboarding", {"texts": {"de": GERMAN}}, person=person.id)
    assert (seen.language, seen.subject) == ("de", "Grace, wie war’s?")
    with pytest.raises(NotThere):
        texts.preview(lab.hub, "onboarding", {}, person="nobody")


def test_test_mail_is_the_survey_s_own_with_unsaved_texts(lab: Lab) -> None:
    of = trials.TrialOf(survey="onboarding", raw={"texts": {"de": GERMAN}}, language="de")
    assert trials.send_test(lab.hub, "relay", "me@acme.example", of=of).outcome == "sent"
    assert lab.office.mails[-1][1].subject == "Ada Lovelace, wie war’s?"


def test_preview_of_the_page_shows_what_is_not_saved_yet(lab: Lab) -> None:
    raw = {"texts": {"de": GERMAN}, "logo": LOGO, "brand_colour": "#ffdd00", "ratings": ["support"]}
    seen = texts.preview(lab.hub, "onboarding", raw, language="de")
    app = create_app(lab.hub)
    try:
        with app.test_request_context():
            asks = page_preview.page_of(seen, score=3, is_answered=False)
            thanks = page_preview.page_of(seen, score=9, is_answered=True)
    finally:
        app.close()
    for page in (asks, thanks):
        assert LOGO in page
    assert "Unser Service" in asks
    assert "Schön, Ada Lovelace!" in thanks
