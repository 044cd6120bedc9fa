"""Customers who are asked while something fails: their events, and what became of their invitations."""

from __future__ import annotations

from collections import Counter

import requests
from sqlalchemy import func, select

from hub.store import tables
from tests.running_hub import API_KEY, RunningHub
from tests.servers import SmtpSink


def setup(sink: SmtpSink) -> str:
    """Return the configuration of a hub that asks everybody at once."""
    return f"""
[sources.product]
kind = "segment"
api_key = "{API_KEY}"
[channels.relay]
kind = "smtp"
host = "{sink.host}"
port = {sink.port}
from = "Acme <hello@acme.example>"
[surveys.onboarding]
sources = ["product"]
channels = ["relay"]
enabled = true
surge_brake = false
"""


def identify(hub: RunningHub, user: str, session: requests.Session | None = None) -> requests.Response:
    """Send the event that has a customer asked."""
    body = {"userId": user, "messageId": user, "traits": {"email": f"{user}@acme.example"}}
    return (session or requests).post(f"{hub.url}/v1/identify", json=body, auth=(API_KEY, ""), timeout=30)


def states(hub: RunningHub) -> Counter[str]:
    """Return how many invitations are in each state."""
    table = tables.invitation
    with hub.opened() as opened, opened.store.read() as connection:
        rows = connection.execute(select(table.c.state, func.count().label("number")).group_by(table.c.state))
        return Counter({row.state: row.number for row in rows})


def end_leases(hub: RunningHub) -> None:
    """Have what lost workers had in hand taken back at once, not in minutes."""
    ended = tables.invitation.update().values(lease_until=tables.invitation.c.scheduled_at)
    with hub.opened() as opened:
        opened.store.transact(lambda connection: connection.execute(ended))
