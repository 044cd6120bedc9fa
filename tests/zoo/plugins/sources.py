"""Sources with a vice each."""

from __future__ import annotations

import itertools
import json
import os
import threading
import time

from marshmallow import Schema

from hub.plugin import Accepted, Event, EventSource, Reply, Secret, Unreadable, hookimpl


class Nothing(Schema):
    """No settings."""


class Key(Schema):
    """A key."""

    api_key = Secret(required=True, lookup=True)


class Honest(EventSource):
    """What the bad ones do right: bodies are JSON lists of what `Event` takes."""

    kind = "honest"
    config_schema = Nothing

    def receive(self, request):
        return Accepted(body=request.body, reply=Reply.json({}))

    def read(self, stored):
        return self.events(stored)

    def events(self, stored):
        for item in json.loads(stored.body):
            yield Event(type="identify", payload=item, **item)


class RaisesReceiving(Honest):
    """Raises in receive."""

    kind = "raises_receiving"

    def receive(self, request):
        raise RuntimeError("a bug")


class ExitsReceiving(Honest):
    """Means to end the process in receive."""

    kind = "exits_receiving"

    def receive(self, request):
        raise SystemExit(3)


class AnswersNothing(Honest):
    """Returns nothing from receive."""

    kind = "answers_nothing"

    def receive(self, request):
        return None


class AcceptsText(Honest):
    """Wants text stored instead of bytes."""

    kind = "accepts_text"

    def receive(self, request):
        return Accepted(body=request.body.decode(), reply=Reply.json({}))


class AcceptsTooMuch(Honest):
    """Wants far more stored than it was sent."""

    kind = "accepts_too_much"

    def receive(self, request):
        return Accepted(body=bytes(10 * self.max_body + 1), reply=Reply.json({}))


class RepliesText(Honest):
    """Answers with text instead of bytes."""

    kind = "replies_text"

    def receive(self, request):
        return Reply(body="thank you")


class HangsReceiving(Honest):
    """Does not come back from receive."""

    kind = "hangs_receiving"

    def receive(self, request):
        threading.Event().wait()


class RaisesReading(Honest):
    """Raises before the third event."""

    kind = "raises_reading"

    def read(self, stored):
        yield from itertools.islice(self.events(stored), 2)
        raise RuntimeError("a bug")


class ExitsReading(Honest):
    """Means to end the process before the third event."""

    kind = "exits_reading"

    def read(self, stored):
        yield from itertools.islice(self.events(stored), 2)
        raise SystemExit(3)


class InterruptsReading(Honest):
    """Raises what Ctrl-C raises before the third event."""

    kind = "interrupts_reading"

    def read(self, stored):
        yield from itertools.islice(self.events(stored), 2)
        raise KeyboardInterrupt


class ReadsGarbage(Honest):
    """Gives things that are no events, and events that make no sense, among the good ones."""

    kind = "reads_garbage"

    def read(self, stored):
        good = self.events(stored)
        yield next(good)
        yield None
        yield {"type": "identify"}
        yield Event(type=None, payload=7, timestamp="yesterday")
        yield Unreadable(why=None, payload=7)
        yield from good


class NeverEnds(Honest):
    """Gives events without end."""

    kind = "never_ends"

    def read(self, stored):
        for number in itertools.count():
            yield Event(type="identify", payload={"n": number}, message_id=f"endless-{number}")


class HangsReading(Honest):
    """Does not come back from reading a body with a stone in it."""

    kind = "hangs_reading"

    def read(self, stored):
        for event in self.events(stored):
            if event.user_id == "stone":
                time.sleep(3_600)
            yield event


class DiesReading(Honest):
    """Ends its process when it reads of poison."""

    kind = "dies_reading"

    def read(self, stored):
        for event in self.events(stored):
            if event.user_id == "poison":
                os._exit(7)
            yield event


class Fatal(str):
    """A word that ends the process of whoever compares it."""

    __hash__ = str.__hash__

    def __eq__(self, other):
        os._exit(7)


class PoisonsDeciding(Honest):
    """Gives an event that reads well, and ends the process that decides on it."""

    kind = "poisons_deciding"

    def events(self, stored):
        for item in json.loads(stored.body):
            kind = Fatal("identify") if item["user_id"] == "poison" else "identify"
            yield Event(type=kind, payload=item, **item)


class ForgetsSuper(Honest):
    """Does not call super().__init__."""

    kind = "forgets_super"
    config_schema = Key

    def __init__(self, name, config, services):
        self.key = config["api_key"]


class HangsBeingMade(Honest):
    """Connects to somewhere in __init__, for ever."""

    kind = "hangs_being_made"

    def __init__(self, name, config, services):
        super().__init__(name, config, services)
        threading.Event().wait()


class ExitsBeingMade(Honest):
    """Means to end the process in __init__."""

    kind = "exits_being_made"

    def __init__(self, name, config, services):
        raise SystemExit(3)


class TellsSecrets(Honest):
    """Prints its key when it cannot be made."""

    kind = "tells_secrets"
    config_schema = Key

    def __init__(self, name, config, services):
        raise ValueError(f"cannot log in as ada@customers.example with {config['api_key']}")


class HangsChecking(Honest):
    """Does not come back from check and close."""

    kind = "hangs_checking"

    def check(self):
        threading.Event().wait()

    def close(self):
        threading.Event().wait()


@hookimpl
def hub_event_sources():
    return [Honest, *Honest.__subclasses__()]
