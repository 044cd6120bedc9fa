"""A target that keeps surveys apart is told the newest answer to each of them."""

from __future__ import annotations

import pytest

from hub.admin.configuration import planning
from hub.admin.operations.doctor import examine
from hub.pipeline.respond import answer
from hub.plugin import Done, Retry
from hub.store import configuration, tables
from hub.store.configuration import Role
from tests.clock import days, seconds
from tests.lab import SETUP, Lab, identify, survey_lines

NAME = "the newest answer of everybody is synced or waits"
TWO = SETUP + survey_lines() + '[surveys.later]\nsources = ["product"]\nchannels = ["relay"]\ntargets = ["crm"]\n'


@pytest.fixture
def asked(lab: Lab) -> Lab:
    """A hub whose customer was asked by two surveys, with a target that keeps these apart."""
    lab.crm.keeps_surveys_apart = True
    lab.configure(TWO + survey_lines(brand="Kept apart"))
    lab.decide(identify())
    lab.deliver()
    return lab


def tokens(lab: Lab) -> dict[str, str]:
    """Return the token of the customer's link by survey."""
    names = {survey.id: survey.name for survey in lab.hub.registry.current().surveys.values()}
    return {names[one.survey_id]: lab.hub.keys.token_of(one.id) for one in lab.invitations()}


def say(lab: Lab, survey: str, score: int, comment: str | None = None) -> None:
    """Answer one of the surveys, a second after what was before."""
    lab.clock.advance(seconds(1))
    answer(lab.hub, tokens(lab)[survey], score, comment)


def told(lab: Lab) -> list[tuple[str, int, bool]]:
    """Return what the target was told: survey, score, and whether it is the newest of all."""
    return sorted((update.survey, update.rating, update.is_newest) for update in lab.crm.updates)


def is_sound(lab: Lab) -> bool:
    return next(one.ok for one in examine(lab.hub) if one.name == NAME)


def test_newest_answer_to_each_survey_is_told_and_one_is_the_newest_of_all(asked):
    say(asked, "onboarding", 1)
    say(asked, "onboarding", 3)
    say(asked, "later", 10)
    asked.sync()
    assert told(asked) == [("later", 10, True), ("onboarding", 3, False)]
    assert sorted(row.state for row in asked.rows(tables.outbox)) == ["done", "done", "superseded"]
    assert is_sound(asked)


def test_answer_that_was_newest_when_it_failed_is_not_once_a_newer_one_is_there(asked):
    asked.crm.answer = lambda updates: [Retry(why="busy") for _ in updates]
    say(asked, "onboarding", 1)
    asked.sync()
    asked.crm.answer = lambda updates: [Done() for _ in updates]
    say(asked, "later", 10)
    asked.clock.advance(days(1))
    asked.sync()
    assert told(asked) == [("later", 10, True), ("onboarding", 1, False), ("onboarding", 1, True)]


def test_comment_on_the_older_answer_is_told_and_does_not_make_it_the_newest(asked):
    say(asked, "onboarding", 1)
    say(asked, "later", 10)
    asked.sync()
    say(asked, "onboarding", 1, "slow support")
    asked.sync()
    assert told(asked)[1:] == [("onboarding", 1, False), ("onboarding", 1, False)]
    assert asked.crm.updates[-1].comment == "slow support"


def test_unchanged_answer_is_not_told_again_for_one_to_another_survey_in_between(asked):
    say(asked, "onboarding", 1, "slow")
    asked.sync()
    say(asked, "later", 10)
    asked.sync()
    say(asked, "onboarding", 1, "slower")
    say(asked, "onboarding", 1, "slow")
    asked.sync()
    assert len(asked.crm.updates) == 2


def test_target_that_is_set_to_keep_surveys_apart_is_told_what_was_given_up_before(lab):
    lab.configure(TWO + survey_lines())
    lab.decide(identify())
    lab.deliver()
    say(lab, "onboarding", 1)
    say(lab, "onboarding", 3)
    say(lab, "later", 10)
    lab.sync()
    lab.crm.keeps_surveys_apart = True
    lab.configure(TWO + survey_lines(brand="Another"))
    assert is_sound(lab)
    lab.clock.advance(seconds(1))
    lab.sync()
    assert told(lab) == [("later", 10, True), ("onboarding", 3, False)]


def test_doctor_names_an_answer_to_a_survey_that_was_given_up_for_none_newer(asked):
    say(asked, "onboarding", 1)
    say(asked, "later", 10)
    assert is_sound(asked)
    with asked.hub.store.write() as connection:
        outbox = tables.outbox
        connection.execute(outbox.update().where(outbox.c.version == 1).values(state="superseded"))
    assert not is_sound(asked)


def test_target_whose_plugin_is_away_loses_nothing_it_may_want(asked):
    say(asked, "onboarding", 1)
    asked.hub.registry.plugins.kinds.pop((Role.TARGET, "fake"))
    with asked.hub.store.write() as connection:
        configuration.raise_revision(connection)
    say(asked, "later", 10)
    assert [row.state for row in asked.rows(tables.outbox)] == ["pending", "pending"]


def test_names_of_a_survey_made_later_are_known_when_they_come_back(asked):
    asked.configure(
        TWO
        + survey_lines()
        + TWO.split("\n[surveys.later]")[0].split("[surveys.onboarding]")[1].join(["[surveys.newest]", ""])
    )
    asked.decide({"message_id": "echo", "user_id": "u1", "traits": {"our_rating_newest": 9}})
    assert asked.events()["echo"] == ("ignored", "echo")


def test_surveys_that_share_traits_are_warned_of_unless_they_are_kept_apart(lab):
    [warning] = planning.plan(lab.hub, TWO).warnings
    assert "later and onboarding write the same traits" in warning
    lab.crm.keeps_surveys_apart = True
    assert planning.plan(lab.hub, TWO).warnings == []
