"""Versions of what customers see: what changed when, and back to one of them after a look at what that changes."""

from __future__ import annotations

import base64
import re
from html import unescape
from typing import Any

import pytest

from hub.admin.configuration import surveys, text_edits
from hub.admin.configuration import texts as admin
from hub.admin.configuration.text_edits import Edit
from hub.pipeline.hub import Hub
from tests.console.browsing import Visitor

GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
PAGE = "/surveys/onboarding/texts"


def settings(hub: Hub) -> Any:
    return surveys.survey_of(hub, "onboarding").settings


def test_versions_tell_who_changed_what_and_each_can_be_used_again(hub: Hub, ada: Visitor) -> None:
    image = f"data:image/gif;base64,{base64.b64encode(GIF).decode()}"
    ada.post(PAGE, language_of="de", logo=image, **{"texts.subject": "Na?"})
    ada.post(PAGE, language_of="de", no_logo="true", **{"texts.subject": "Und?"})
    text_edits.save(hub, "onboarding", Edit(language="en", texts={}, look={"brand": "Acme"}))
    listed = ada.get(f"{PAGE}/versions").text
    assert "Logo, Subject (German)" in listed
    assert re.search(r'data-label="By">admin<', listed)
    shown = ada.get(f"{PAGE}/versions/3").text
    assert '<span class="said" dir="auto">Na?</span>' in shown
    assert "<strong>Na?</strong>" in ada.get(f"{PAGE}/versions/2/preview", language_of="de").text
    page = ada.post(f"{PAGE}/versions/2/again", since="4")
    assert "Saved as version 5: mails show again what version 2 was." in page.text
    assert (settings(hub)["texts"], settings(hub)["logo"], settings(hub)["brand"]) == (
        {"de": {"subject": "Na?"}},
        image,
        "",
    )
    newest = admin.versions(hub, "onboarding")[0]
    assert (newest.number, newest.saved_by) == (5, "admin")
    assert re.search(r"Version 5</a>.*as version 2", ada.get(f"{PAGE}/versions").text)
    assert newest.content == admin.version(hub, "onboarding", 2).content


def test_version_is_used_again_after_a_look_at_what_goes(hub: Hub, ada: Visitor) -> None:
    for language, subject in (("en", "Well?"), ("de", "Na?"), ("he", "נו?")):
        text_edits.save(hub, "onboarding", Edit(language=language, texts={"subject": subject}))
    before = settings(hub)
    asked = ada.get(f"{PAGE}/versions/2").text
    [path] = re.findall(r'href="([^"]+)"[^>]*>Use this one again', asked)
    page = ada.get(path).text
    assert "All texts in German and Hebrew go." in page
    assert re.search(r"Subject \(German\).*?Na\?.*?the default", page)
    assert settings(hub) == before
    [since] = re.findall(r'name="since" value="(\d+)"', page)
    ada.post(path, since=since)
    assert settings(hub)["texts"] == {"en": {"subject": "Well?"}}
    assert "Texts in German come back." in ada.get(f"{PAGE}/versions/3/again").text
    assert "nothing would change" in ada.get(f"{PAGE}/versions/5/again").text


@pytest.mark.parametrize("since", ["2", "", "9" * 5_000])
def test_version_is_not_used_again_over_one_that_nobody_looked_at(since: str, hub: Hub, ada: Visitor) -> None:
    for subject in ("Na?", "Und?"):
        text_edits.save(hub, "onboarding", Edit(language="de", texts={"subject": subject}))
    page = ada.post(f"{PAGE}/versions/2/again", since=since)
    assert "These texts were changed meanwhile. Nothing was done yet" in unescape(page.text)
    assert settings(hub)["texts"]["de"]["subject"] == "Und?"
