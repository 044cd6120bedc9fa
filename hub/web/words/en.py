"""The pages in English."""

from __future__ import annotations

from hub.web.words.page import PageWords

ENGLISH = PageWords(
    language="en",
    direction="ltr",
    months=(
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ),
    moment="{day} {month}, {time} UTC",
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
    rating_lowest="1 = very poor",
    rating_highest="5 = very good",
    optional="optional",
    send="Send answer",
    send_again="Send changed answer",
    score_missing="No score came with your answer. Choose a number from 0 to 10, then send it again.",
    comment_too_long=(
        "Your comment is longer than {limit} characters, so nothing was recorded yet. It is still below: shorten "
        "it, then send it again."
    ),
    rating_unclear=(
        "A rating was not one from 1 to 5, or not one that this survey asks for, so nothing was recorded "
        "yet. Choose again below, then send it again."
    ),
    thanks="Thank you for your answer",
    thanks_detractor="We are sorry that {brand} fell short for you. Your answer helps us see where.",
    thanks_passive="We are glad that {brand} works for you. Your answer helps us see what is missing.",
    thanks_promoter="We are glad that you would recommend {brand}.",
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
        "It may be incomplete, or the survey may be over. Open the link from the mail once more, or copy all of "
        "it into the address bar."
    ),
    trial="This was a test mail",
    trial_why="The links of real mails open the survey. Nothing is recorded here.",
    too_large="That was too much text",
    too_large_why="Nothing was recorded. Go back, shorten your comment, then send it again.",
)
