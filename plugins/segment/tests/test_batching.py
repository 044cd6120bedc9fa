from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub_segment.batching import MAX_BYTES, MAX_EVENTS, batches, request_body

SENT_AT = "2026-03-01T12:00:00.000Z"


@given(st.lists(st.lists(st.sampled_from([2, 300, 4_749, 4_750, 32_768]), min_size=1, max_size=3), max_size=250))
def test_batches_keep_order_and_limits_and_updates_whole(updates):
    numbered = [(number, [b'"' + b"x" * (size - 2) + b'"' for size in sizes]) for number, sizes in enumerate(updates)]
    groups = list(batches(numbered))
    assert [update for group in groups for update in group] == numbered
    for group in groups:
        events = [event for _, events in group for event in events]
        assert 0 < len(events) <= MAX_EVENTS
        assert len(request_body(events, SENT_AT)) <= MAX_BYTES


def test_request_is_json_with_the_time_of_sending():
    assert json.loads(request_body([b"1", b"2"], SENT_AT)) == {"batch": [1, 2], "sentAt": SENT_AT}


@pytest.mark.parametrize(("beyond", "requests"), [(0, 1), (1, 2)])
def test_request_is_filled_to_the_last_byte(beyond, requests):
    frame = len(request_body([b""] * 20, SENT_AT))
    events = [[b"x" * 20_000]] * 19
    events.append([b"x" * (MAX_BYTES - frame - 380_000 + beyond)])
    assert len(list(batches(enumerate(events)))) == requests


def test_request_is_filled_to_the_last_event():
    updates = [[b"1"] * 3] * 32 + [[b"1"] * 4]
    assert len(list(batches(enumerate(updates)))) == 1
    assert len(list(batches(enumerate([*updates, [b"1"]])))) == 2
