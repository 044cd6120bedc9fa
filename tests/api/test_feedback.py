"""Answers, scores, and what targets refused."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub.pipeline import respond
from hub.plugin import Done, Parked
from tests.api.client import Api
from tests.lab import Lab, identify

SCORES = [10, 9, 7, 3, 0]


@pytest.fixture
def answered(lab: Lab) -> None:
    """Five answers, one every ten days."""
    for number, score in enumerate(SCORES):
        lab.decide(identify(f"u{number}"))
        lab.deliver()
        respond.answer(lab.hub, lab.token(number), score, f"comment {number}")
        lab.clock.advance(timedelta(days=10))


@pytest.mark.usefixtures("answered")
def test_responses_are_listed_and_filtered(api: Api) -> None:
    assert [one["score"] for one in api.all("/responses", limit=2)] == SCORES[::-1]
    first = api.all("/responses")[-1]
    assert (first["band"], first["comment"], first["rated_at"]) == ("promoter", "comment 0", "2026-03-11T09:30:00Z")
    assert [one["score"] for one in api.all("/responses", person=first["person_id"])] == [10]
    window = {"survey": "onboarding", "since": "2026-03-21T09:30:00Z", "until": "2026-04-10T09:30:00Z"}
    assert [one["score"] for one in api.all("/responses", **window)] == [7, 9]
    assert api("GET", "/responses", survey="unheard-of").status_code == 404


@pytest.mark.usefixtures("answered")
def test_score_of_a_survey_comes_with_n_and_distribution(api: Api) -> None:
    assert api.get("/scores")["items"] == [
        {
            "survey": "onboarding",
            "starts_on": None,
            "nps": 0.0,
            "low": pytest.approx(-57.46, abs=0.01),
            "high": pytest.approx(57.46, abs=0.01),
            "n": 5,
            "promoters": 2,
            "passives": 1,
            "detractors": 2,
            "distribution": [1, 0, 0, 1, 0, 0, 0, 1, 0, 1, 1],
        }
    ]


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        ("month", {"2026-03-01": (3, 100 * 2 / 3), "2026-04-01": (2, -100.0)}),
        (
            "week",
            {
                "2026-03-09": (1, 100.0),
                "2026-03-16": (1, 100.0),
                "2026-03-30": (1, 0.0),
                "2026-04-06": (1, -100.0),
                "2026-04-20": (1, -100.0),
            },
        ),
    ],
)
@pytest.mark.usefixtures("answered")
def test_score_over_time(api: Api, period: str, expected: dict[str, tuple[int, float]]) -> None:
    found = api.get("/scores", period=period, survey="onboarding")["items"]
    assert {one["starts_on"]: (one["n"], one["nps"]) for one in found} == expected


@pytest.mark.usefixtures("answered")
def test_score_of_a_span_counts_its_answers_alone(api: Api) -> None:
    (score,) = api.get("/scores", since="2026-03-21T09:30:00Z", until="2026-03-31T09:30:00Z")["items"]
    assert (score["n"], score["nps"]) == (1, 100.0)
    days = api.get("/scores", period="day", until="2026-03-12T00:00:00Z")["items"]
    assert [(day["starts_on"], day["n"]) for day in days] == [("2026-03-11", 1)]


@pytest.mark.usefixtures("answered")
def test_score_of_parts_of_days_counts_these_parts(api: Api) -> None:
    """The answers were given at half past nine on the 11th, 21st and 31st, and so on."""

    def counted(since: str, until: str) -> int:
        (score,) = api.get("/scores", since=since, until=until)["items"]
        return int(score["n"])

    assert counted("2026-03-11T09:30:00Z", "2026-03-31T09:30:01Z") == 3
    assert counted("2026-03-11T09:30:01Z", "2026-03-31T09:30:00Z") == 1
    assert counted("2026-03-21T09:00:00Z", "2026-03-21T10:00:00Z") == 1
    assert counted("2026-03-21T09:31:00Z", "2026-03-21T10:00:00Z") == 0
    assert counted("2026-03-22T00:00:00Z", "2026-03-21T00:00:00Z") == 0
    assert counted("0001-01-01T00:00:01Z", "9999-12-31T23:59:59Z") == 5
    assert counted("2026-03-21T00:00:00Z", "2026-03-22T00:00:00Z") == 1


@pytest.mark.usefixtures("answered")
def test_score_of_a_language_counts_its_answers_alone(api: Api) -> None:
    assert api.get("/scores", language="en")["items"][0]["n"] == 5
    assert api.get("/scores", language="de", since="2026-03-11T09:00:00Z")["items"][0]["n"] == 0
    assert api.get("/scores", language="en", since="2026-03-11T09:00:00Z")["items"][0]["n"] == 5
    assert api("GET", "/scores", trait="plan=pro").status_code == 404
    assert api("GET", "/scores", trait="plan").status_code == 422
    assert api("GET", "/scores", trait="plan=pro", language="de").status_code == 422


@pytest.mark.usefixtures("answered")
def test_answer_is_shown_alone_tagged_and_exported(api: Api) -> None:
    first = api.all("/responses")[0]["id"]
    assert api("POST", f"/responses/{first}/tags", body={"tag": "Slow"}).json == {"tags": ["slow"]}
    assert [one["id"] for one in api.all("/responses", tag="slow")] == [first]
    shown = api.get(f"/responses/{first}")
    assert (shown["given"]["tags"], shown["versions"][0]["score"], shown["syncs"][0]["target"]) == (["slow"], 0, "crm")
    assert api("DELETE", f"/responses/{first}/tags/slow").json == {"tags": []}
    assert api("DELETE", f"/responses/{first}/tags/slow").status_code == 404
    assert [one["score"] for one in api("GET", "/responses/export", format="json", band="detractor").json] == [0, 3]
    assert api("GET", "/responses/export", said="comment 1").text.splitlines()[1].split(",")[2] == "9"
    assert (api.all("/responses", rated="support=1"), api("GET", "/responses", rated="1").status_code) == ([], 422)
    page = api.get("/responses", said="COMMENT 1")
    assert ([one["score"] for one in page["items"]], page["looked_back_to"]) == ([9], None)


def test_survey_without_answers_has_no_score(api: Api) -> None:
    (score,) = api.get("/scores")["items"]
    assert (score["nps"], score["n"], score["distribution"]) == (None, 0, [0] * 11)
    assert api.get("/scores", period="day")["items"] == []


# Sync


@pytest.fixture
def refused(lab: Lab) -> None:
    """Two answers that the target refused for good."""
    lab.crm.answer = lambda updates: [Parked(why="no such field", code="bad_field") for _ in updates]
    for number in range(2):
        lab.decide(identify(f"u{number}"))
        lab.deliver()
        respond.answer(lab.hub, lab.token(number), 9, "")
    lab.sync()
    lab.crm.answer = lambda updates: [Done() for _ in updates]


def synced(lab: Lab) -> int:
    """Sync a minute later; return how many answers the target took."""
    lab.clock.advance(timedelta(minutes=1))
    return lab.sync()


@pytest.mark.usefixtures("refused")
def test_what_a_target_refused_is_listed_with_its_words(api: Api) -> None:
    found = api.all("/sync/parked", limit=1)
    assert [(one["target"], one["code"], one["note"]) for one in found] == [("crm", "bad_field", "no such field")] * 2
    assert api.all("/sync/parked", target="crm") == found
    assert api("GET", "/sync/parked", target="mrc").status_code == 404


@pytest.mark.usefixtures("refused")
def test_parked_answers_are_pushed_again_when_a_person_says_so(lab: Lab, api: Api) -> None:
    assert synced(lab) == 0
    first = api.all("/sync/parked")[0]["message_id"]
    assert api("POST", "/sync/parked/retry", body={"message_ids": [first, "unheard-of"]}).json == {"count": 1}
    assert synced(lab) == 1
    assert api("POST", "/sync/parked/retry", body={"target": "crm"}).json == {"count": 1}
    assert synced(lab) == 1
    assert api("POST", "/sync/parked/retry", body={}).json == {"count": 0}


@pytest.mark.usefixtures("refused")
def test_parked_answer_that_a_newer_one_overtook_is_not_pushed(lab: Lab, api: Api) -> None:
    respond.answer(lab.hub, lab.token(0), 2, "worse")
    synced(lab)
    before = len(lab.crm.updates)
    api("POST", "/sync/parked/retry", body={})
    synced(lab)
    assert [update.rating for update in lab.crm.updates[before:]] == [9]
    assert api.all("/sync/parked") == []


def test_sync_is_started_for_every_target(lab: Lab, api: Api) -> None:
    answer = api("POST", "/sync")
    assert (answer.status_code, answer.json) == (202, {"targets": ["crm"]})
    lab.configure('[sources.product]\nkind = "fake"\n')
    assert api("POST", "/sync").status_code == 409
