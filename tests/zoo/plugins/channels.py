"""Channels with a vice each."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from pathlib import Path

from marshmallow import Schema, fields

from hub.plugin import ChannelPaused, NotSent, Rejected, Sent, SurveyChannel, hookimpl


class Outbox(Schema):
    """Where a channel writes what left it."""

    file = fields.String(required=True)


class Honest(SurveyChannel):
    """What the bad ones do right: they write down to whom a mail left."""

    kind = "honest"
    config_schema = Outbox

    def send(self, message, point_of_no_return):
        self.before(message)
        point_of_no_return()
        self.leave(message)
        self.after(message)
        return Sent()

    def before(self, message):
        """Do what a test wants, before the point of no return."""

    def after(self, message):
        """Do what a test wants, once the mail has left."""

    def leave(self, message):
        with Path(self.config["file"]).open("a") as outbox:
            outbox.write(f"{message.to}\n")
        return Sent()


class ExitsBefore(Honest):
    """Means to end the process before the point of no return."""

    kind = "exits_before"

    def send(self, message, point_of_no_return):
        raise SystemExit(3)


class ExitsAfter(Honest):
    """Means to end the process once one of its mails left."""

    kind = "exits_after"

    def send(self, message, point_of_no_return):
        point_of_no_return()
        self.leave(message)
        if message.to.startswith("u3@"):
            raise SystemExit(3)
        return Sent()


class PassesTwice(Honest):
    """Passes the point of no return twice, and tries to send at each."""

    kind = "passes_twice"

    def send(self, message, point_of_no_return):
        point_of_no_return()
        self.leave(message)
        point_of_no_return()
        return self.leave(message)


class NeverPasses(Honest):
    """Sends without passing the point of no return."""

    kind = "never_passes"

    def send(self, message, point_of_no_return):
        return self.leave(message)


class Swallows(Honest):
    """Swallows Abandoned, and says that it sent what must not be sent."""

    kind = "swallows"

    def send(self, message, point_of_no_return):
        self.before(message)
        try:
            point_of_no_return()
        except BaseException:  # noqa: BLE001  its vice
            return Sent()
        return self.leave(message)


class PassesWithStrangers(Honest):
    """Passes the point of no return with messages that it was not given."""

    kind = "passes_with_strangers"

    def send_many(self, messages, point_of_no_return):
        for message in messages:
            gone = point_of_no_return([message, replace(message, id="a-stranger")])
            if message.id in gone:
                yield message.id, self.leave(message)


class TalksNonsense(Honest):
    """Gives outcomes for strangers, twice, and contradicts itself."""

    kind = "talks_nonsense"

    def send_many(self, messages, point_of_no_return):
        yield "a-stranger", Sent()
        for message in messages:
            if message.id in point_of_no_return([message]):
                yield message.id, self.leave(message)
                yield message.id, Rejected(why="changed my mind", no_mailbox=True)


class YieldsNoPairs(Honest):
    """Gives no pairs of id and outcome."""

    kind = "yields_no_pairs"

    def send_many(self, messages, point_of_no_return):
        for message in messages:
            point_of_no_return([message])
            yield self.leave(message)


class AsksForNonsense(Honest):
    """Asks for a pause of no length that makes sense, with words that are none."""

    kind = "asks_for_nonsense"

    def send(self, message, point_of_no_return):
        return NotSent(why=None, retry_after_s="soon", pause=True)


class TellsAddresses(Honest):
    """Prints addresses into what it raises."""

    kind = "tells_addresses"

    def send(self, message, point_of_no_return):
        raise ChannelPaused(f"cannot write to {message.to}")


class HasNoName(Honest):
    """Raises when it is asked in whose name it sends."""

    kind = "has_no_name"

    @property
    def sender_name(self):
        raise RuntimeError("a bug")


class HangsSendingMany(Honest):
    """Does not come back from send_many, with one mail away, one allowed to go, and one in hand."""

    kind = "hangs_sending_many"

    def send_many(self, messages, point_of_no_return):
        first = next(messages)
        point_of_no_return([first])
        yield first.id, self.leave(first)
        point_of_no_return([next(messages)])
        self.kept, self.ask = next(messages), point_of_no_return
        threading.Event().wait()


class HangsSending(Honest):
    """Does not come back from send."""

    kind = "hangs_sending"

    def send(self, message, point_of_no_return):
        time.sleep(3_600)


class DiesBefore(Honest):
    """Ends its process before the point of no return."""

    kind = "dies_before"

    def send(self, message, point_of_no_return):
        os._exit(7)


class DiesAfter(Honest):
    """Ends its process when a mail has left."""

    kind = "dies_after"

    def send(self, message, point_of_no_return):
        point_of_no_return()
        self.leave(message)
        os._exit(7)


class Leaks(Honest):
    """Leaves files open, threads running and memory taken for every mail."""

    kind = "leaks"

    def __init__(self, name, config, services):
        super().__init__(name, config, services)
        self.kept = []

    def send(self, message, point_of_no_return):
        self.kept.append([bytearray(1_000_000), *(os.open(os.devnull, os.O_RDONLY) for _ in range(20))])
        threading.Thread(target=threading.Event().wait, daemon=True).start()
        return super().send(message, point_of_no_return)


class ForgetsBadly(Honest):
    """Ends its process in erase."""

    kind = "forgets_badly"

    def erase(self, person):
        os._exit(7)


class NeverForgets(Honest):
    """Does not come back from erase."""

    kind = "never_forgets"

    def erase(self, person):
        threading.Event().wait()


class ExitsForgetting(Honest):
    """Means to end the process in erase."""

    kind = "exits_forgetting"

    def erase(self, person):
        raise SystemExit(3)


@hookimpl
def hub_survey_channels():
    return [Honest, *Honest.__subclasses__()]
