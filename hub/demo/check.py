"""`hub demo --check`: the whole loop, walked and verified without a person."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from threading import Event as Flag
from typing import Any

import requests

from hub.admin.health import readiness
from hub.admin.operations.doctor import examine
from hub.demo import verify, visitor
from hub.demo.customers import ADA, BEN, KOFI
from hub.demo.patience import Patience, Unexpected
from hub.demo.sessions import left_over
from hub.demo.stage import Stage, raised
from hub.demo.stand_in import send_back
from hub.demo.story import FIRST_ANSWERS, Play
from hub.demo.verify import Answered
from hub.domain.reasons import Reason

FIRST_THOUGHT = Answered(user_id=ADA, score=4, comment="")
SECOND_THOUGHT = Answered(user_id=ADA, score=9, comment="The new reports made my week.")
_ENDED_WITHIN_S = 5.0

Say = Callable[[str], None]


def check(folder: Path, *, port: int, patience: Patience, stopping: Flag, say: Say) -> None:
    """Walk the loop, saying each step once it is verified. Raises Unexpected at the first that is off."""
    try:
        with raised(folder, port=port, stopping=stopping) as stage:
            sessions = set(stage.supervisor.ids().values())
            for sentence in _steps(Play(stage=stage, patience=patience)):
                say(sentence)
                patience.check("walking through the loop")
    except requests.RequestException as error:
        raise Unexpected(f"The hub did not answer: {type(error).__name__}.") from error
    say(_everything_ended(sessions))


def _steps(play: Play) -> Iterator[str]:
    yield _is_up(play)
    yield _feed(play)
    yield _decisions(play)
    yield _a_get_changes_nothing(play)
    yield _answers(play)
    yield _one_click(play)
    yield _sync(play)
    yield _echo(play)
    yield _nobody_is_asked_again(play)
    yield _invariants(play)
    yield _nothing_fell_over(play.stage)


def _is_up(play: Play) -> str:
    hub = play.stage.hub
    play.patience.wait_for("web, workers and scheduler", lambda: all(check.ok for check in readiness(hub)))
    page = requests.get(play.stage.address, timeout=10)
    if not page.ok:
        raise Unexpected(f"The console answered {page.status_code}.")
    return f"Started {', '.join(play.stage.supervisor.ids())}; the console answers at {play.stage.address}"


def _feed(play: Play) -> str:
    count = play.feed()
    mails = play.stage.mailbox.mails()
    verify.one_mail_each(mails, [customer.email for customer in play.asked])
    for mail in mails:
        verify.mail_is_whole(mail, play.stage.address)
    return (
        f"Fed {count} events about {len(play.cast)} customers with Segment's library; "
        f"{len(mails)} mails came, one for each who was to be asked"
    )


def _decisions(play: Play) -> str:
    extra = {ADA: [Reason.NOT_A_TRIGGER], BEN: [Reason.ALREADY_SCHEDULED]}
    for customer in play.cast:
        expected = [customer.expected, *extra.get(customer.user_id, ())]
        verify.reasons(play.story(customer.user_id), customer.user_id, expected)
    ada = [entry for entry in play.story(ADA).entries if entry.what == "event"]
    if len(ada) != 2:
        raise Unexpected(f"Ada's event that was sent twice was kept {len(ada) - 1} times.")
    others = sorted({customer.expected for customer in play.cast if not customer.is_asked})
    return f"Decided on everybody, with its reason: scheduled, already_scheduled, {', '.join(others)}"


def _a_get_changes_nothing(play: Play) -> str:
    mail = play.mail_to(ADA)
    for score in range(11):
        visitor.open_survey(mail, score=score)
    visitor.open_unsubscribe_page(mail)
    story = play.story(ADA)
    found = verify.answers_of(story)
    if found or story.is_suppressed:
        raise Unexpected(f"Opening links was enough to answer or to unsubscribe: {found or 'unsubscribed'}.")
    return "Opened all 12 links of Ada's mail: nothing was recorded by that"


def _answers(play: Play) -> str:
    for given in FIRST_ANSWERS:
        play.answer(given)
    play.answer(FIRST_THOUGHT)
    found = play.answer(SECOND_THOUGHT)
    expected = [(one.score, one.comment) for one in (FIRST_THOUGHT, SECOND_THOUGHT)]
    if found != expected:
        raise Unexpected(f"Ada's answers: expected {expected}, found {found}.")
    return (
        f"Answered as {len(FIRST_ANSWERS) + 1} people; Ada gave {FIRST_THOUGHT.score}, "
        f"then changed it to {SECOND_THOUGHT.score} with a comment"
    )


def _one_click(play: Play) -> str:
    visitor.unsubscribe_with_one_click(play.mail_to(BEN))
    if not play.story(BEN).is_suppressed:
        raise Unexpected("Ben unsubscribed with one click, but would still get mail.")
    return "Unsubscribed Ben with one click, as a mail program does"


def _sync(play: Play) -> str:
    answers = [*FIRST_ANSWERS, SECOND_THOUGHT]
    play.sync_now(len(answers))
    verify.synced(play.stage.segment.events(), answers)
    return f"Synced {len(answers)} answers; each came as an identify with NPS_rating, NPS_comment, NPS_date, messageId"


def _echo(play: Play) -> str:
    """Feed back what was synced: as it was, and as a careless pipeline would, without our marks and ids."""
    stage, patience = play.stage, play.patience
    events = stage.segment.events()
    stripped = [_stripped(event, number) for number, event in enumerate(events)]
    send_back(stage.address, stage.write_key, events)
    send_back(stage.address, stage.write_key, stripped)
    for given in (*FIRST_ANSWERS, SECOND_THOUGHT):
        patience.wait_for(
            f"two echoes of {given.user_id}",
            lambda user_id=given.user_id: verify.reasons_of(play.story(user_id)).count(Reason.ECHO) >= 2,  # type: ignore[misc]
        )
    return f"Fed {len(events) + len(stripped)} events of the sync back: all known as echo"


def _stripped(event: Mapping[str, Any], number: int) -> dict[str, Any]:
    kept = {name: value for name, value in event.items() if name not in ("context", "integrations")}
    return {**kept, "messageId": f"demo-stripped-{number}"}


def _nobody_is_asked_again(play: Play) -> str:
    expected = {ADA: Reason.THROTTLED, KOFI: Reason.THROTTLED, BEN: Reason.SUPPRESSED}
    found = play.see_again(*expected)
    if found != expected:
        raise Unexpected(f"Three customers were seen again: expected {_listed(expected)}; found {_listed(found)}.")
    verify.one_mail_each(play.stage.mailbox.mails(), [customer.email for customer in play.asked])
    again = next(e.details["eligible_again_at"] for e in play.story(ADA).entries if e.code == Reason.THROTTLED)
    if again - play.stage.hub.now() < timedelta(weeks=26) - timedelta(hours=1):
        raise Unexpected(f"Ada could be asked again at {again:%Y-%m-%d %H:%M}, sooner than in 26 weeks.")
    return f"Saw Ada, Kofi and Ben again: throttled (Ada until {again:%-d %B %Y}), suppressed; no further mail"


def _listed(reasons: Mapping[str, str]) -> str:
    return ", ".join(f"{user_id} {reason}" for user_id, reason in reasons.items())


def _invariants(play: Play) -> str:
    findings = examine(play.stage.hub)
    verify.invariants(findings)
    return f"hub doctor: all {len(findings)} checks hold"


def _nothing_fell_over(stage: Stage) -> str:
    ended = stage.supervisor.ended()
    if ended:
        raise Unexpected(f"Ended by itself: {', '.join(ended)}.")
    return f"Nothing fell over: {', '.join(stage.supervisor.ids())} still run"


def _everything_ended(sessions: set[int]) -> str:
    try:
        patience = Patience(within_s=_ENDED_WITHIN_S, stopping=Flag())
        patience.wait_for("processes to end", lambda: not left_over(sessions))
    except Unexpected:
        raise Unexpected(f"Still running after the end: processes {left_over(sessions)}.") from None
    return f"Ended all {len(sessions)} processes and theirs; none is left"
