"""What a failure in each phase of the SMTP dialogue means for the message, or for the whole channel.

| | 4xx | 5xx | no answer |
|---|---|---|---|
| opening (connect to login) | not sent, channel's fault | channel paused | channel paused for a minute |
| MAIL, DATA | not sent, channel's fault | channel paused | not sent, channel's fault |
| RCPT | not sent | rejected | not sent, channel's fault |
| the mail's text | | | not sent, channel's fault |
| after the dot | not sent | rejected | unknown |
"""

from __future__ import annotations

import re

from hub.plugin import ChannelPaused, NotSent, Rejected, Unknown

from .phase import SERVICE_CLOSING, Dropped, Phase, Refused, Unfit

RETRY_AFTER_S = 60.0

_OPENING = (Phase.CONNECT, Phase.TLS, Phase.GREETING, Phase.EHLO, Phase.STARTTLS, Phase.AUTH)
_OF_THIS_MESSAGE = (Phase.RCPT, Phase.DOT)
_ENHANCED = re.compile(r"[245]\.(\d{1,3}\.\d{1,3})\b")

# RFC 3463: 1.7 and 1.8 are verdicts about the sender, which Postfix gives only at RCPT (smtpd_delay_reject).
_BAD_SENDER = ("1.7", "1.8")
_NEEDS_LOGIN = (530, 535, 538)

_ADVICE = {
    Phase.CONNECT: "Check host and port, and that a firewall lets this machine out to that port.",
    Phase.TLS: "Check port and security; set verify_tls = false only for a server that you know.",
    Phase.GREETING: "Check host and port; ask the server's operator whether this machine may connect.",
    Phase.EHLO: "Set helo to a name that the server accepts.",
    Phase.STARTTLS: "Check port and security: port 465 wants tls, a relay without encryption wants none.",
    Phase.AUTH: "Check username and password; many providers want an app password or an API key here.",
    Phase.MAIL: "Check that the server lets this login send as the address in `from`.",
    Phase.RCPT: "Check that the server lets this login send as the address in `from`.",
}


def judge(failure: Refused | Dropped | Unfit) -> NotSent | Rejected | Unknown:
    """Return the outcome that a failure means, or raise `ChannelPaused` if it judges the channel."""
    if isinstance(failure, Unfit):
        raise ChannelPaused(advise(failure))
    if isinstance(failure, Dropped):
        return _judge_silence(failure)
    if failure.code < 500:
        return NotSent(why=str(failure), channel_fault=_is_channel_fault(failure))
    if failure.phase not in _OF_THIS_MESSAGE or _judges_sender(failure):
        raise ChannelPaused(advise(failure))
    return Rejected(why=str(failure), no_mailbox=_is_no_mailbox(failure))


def advise(failure: Refused | Dropped | Unfit) -> str:
    """Return what went wrong together with what to do about it."""
    advice = _ADVICE.get(failure.phase)
    return f"{failure}. {advice}" if advice else str(failure)


def _judge_silence(dropped: Dropped) -> NotSent | Unknown:
    if dropped.phase is Phase.DOT:
        return Unknown(why=str(dropped))
    if dropped.phase in _OPENING:
        raise ChannelPaused(advise(dropped), retry_after_s=RETRY_AFTER_S)
    return NotSent(why=str(dropped), channel_fault=True)


def _is_channel_fault(refused: Refused) -> bool:
    system = _enhanced(refused).startswith("3.")
    return refused.phase not in _OF_THIS_MESSAGE or refused.code == SERVICE_CLOSING or system


def _judges_sender(refused: Refused) -> bool:
    at_recipient = refused.phase is Phase.RCPT
    return at_recipient and (refused.code in _NEEDS_LOGIN or _enhanced(refused) in _BAD_SENDER)


def _is_no_mailbox(refused: Refused) -> bool:
    enhanced = _enhanced(refused)
    return enhanced == "1.1" or (refused.phase is Phase.RCPT and enhanced.startswith("1."))


def _enhanced(refused: Refused) -> str:
    """Return subject and detail of the enhanced status code (RFC 3463), or nothing."""
    match = _ENHANCED.match(refused.text)
    return match.group(1) if match else ""
