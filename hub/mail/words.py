"""Every word of the mail, by language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class MailWords:
    """The texts of one language; `{brand}`, `{name}` and `{subject}` stand for themselves."""

    language: str
    direction: Literal["ltr", "rtl"]
    subject: str
    reminder: str
    question: str
    greeting: str
    neutral_greeting: str
    request: str
    request_in_text: str
    lowest: str
    highest: str
    sender: str
    why: str
    unsubscribe: str
    unsubscribe_in_text: str
    closing: str


WORDS = {
    "en": MailWords(
        language="en",
        direction="ltr",
        subject="How likely are you to recommend {brand}?",
        reminder="Reminder: {subject}",
        question="How likely are you to recommend {brand} to a friend or colleague?",
        greeting="Hello {name},",
        neutral_greeting="Hello,",
        request="Please choose a number. You can change it, and add a comment, before you send it.",
        request_in_text=(
            "Please open the link beside your number. You can change it, and add a comment, before you send it."
        ),
        lowest="0 = not at all likely",
        highest="10 = extremely likely",
        sender="{brand} sends this survey to learn what its customers think.",
        why="You get it because you are a customer of {brand}.",
        unsubscribe="Unsubscribe from these surveys",
        unsubscribe_in_text="If you want no more of these surveys, unsubscribe here:",
        closing="Thank you,",
    )
}


def words_for(language: str) -> MailWords:
    """Return the words of `language` ("pt-BR"), else of its base language ("pt"), else English."""
    tag = language.replace("_", "-").lower()
    return WORDS.get(tag) or WORDS.get(tag.partition("-")[0]) or WORDS["en"]
