"""Every word of the survey and unsubscribe pages, by language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class PageWords:
    """The texts of one language; `{brand}`, `{score}`, `{until}` and `{limit}` stand for themselves."""

    language: str
    direction: Literal["ltr", "rtl"]
    question: str
    lowest: str
    highest: str
    chosen: str
    out_of: str
    answered: str
    ask_anyone: str
    ask_detractor: str
    ask_passive: str
    ask_promoter: str
    optional: str
    send: str
    send_again: str
    score_missing: str
    comment_too_long: str
    thanks: str
    recorded: str
    change: str
    closed: str
    closed_why: str
    over: str
    over_why: str
    unsubscribe_question: str
    unsubscribe_why: str
    unsubscribe: str
    unsubscribed: str
    unsubscribed_why: str
    not_found: str
    not_found_why: str
    too_large: str
    too_large_why: str
    ratings: str = "And how do you rate these?"
    lowest_rating: str = "1 = poor"
    highest_rating: str = "5 = excellent"
    rating_unclear: str = (
        "A rating was not one from 1 to 5, or not one that this survey asks for, so nothing was recorded yet. Choose "
        "again below, then send it again."
    )


WORDS = {
    "en": PageWords(
        language="en",
        direction="ltr",
        question="How likely are you to recommend {brand} to a friend or colleague?",
        lowest="0 = not at all likely",
        highest="10 = extremely likely",
        chosen="Your score",
        out_of="of 10",
        answered="You answered {score}. You can change that until {until}; nothing changes before you send it.",
        ask_anyone="What is the main reason for your score?",
        ask_detractor="What should we change first?",
        ask_passive="What is missing for a 9 or 10?",
        ask_promoter="What do you like most?",
        optional="optional",
        send="Send answer",
        send_again="Send changed answer",
        score_missing="No score came with your answer. Choose a number from 0 to 10, then send it again.",
        comment_too_long=(
            "Your comment is longer than {limit} characters, so nothing was recorded yet. It is still below: "
            "shorten it, then send it again."
        ),
        thanks="Thank you for your answer",
        recorded="It was recorded. You can close this page.",
        change="Change your answer",
        closed="Your answer was recorded",
        closed_why="It can no longer be changed. Thank you for taking part.",
        over="This survey is over",
        over_why="It takes no more answers. There is nothing left to do; you can close this page.",
        unsubscribe_question="No more surveys from {brand}?",
        unsubscribe_why="You will not be asked again at this mail address. Your other mail stays as it is.",
        unsubscribe="Unsubscribe",
        unsubscribed="You are unsubscribed",
        unsubscribed_why="{brand} sends no more surveys to this mail address. You can close this page.",
        not_found="This link does not work",
        not_found_why=(
            "It may be incomplete, or the survey may be over. Open the link from the mail once more, or copy "
            "all of it into the address bar."
        ),
        too_large="That was too much text",
        too_large_why="Nothing was recorded. Go back, shorten your comment, then send it again.",
    )
}


def words_for(language: str) -> PageWords:
    """Return the words of `language` ("pt-BR"), else of its base language ("pt"), else English."""
    tag = language.replace("_", "-").lower()
    return WORDS.get(tag) or WORDS.get(tag.partition("-")[0]) or WORDS["en"]
