"""Scores are counted in the transaction that changes an answer, whatever is done to it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import update

from hub.admin.configuration import text_edits
from hub.admin.configuration.text_edits import Edit
from hub.admin.operations.doctor import examine
from hub.admin.people import people
from hub.domain.traits import Trait
from hub.pipeline import count
from hub.pipeline.respond import answer
from hub.store import score_counts, tables
from hub.store.configuration import SEGMENT_TRAITS, raise_revision, write_setting
from hub.store.score_counts import segments_of
from tests.clock import NOW
from tests.lab import Lab, identify

HOW_MANY = 8


@pytest.fixture
def asked(lab: Lab) -> Lab:
    """A hub that counts scores by plan, and has asked some people."""
    with lab.hub.store.write() as connection:
        write_setting(connection, SEGMENT_TRAITS, ["plan"])
        raise_revision(connection)
    plans = ["free", "pro"]
    lab.decide(*(identify(f"u{n}", plan=plans[n % 2], language="de") for n in range(HOW_MANY)))
    lab.deliver()
    return lab


def counted(lab: Lab) -> dict[tuple[str, str, int], int]:
    """Return what is counted, by segment, value and score, without regard to the day."""
    found: dict[tuple[str, str, int], int] = {}
    for row in lab.rows(tables.score_count):
        if row.number:
            key = (row.segment, row.value, row.score)
            found[key] = found.get(key, 0) + row.number
    return found


def is_counted_right(lab: Lab) -> bool:
    """Return whether doctor finds that the counts agree with the answers."""
    return next(one.ok for one in examine(lab.hub) if one.name.startswith("scores are counted"))


def test_answer_is_counted_in_all_by_language_and_by_trait(asked: Lab) -> None:
    answer(asked.hub, asked.token(), 9, None)
    plan = asked.rows(tables.response)[0].segments["plan"]
    assert counted(asked) == {("", "", 9): 1, ("language", "de", 9): 1, ("plan", plan, 9): 1}
    [day] = {row.day for row in asked.rows(tables.score_count)}
    assert day == (asked.clock().date() - NOW.date()).days + score_counts.day_of(NOW.date())


def test_change_of_mind_on_the_next_day_moves_the_count(asked: Lab) -> None:
    answer(asked.hub, asked.token(), 3, "slow")
    before = {row.day for row in asked.rows(tables.score_count)}
    asked.clock.advance(timedelta(hours=20))
    answer(asked.hub, asked.token(), 8, None)
    after = {row.day for row in asked.rows(tables.score_count) if row.number}
    assert {key[2] for key in counted(asked)} == {8}
    assert after != before
    assert is_counted_right(asked)


def test_comment_added_later_counts_nothing_twice(asked: Lab) -> None:
    answer(asked.hub, asked.token(), 3, None)
    once = counted(asked)
    answer(asked.hub, asked.token(), 3, "slow")
    assert counted(asked) == once


def test_answer_is_taken_out_under_what_it_was_counted_though_the_trait_changed(asked: Lab) -> None:
    answer(asked.hub, asked.token(), 3, None)
    plan = asked.rows(tables.response)[0].segments["plan"]
    asked.clock.advance(timedelta(minutes=1))
    who = [row.value for row in asked.rows(tables.identity) if row.person_id == asked.invitations()[0].person_id]
    asked.decide(identify(who[0], plan="enterprise"))
    assert ("plan", plan, 3) in counted(asked)
    answer(asked.hub, asked.token(), 4, None)
    assert ("plan", "enterprise", 4) in counted(asked)
    assert ("plan", plan, 3) not in counted(asked)
    assert is_counted_right(asked)


def test_erased_person_leaves_no_count_behind(asked: Lab) -> None:
    answer(asked.hub, asked.token(), 3, None)
    answer(asked.hub, asked.token(1), 9, None)
    who = [row.value for row in asked.rows(tables.identity) if row.person_id == asked.invitations()[0].person_id]
    people.erase(asked.hub, who[0])
    assert {key[2] for key in counted(asked)} == {9}
    assert all(row.number for row in asked.rows(tables.score_count))
    assert is_counted_right(asked)


def test_what_nobody_says_any_more_is_not_counted_nought_times(asked: Lab) -> None:
    answer(asked.hub, asked.token(), 9, None)
    answer(asked.hub, asked.token(), 3, None)
    assert {key[2] for key in counted(asked)} == {3}
    assert all(row.number for row in asked.rows(tables.score_count))
    assert is_counted_right(asked)


@pytest.fixture
def rating(asked: Lab) -> Lab:
    """The same hub, whose survey asks for two ratings beside the score."""
    edit = Edit(language="en", texts={}, look={"ratings": ["support", "value"]})
    text_edits.save(asked.hub, "onboarding", edit)
    asked.decide(*(identify(f"v{n}", language="de", team="red") for n in range(HOW_MANY)))
    asked.deliver()
    return asked


def rated(lab: Lab) -> dict[tuple[str, str, str, int], int]:
    """Return what is counted of the ratings, by segment, value, what was rated, and how."""
    rows = lab.rows(tables.rating_count)
    return {(row.segment, row.value, row.rating, row.score): row.number for row in rows}


def tokens_of(lab: Lab) -> list[str]:
    """Return the links that ask for ratings."""
    newest = max(row.texts_version for row in lab.invitations())
    return [lab.hub.keys.token_of(row.id) for row in lab.invitations() if row.texts_version == newest]


def test_ratings_are_counted_beside_the_score_and_move_with_a_change_of_mind(rating: Lab) -> None:
    token, other = tokens_of(rating)[:2]
    answer(rating.hub, token, 9, None, {"support": 4, "value": 2})
    answer(rating.hub, other, 3, None, {"support": 4})
    assert rated(rating) == {
        (segment, value, name, given): number
        for segment, value in (("", ""), ("language", "de"))
        for name, given, number in (("support", 4, 2), ("value", 2, 1))
    }
    answer(rating.hub, token, 9, None, {"support": 5, "value": None})
    assert {key[2:]: number for key, number in rated(rating).items() if key[0] == ""} == {
        ("support", 4): 1,
        ("support", 5): 1,
    }
    assert is_counted_right(rating)


def test_erased_person_leaves_no_rating_behind(rating: Lab) -> None:
    token = tokens_of(rating)[0]
    answer(rating.hub, token, 9, None, {"support": 4})
    [given] = rating.rows(tables.response)
    people.erase(
        rating.hub, next(row.value for row in rating.rows(tables.identity) if row.person_id == given.person_id)
    )
    assert rated(rating) == {}
    assert is_counted_right(rating)


def test_ratings_of_before_are_counted_under_a_trait_that_is_chosen(rating: Lab) -> None:
    answer(rating.hub, tokens_of(rating)[0], 9, None, {"support": 4})
    with rating.hub.store.write() as connection:
        count.choose_traits(connection, ["team"], rating.clock())
        raise_revision(connection)
    rating.clock.advance(timedelta(hours=1))
    count.drain(rating.hub, until=time.monotonic() + 60)
    assert rated(rating)["team", "red", "support", 4] == 1
    assert is_counted_right(rating)


def test_rating_that_the_answers_do_not_bear_out_is_found(rating: Lab) -> None:
    answer(rating.hub, tokens_of(rating)[0], 9, None, {"support": 4})
    assert is_counted_right(rating)
    with rating.hub.store.write() as connection:
        connection.execute(update(tables.response).values(ratings={"support": 3}))
    assert not is_counted_right(rating)


def test_many_answers_at_once_are_all_counted(asked: Lab) -> None:
    tokens = [asked.token(index) for index in range(HOW_MANY)]
    with ThreadPoolExecutor(HOW_MANY) as threads:
        for score in (3, 9, 10):
            list(threads.map(lambda token: answer(asked.hub, token, score, None), tokens))  # noqa: B023
    assert counted(asked)["", "", 10] == HOW_MANY
    assert is_counted_right(asked)


@pytest.mark.parametrize("column", ["score", "language"])
def test_count_that_the_answers_do_not_bear_out_is_found(asked: Lab, column: str) -> None:
    answer(asked.hub, asked.token(), 3, None)
    assert is_counted_right(asked)
    with asked.hub.store.write() as connection:
        connection.execute(update(tables.response).values(**{column: 5 if column == "score" else "fr"}))
    assert not is_counted_right(asked)


@pytest.mark.parametrize(
    ("trait", "value"),
    [
        ("pro", "pro"),
        (" pro ", "pro"),
        (True, "true"),
        (7, "7"),
        (1.5, "1.5"),
        ("x" * 100, "x" * 64),
        ("a\x00b", "a\ufffdb"),
        ("", None),
        (["pro"], None),
        ({"a": 1}, None),
        (float("nan"), None),
    ],
)
def test_trait_is_counted_as_a_short_text(trait: object, value: str | None) -> None:
    profile = {"plan": Trait(trait, NOW, "m1")}
    assert segments_of(profile, ["plan", "country"]) == ({} if value is None else {"plan": value})
