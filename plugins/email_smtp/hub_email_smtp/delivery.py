"""One call of `send_many`: all its connections on one selector loop, in the calling thread."""

from __future__ import annotations

import math
import re
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from typing import TypeAlias

from hub.plugin import ChannelPaused, Message, NotSent, Outcome, Rejected, Sent

from .lane import Accepted, FoundClosed, Lane
from .letter import Letter
from .openings import Openings
from .phase import Dropped, Refused, Unfit
from .pool import SessionPool
from .sender import Sender
from .session import SmtpSession
from .settings import Relay
from .verdict import judge

PointOfNoReturn: TypeAlias = Callable[[Sequence[Message]], Collection[str]]

_RECIPIENT = re.compile(r"[^\s<>\x00-\x1f\x7f]+@[^\s<>\x00-\x1f\x7f@]+")


class Delivery:
    """Carries messages over as many lanes as the pool has room for.

    In each turn of the loop everything that arrived is read first, then outcomes are given, and then the point of no
    return is passed once for all lanes that wait there; while it blocks, the kernel listens for the others.
    """

    def __init__(
        self,
        messages: Iterator[Message],
        point_of_no_return: PointOfNoReturn,
        *,
        relay: Relay,
        sender: Sender,
        pool: SessionPool,
    ) -> None:
        self._messages = messages
        self._point_of_no_return = point_of_no_return
        self._timeout_s = relay.timeout_s
        self._sender = sender
        self._pool = pool
        self._most_lanes = pool.room()
        self._lanes: set[Lane] = set()
        self._blocked: set[Lane] = set()
        """The lanes that are watched until they can write on."""
        self._openings = Openings(pool.connect, at_once=self._most_lanes)
        self._homeless: deque[Letter] = deque()
        """Letters whose own connection did not come about."""
        self._outcomes: deque[tuple[str, Outcome]] = deque()
        self._are_more = True
        self._failure: Exception | None = None
        self._next_deadline = math.inf
        self._selector = DefaultSelector()
        self._selector.register(self._openings, EVENT_READ)

    def outcomes(self) -> Iterator[tuple[str, Outcome]]:
        """Yield each outcome as soon as it is known, and raise at the end what stopped the delivery."""
        try:
            yield from self._run()
        finally:
            for lane in self._lanes:
                lane.drop("the delivery was stopped")
            self._openings.close()
            self._selector.close()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> Iterator[tuple[str, Outcome]]:
        while True:
            self._employ_lanes()
            yield from self._known()
            if not self._lanes and not self._openings:
                return
            self._serve()
            yield from self._known()
            self._depart()

    def _known(self) -> Iterator[tuple[str, Outcome]]:
        while self._outcomes:
            yield self._outcomes.popleft()

    def _serve(self) -> None:
        """Wait until something happens, let every lane go on to which it did, and drop those overdue by then.

        By then: when the look began. What this process spent elsewhere since, in the hub's own code or stopped, is no
        server's silence, and its answer may have come meanwhile.
        """
        looked_at = time.monotonic()
        patience_s = max(0.0, self._next_deadline - looked_at) if self._lanes else None
        happened = self._selector.select(patience_s)
        if not happened:
            looked_at, happened = time.monotonic(), self._selector.select(0)
        for key, _ in happened:
            lane: Lane | None = key.data
            if lane is None:
                self._take_openings()
            elif lane in self._lanes:
                lane.serve()
                self._attend(lane)
        if looked_at >= self._next_deadline:
            self._end_overdue(looked_at)

    def _end_overdue(self, looked_at: float) -> None:
        for lane in [lane for lane in self._lanes if lane.deadline <= looked_at]:
            lane.drop("timed out")
            self._attend(lane)
        self._next_deadline = min((lane.deadline for lane in self._lanes), default=math.inf)

    def _depart(self) -> None:
        ready = [lane for lane in self._lanes if lane.is_ready]
        waiting = [lane.letter.message for lane in ready if lane.letter]
        if not waiting:
            return
        try:
            allowed = self._point_of_no_return(waiting)
        except Exception as error:  # noqa: BLE001  the hub's trouble: no dot is out, and no channel is to blame
            for lane, message in zip(ready, waiting, strict=True):
                self._abandon(lane)
                self._conclude(message, NotSent(why=f"{type(error).__name__}: {error}"))
            return
        for lane, message in zip(ready, waiting, strict=True):
            if message.id not in allowed:
                self._abandon(lane)
            elif lane.is_ready:
                lane.depart(self._follower(lane))
                self._attend(lane)

    def _follower(self, lane: Lane) -> Letter | None:
        is_possible = lane.can_pipeline and not lane.session.is_at_its_last
        return self._next_letter_for(lane) if is_possible else None

    def _abandon(self, lane: Lane) -> None:
        lane.give_up()
        self._attend(lane)

    # Lanes

    def _employ_lanes(self) -> None:
        """Give every message a connection of its own while there may be more of them."""
        while len(self._lanes) + len(self._openings) < self._most_lanes:
            letter = self._next_letter()
            if letter is None:
                return
            self._employ(self._pool.take(), letter)

    def _employ(self, session: SmtpSession | None, letter: Letter) -> None:
        if session is None or session.is_worn_out:
            self._openings.add(letter, instead_of=session)
            return
        lane = Lane(session, sender=self._sender.address, timeout_s=self._timeout_s)
        self._lanes.add(lane)
        self._selector.register(lane.sock, EVENT_READ, lane)
        self._next_deadline = min(self._next_deadline, lane.deadline)
        self._begin(lane, letter if self._can_carry(lane, letter) else self._next_letter_for(lane))

    def _take_openings(self) -> None:
        for letter, opened in self._openings.finished():
            if isinstance(opened, SmtpSession):
                self._employ(opened, letter)
            else:
                self._do_without(letter, opened)

    def _do_without(self, letter: Letter, failure: Exception) -> None:
        """Go on with the connections there are: many servers limit them. Only when there is none it is a failure."""
        self._homeless.append(letter)
        self._most_lanes = max(1, len(self._lanes) + len(self._openings))
        if self._lanes or self._openings:
            self._pool.took_only(self._most_lanes, failure)
            return
        while self._homeless:
            self._fail(self._homeless.popleft(), failure)

    def _attend(self, lane: Lane) -> None:
        """Take from a lane what it tells and give it what it needs."""
        told, lane.told = lane.told, []
        for letter, said in told:
            if isinstance(said, Accepted):
                self._conclude(letter.message, Sent(detail=said.words))
            elif isinstance(said, FoundClosed):
                self._openings.add(letter)
            else:
                self._fail(letter, said)
        if lane not in self._lanes:
            return
        if not lane.session.is_open:
            self._remove(lane)
        elif lane.is_free:
            self._begin(lane, self._next_letter_for(lane))
        elif lane.has_more_to_write != (lane in self._blocked):
            self._watch(lane)

    def _begin(self, lane: Lane, letter: Letter | None) -> None:
        if letter is None:
            self._remove(lane)
            self._pool.give_back(lane.session)
        elif lane.session.is_worn_out:
            self._remove(lane)
            self._employ(lane.session, letter)
        else:
            lane.begin(letter)
            self._attend(lane)

    def _watch(self, lane: Lane) -> None:
        if lane.has_more_to_write:
            self._blocked.add(lane)
            self._selector.modify(lane.sock, EVENT_READ | EVENT_WRITE, lane)
        else:
            self._blocked.discard(lane)
            self._selector.modify(lane.sock, EVENT_READ, lane)

    def _remove(self, lane: Lane) -> None:
        self._lanes.discard(lane)
        self._blocked.discard(lane)
        self._selector.unregister(lane.sock)

    # Messages

    def _next_letter_for(self, lane: Lane) -> Letter | None:
        while letter := self._next_letter():
            if self._can_carry(lane, letter):
                return letter
        return None

    def _next_letter(self) -> Letter | None:
        if self._homeless:
            return self._homeless.popleft()
        while self._are_more:
            message = self._next_message()
            letter = self._letter(message) if message else None
            if letter:
                return letter
        return None

    def _next_message(self) -> Message | None:
        try:
            message = next(self._messages, None)
        except Exception as error:  # noqa: BLE001  raised at the end, after the outcomes of those under way
            self._failure = self._failure or error
            message = None
        self._are_more = message is not None
        return message

    def _letter(self, message: Message) -> Letter | None:
        if not _RECIPIENT.fullmatch(message.to):
            self._conclude(message, Rejected(why="The address contains characters that SMTP cannot carry."))
            return None
        try:
            return Letter.of(message, sender=self._sender.header)
        except Exception as error:  # noqa: BLE001  one mail that cannot be made must not end the others
            self._conclude(message, NotSent(why=f"{type(error).__name__}: {error}", channel_fault=True))
            return None

    def _can_carry(self, lane: Lane, letter: Letter) -> bool:
        if lane.carries(letter):
            return True
        why = "The address is not ASCII, and the mail server does not offer SMTPUTF8."
        self._conclude(letter.message, Rejected(why=why))
        return False

    def _fail(self, letter: Letter, failure: Exception) -> None:
        try:
            outcome = _judged(failure)
        except ChannelPaused as paused:
            self._conclude(letter.message, NotSent(why=paused.why, channel_fault=True))
            self._stop(paused)
        else:
            self._conclude(letter.message, outcome)

    def _stop(self, paused: ChannelPaused) -> None:
        """Let go of everything but the answers to the dots that are out."""
        self._failure = self._failure or paused
        self._are_more = False
        left = [*self._homeless, *self._openings.give_up()]
        self._homeless.clear()
        for lane in list(self._lanes):
            letter = lane.give_up()
            left += [letter] if letter else []
            self._attend(lane)
        for letter in left:
            self._conclude(letter.message, NotSent(why=paused.why, channel_fault=True))

    def _conclude(self, message: Message, outcome: Outcome) -> None:
        self._outcomes.append((message.id, outcome))


def _judged(failure: Exception) -> Outcome:
    if isinstance(failure, Refused | Dropped | Unfit):
        return judge(failure)
    return NotSent(why=f"{type(failure).__name__}: {failure}", channel_fault=True)
