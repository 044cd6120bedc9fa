"""The editor of what customers see: written in one language, looked at, tried, saved, and taken back."""

from __future__ import annotations

import base64
import io
import re
import time
from email import message_from_bytes
from email.policy import default
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from hub.admin.configuration import surveys, text_edits
from hub.admin.configuration.text_edits import Edit
from hub.admin.people import suppressions
from hub.admin.trouble import Conflict
from hub.domain.reasons import Stop
from hub.pipeline import decide
from hub.pipeline.hub import Hub
from hub.testing.smtp_server import ScriptedSmtpServer
from tests.configured import TOML, configured_hub
from tests.console.browsing import Visitor, visitor_of
from tests.console.meanwhile import Meanwhile

PAGE = "/surveys/onboarding/texts"
GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
HOSTILE = "</title></iframe><script>parent.hit=1</script><img src=x onerror=alert(1)>"


def settings(hub: Hub) -> Any:
    return surveys.survey_of(hub, "onboarding").settings


def placeholder(page: str, field: str) -> str:
    found = re.search(rf'<(?:input|textarea)[^>]*name="texts.{field}"[^>]*?placeholder="([^"]*)"', page)
    assert found is not None
    return unescape(found[1])


def test_empty_field_shows_the_words_that_hold(hub: Hub, ada: Visitor) -> None:
    text_edits.save(hub, "onboarding", Edit(language="en", texts={"closing": "Yours,"}))
    german, finnish = ada.get(PAGE, language="de").text, ada.get(PAGE, language="fi").text
    assert placeholder(german, "subject") == "Würden Sie {{ brand }} weiterempfehlen?"
    assert placeholder(german, "closing").startswith("Vielen Dank")
    assert placeholder(finnish, "closing") == "Yours,"
    assert placeholder(finnish, "ask_promoter") == "What do you like most?"


def test_saving_one_language_leaves_all_else_as_it_is(hub: Hub, ada: Visitor) -> None:
    text_edits.save(hub, "onboarding", Edit(language="fr", texts={"subject": "Alors ?"}, look={"brand": "Acme"}))
    before = settings(hub)
    page = ada.post(PAGE, language_of="de", since="2", **{"texts.subject": "Na?", "texts.intro": "Eins\r\nZwei"})
    assert "Saved as version 3." in page.text
    assert settings(hub) == {
        **before,
        "texts": {"fr": {"subject": "Alors ?"}, "de": {"subject": "Na?", "intro": "Eins\nZwei"}},
    }


def test_settings_page_leaves_what_customers_see_as_it_is(hub: Hub, ada: Visitor) -> None:
    look = {"brand": "Acme", "brand_colour": "#ff8800", "ratings": ["support"], "language": "de"}
    text_edits.save(hub, "onboarding", Edit(language="de", texts={"subject": "Na?"}, look=look))
    before = settings(hub)
    connected = {"sources": "product", "channels": "relay", "targets": "product"}
    ada.post("/surveys/onboarding", **connected, min_delay_days="4", max_delay_days="0", surge_brake="true")
    assert settings(hub) == {**before, "min_delay_days": 4}


def test_problem_stands_beside_its_field_and_what_was_typed_is_kept(hub: Hub, ada: Visitor) -> None:
    before = settings(hub)
    typed = {"texts.subject": "{{ nam }}", "texts.intro": "Kept\r\n{% for x in y %}", "brand_colour": "orange"}
    answer = ada.client.post(PAGE, data={"language_of": "de", **typed})
    page = unescape(answer.text)
    assert answer.status_code == 422
    assert settings(hub) == before
    assert "Subject (German): line 1: there is no nam; did you mean name?</li>" in page
    assert "Introduction (German): line 2:" in page
    assert 'id="field-texts-subject-problem">Line 1: there is no nam' in page
    assert "id=\"field-brand_colour-problem\">'orange' is no colour: write it as #rrggbb" in page
    assert 'value="{{ nam }}"' in page
    assert "Kept\n{% for x in y %}</textarea>" in page


def test_two_who_write_the_same_language_do_not_overwrite_each_other(hub: Hub, ada: Visitor) -> None:
    grace = visitor_of(hub, "editor")
    grace.post(PAGE, language_of="de", since="1", **{"texts.subject": "Hers"})
    refused = ada.client.post(PAGE, data={"language_of": "de", "since": "1", "texts.subject": "His"})
    assert refused.status_code == 409
    assert "These texts were changed meanwhile." in refused.text
    assert "version 2</a> by editor" in refused.text
    assert 'value="His"' in refused.text
    assert settings(hub)["texts"] == {"de": {"subject": "Hers"}}
    assert 'name="since" value="2"' in refused.text
    ada.post(PAGE, language_of="de", since="2", **{"texts.subject": "His"})
    assert settings(hub)["texts"] == {"de": {"subject": "His"}}


def test_two_who_write_different_languages_are_both_saved(hub: Hub, ada: Visitor) -> None:
    ada.post(PAGE, language_of="de", since="1", **{"texts.subject": "Na?"})
    ada.post(PAGE, language_of="fr", since="1", **{"texts.subject": "Alors ?"})
    assert settings(hub)["texts"] == {"de": {"subject": "Na?"}, "fr": {"subject": "Alors ?"}}


def test_save_in_the_same_moment_as_another_is_a_conflict(hub: Hub) -> None:
    look = Meanwhile(lambda: surveys.put(hub, "onboarding", {**settings(hub), "min_delay_days": 9}))
    with pytest.raises(Conflict, match="in this very moment"):
        text_edits.save(hub, "onboarding", Edit(language="de", texts={"subject": "Na?"}, look=look))
    assert (settings(hub)["min_delay_days"], settings(hub)["texts"]) == (9, {})


def test_languages_are_found_by_name_or_tag_in_any_spelling(ada: Visitor) -> None:
    for typed, tag in {"german": "de", "PT_br": "pt-BR", "zh-hant": "zh-Hant", "gsw": "gsw"}.items():
        assert f'name="language_of" value="{tag}"' in ada.get(PAGE, language=typed).text
    refused = ada.get(PAGE, language="Klingon!")
    assert refused.status_code == 422
    assert "&#39;Klingon!&#39; is no language that the hub knows" in refused.text


def test_question_may_be_typed_in_lines_and_is_one(hub: Hub, ada: Visitor) -> None:
    ada.post(PAGE, language_of="en", **{"texts.question": "How are\r\nyou?", "texts.closing": "Bye,\r\nAcme"})
    texts = surveys.survey_of(hub, "onboarding").settings["texts"]["en"]
    assert (texts["question"], texts["closing"]) == ("How are you?", "Bye,\nAcme")


def test_rating_gets_its_name_of_what_customers_read_and_goes_when_emptied(hub: Hub, ada: Visitor) -> None:
    ada.post(
        PAGE, language_of="en", **{"rating-0-name": "", "rating-0-label": "Our support!", "rating-1-name": "price"}
    )
    assert settings(hub)["ratings"] == ["our-support", "price"]
    assert settings(hub)["texts"]["en"]["ratings"] == {"our-support": "Our support!"}
    ada.post(PAGE, language_of="en", **{"rating-0-name": "", "rating-0-label": "", "rating-1-name": "price"})
    assert settings(hub)["ratings"] == ["price"]
    assert "en" not in settings(hub)["texts"]


def test_logo_is_uploaded_kept_through_a_refusal_and_removed(hub: Hub, ada: Visitor) -> None:
    wrong = {"language_of": "en", "texts.subject": "{{ nam }}", "logo_file": (io.BytesIO(GIF), "logo.gif")}
    refused = ada.client.post(PAGE, data=wrong, content_type="multipart/form-data")
    [kept] = re.findall(r'name="logo" value="([^"]+)"', refused.text)
    ada.post(PAGE, language_of="en", logo=kept)
    assert settings(hub)["logo"] == f"data:image/gif;base64,{base64.b64encode(GIF).decode()}"
    ada.post(PAGE, language_of="de", **{"texts.subject": "Na?"})
    assert settings(hub)["logo"] != ""
    ada.post(PAGE, language_of="en", no_logo="true")
    assert settings(hub)["logo"] == ""


@pytest.mark.parametrize(
    ("image", "why"), [(b"<svg/>", "Is no PNG image"), (b"\x89PNG" * 99_999, "Is larger than 24 KB")]
)
def test_file_that_is_no_logo_is_refused_beside_its_field(image: bytes, why: str, ada: Visitor) -> None:
    form = {"language_of": "en", "logo_file": (io.BytesIO(image), "logo.png")}
    refused = ada.client.post(PAGE, data=form, content_type="multipart/form-data")
    assert refused.status_code == 422
    assert f'id="logo-problem">{why}' in refused.text
    assert "Remove the logo" not in refused.text


def test_preview_shows_what_is_typed_and_saves_nothing(hub: Hub, ada: Visitor) -> None:
    typed = {"texts.subject": "{{ name }}!", "texts.ask_passive": "Und nun?", "texts.thanks_promoter": "Toll!"}
    form = {"language_of": "de", **typed}
    mail = ada.client.post(f"{PAGE}/preview", data=form)
    assert "<strong>Ada Lovelace!</strong>" in mail.text
    assert "Und nun?" in ada.client.post(f"{PAGE}/preview", data={**form, "view": "page-8"}).text
    anyone = ada.client.post(f"{PAGE}/preview", data={**form, "texts.ask_anyone": "Warum?", "view": "page"})
    assert "Warum?" in anyone.text
    assert " checked" not in anyone.text
    assert "Toll!" in ada.client.post(f"{PAGE}/preview", data={**form, "view": "thanks-10"}).text
    assert "Guten Tag Ada Lovelace" in ada.client.post(f"{PAGE}/preview", data={**form, "view": "text"}).text
    assert settings(hub)["texts"] == {}


def test_preview_through_the_eyes_of_a_customer_or_of_nobody_known(hub: Hub, ada: Visitor) -> None:
    traits = {"email": "grace@customer.example", "firstName": "Grace", "plan": "free"}
    ada.client.post("/v1/identify", json={"userId": "7", "traits": traits}, auth=("test-key-of-the-source", ""))
    decide.drain(hub, until=time.monotonic() + 30)
    form = {"language_of": "en", "texts.subject": "{{ name }} on {{ traits.plan }}"}
    seen = ada.client.post(f"{PAGE}/preview", data={**form, "who": "grace@customer.example"})
    assert "<strong>Grace on free</strong>" in seen.text
    unknown = ada.client.post(f"{PAGE}/preview", data={**form, "who": "who@customer.example"})
    assert "Nobody is known as who@customer.example" in unknown.text
    nameless = ada.client.post(f"{PAGE}/preview", data={**form, "sample": "nameless"})
    assert "<strong>on</strong>" in nameless.text


def test_preview_of_a_text_that_cannot_be_read_says_why(ada: Visitor) -> None:
    answer = ada.client.post(f"{PAGE}/preview", data={"language_of": "de", "texts.subject": "{{ nam }}"})
    assert "Subject (German): line 1: there is no nam" in answer.text


def test_preview_runs_nothing_and_leads_nowhere(ada: Visitor) -> None:
    form = {"language_of": "en", "texts.subject": HOSTILE, "texts.intro": HOSTILE, "brand": HOSTILE[:60]}
    for view in ("mail", "text", "page-3", "thanks-10"):
        answer = ada.client.post(f"{PAGE}/preview", data={**form, "view": view})
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("sandbox; default-src 'none'; ")
        assert "script-src" not in policy
        assert "<script" not in answer.text
        assert "<img src=x" not in answer.text
        framed = unescape(answer.text)
        assert ' href="' not in framed
    assert ada.get(PAGE).headers["Content-Security-Policy"].endswith("; frame-src 'self'")
    assert "frame-src" not in ada.get("/surveys").headers["Content-Security-Policy"]


def test_test_mail_is_what_is_typed_and_its_links_say_that_it_was_a_test(database_url: str, tmp_path: Path) -> None:
    with ScriptedSmtpServer() as mail:
        toml = TOML.replace("port = 9", f"port = {mail.port}")
        with configured_hub(tmp_path, database_url, toml=toml) as hub:
            ada = visitor_of(hub)
            form = {"language_of": "de", "texts.subject": "Probe für {{ name }}", "to": "me@acme.example"}
            page = ada.post(f"{PAGE}/test", **form)
            assert "The mail system took the test mail." in page.text
            assert 'value="Probe für {{ name }}"' in page.text
            assert settings(hub)["texts"] == {}
            mailed = message_from_bytes(mail.received[0].data, policy=default)
            assert mailed["Subject"] == "Probe für Ada Lovelace"
            text = mailed.get_body(("plain",))
            assert text is not None
            [link, *_] = re.findall(r"https://hub.acme.example(/s/\S+)", text.get_content())
            opened = ada.client.get(link)
            assert "This was a test mail" in opened.text
            assert ada.client.post(link, data={"score": "9"}).text == opened.text
            assert ada.client.post(link.partition("?")[0].replace("/s/", "/u/")).text == opened.text


def test_test_mail_needs_an_address_and_sound_texts(ada: Visitor, hub: Hub) -> None:
    assert "This is no address that can be mailed." in ada.post(f"{PAGE}/test", language_of="de", to="me").text
    suppressions.add(hub, "gone@acme.example", Stop.HARD_BOUNCED)
    gone = ada.post(f"{PAGE}/test", language_of="de", to="gone@acme.example")
    assert "This is on the suppression list: nothing is mailed to it." in gone.text
    wrong = ada.post(f"{PAGE}/test", language_of="de", to="me@acme.example", **{"texts.subject": "{{ nam }}"})
    assert "Nothing was sent: something in the texts is wrong." in wrong.text
    assert "Subject (German): line 1: there is no nam" in unescape(wrong.text)


def test_viewer_sees_texts_and_previews_but_saves_and_sends_nothing(hub: Hub) -> None:
    viewer = visitor_of(hub, "viewer")
    assert viewer.get(PAGE).status_code == 200
    assert "<strong>" in viewer.client.post(f"{PAGE}/preview", data={"language_of": "en"}).text
    for path in (PAGE, f"{PAGE}/test", f"{PAGE}/versions/1/again"):
        assert viewer.client.post(path, data={"language_of": "en"}).status_code == 403


def test_version_that_there_is_not_is_not_found(ada: Visitor) -> None:
    for number in (99, 10**20):
        assert ada.get(f"{PAGE}/versions/{number}").status_code == 404
        assert ada.get(f"{PAGE}/versions/{number}/preview").status_code == 404


def test_number_of_a_version_that_none_has_does_not_keep_from_saving(ada: Visitor) -> None:
    for since in ("9" * 20, "9" * 5_000):
        assert ada.post(PAGE, language_of="en", since=since, **{"text.subject": "Hi"}).status_code < 500
