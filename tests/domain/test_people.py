"""Who an event is about, and what is known about them."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from itertools import count, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.identity import identities_of, is_held_out, mailbox_of, read_id
from hub.domain.scores import Band, band_of, counts_of
from hub.domain.states import MOVES, SENT_STATES, WAITING, State, sources_of
from hub.domain.traits import display_name, language_of, merge_traits, resolve_spellings, value_of
from hub.domain.world import World
from hub.mail.addresses import check_address
from tests.clock import NOW


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, "0"), (5.0, "5"), (5.5, "5.5"), ("", None), (" ", " "), ("5", "5"), (None, None), (True, None), ([], None)],
)
def test_ids_are_text(value, expected):
    assert read_id(value) == expected


def test_user_ids_and_anonymous_ids_and_namespaces_are_apart():
    user, anonymous = identities_of("", "7", "7")
    elsewhere, _ = identities_of("eu", "7", None)
    assert len({user, anonymous, elsewhere}) == 3


def test_mailbox_folds_case_and_composition_but_neither_dots_nor_plus():
    assert mailbox_of(" Jose\u0301@ACME.example ") == mailbox_of("JOSÉ@acme.example")
    assert len({mailbox_of(one) for one in ("a.b@acme.example", "ab@acme.example", "a+b@acme.example")}) == 3


@pytest.mark.parametrize(
    ("traits", "fallback", "expected"),
    [
        ({"created_at": 1, "createdAt": 2}, {}, {"createdAt": 2}),
        ({"created_at": 1, "createdAt": None}, {}, {"createdAt": 1}),
        ({"first_name": "A"}, {"firstName": "B", "plan": "x"}, {"firstName": "A", "plan": "x"}),
        ({"email": None}, {"email": "a@acme.example"}, {"email": "a@acme.example"}),
        ({"email": ""}, {"email": "a@acme.example"}, {"email": ""}),
    ],
)
def test_spellings_of_a_trait_are_one(traits, fallback, expected):
    assert resolve_spellings(traits, fallback) == expected


@pytest.mark.parametrize(
    ("traits", "name"),
    [
        ({"firstName": " Ada ", "lastName": "Lovelace"}, "Ada Lovelace"),
        ({"firstName": "Ada", "name": "Countess of Lovelace"}, "Ada"),
        ({"name": " Countess of Lovelace "}, "Countess of Lovelace"),
        ({"name": " "}, None),
        ({"name": 7, "firstName": ["x"]}, None),
    ],
)
def test_name_is_never_split(traits, name):
    profile = {}
    merge_traits(profile, traits, timestamp=NOW, message_id="m", check_address=check_address)
    assert display_name(profile) == name


def test_language_is_a_trait_before_it_is_a_locale():
    profile = {}
    assert language_of(profile, "de-DE") == "de-DE"
    merge_traits(profile, {"language": "fr"}, timestamp=NOW, message_id="m", check_address=check_address)
    assert language_of(profile, "de-DE") == "fr"


values = st.sampled_from(["a@acme.example", "b@acme.example", "oops", ""])
changes = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["email", "plan"]), values), min_size=1, max_size=4)


@given(changes)
def test_merging_ends_the_same_whatever_the_order(given_changes):
    ends = set()
    for order in permutations(enumerate(given_changes)):
        profile = {}
        for index, (age, name, value) in order:
            moment = NOW - timedelta(seconds=age)
            traits = {name: value}
            merge_traits(profile, traits, timestamp=moment, message_id=f"m{index}", check_address=check_address)
        ends.add(tuple(sorted((name, trait.value) for name, trait in profile.items())))
    assert len(ends) == 1


def test_of_equally_old_traits_the_greater_message_id_wins():
    profile = {}
    for message_id, value in (("m2", "second"), ("m1", "first")):
        merge_traits(profile, {"plan": value}, timestamp=NOW, message_id=message_id, check_address=check_address)
    assert value_of(profile, "plan") == "second"


def meet(world: World, user: str | None, anonymous: str | None, seen_at=NOW):
    return world.meet(*identities_of("", user, anonymous), seen_at)


@pytest.fixture
def world() -> World:
    ids = iter(range(1_000))
    return World(new_id=lambda: f"p{next(ids)}", check_address=check_address)


def test_anonymous_id_joins_the_first_user_id_seen_with_it(world):
    anonymous = meet(world, None, "a1")
    assert meet(world, "u1", "a1") is anonymous
    assert meet(world, "u1", None) is anonymous


def test_anonymous_id_of_one_user_never_joins_another(world):
    first = meet(world, "u1", "a1")
    second = meet(world, "u2", "a1")
    assert first is not second
    assert meet(world, None, "a1") is first


def test_joining_keeps_the_earlier_first_sight(world):
    meet(world, None, "a1", NOW - timedelta(days=1))
    meet(world, "u1", None, NOW)
    joined = meet(world, "u1", "a1", NOW)
    assert (joined.first_seen_at, joined.first_id) == (NOW - timedelta(days=1), "a1")


@given(st.text(min_size=1, max_size=8), st.floats(0, 100))
def test_holdout_is_stable_and_grows_with_its_share(first_id, percent):
    held = is_held_out("survey", first_id, percent)
    assert held == is_held_out("survey", first_id, percent)
    assert is_held_out("survey", first_id, 100)
    assert not is_held_out("survey", first_id, 0)
    assert not held or is_held_out("survey", first_id, min(100, percent + 1))


def test_holdout_takes_about_its_share():
    held = sum(is_held_out("survey", f"u{number}", 10) for number in range(10_000))
    assert 900 < held < 1_100


@pytest.mark.parametrize(
    ("score", "band"),
    [*((n, Band.DETRACTOR) for n in range(7)), *((n, Band.PASSIVE) for n in (7, 8)), (9, "promoter"), (10, "promoter")],
)
def test_band_of_a_score(score, band):
    assert band_of(score) == band


@pytest.mark.parametrize(
    ("counts", "score"), [({}, None), ({10: 1}, 100), ({0: 1}, -100), ({7: 3}, 0), ({9: 2, 8: 1, 6: 1}, 25)]
)
def test_net_promoter_score(counts, score):
    assert counts_of(counts).nps == score


def test_mail_that_may_have_left_is_never_sent_again():
    assert not MOVES[State.UNKNOWN] & WAITING
    assert not MOVES[State.SENT] & WAITING
    assert sources_of(State.SENDING) == {State.CLAIMED}
    assert not WAITING & SENT_STATES
    assert set(MOVES) == set(State)


def test_earliest_arrival_is_the_first_sight_in_whatever_order_events_are_decided(world):
    earlier = NOW - timedelta(hours=5)
    assert meet(world, "u1", None, NOW).first_seen_at == NOW
    assert meet(world, "u1", None, earlier).first_seen_at == earlier
    assert meet(world, "u1", None, NOW).first_seen_at == earlier


@pytest.mark.parametrize(("percent", "first_bucket_out"), [(0.07, 7), (0.14, 14), (1.1, 110)])
def test_holdout_takes_exactly_its_share_of_the_buckets(percent, first_bucket_out):
    def bucket(first_id: str) -> int:
        return int.from_bytes(sha256(f"survey{first_id}".encode()).digest()) % 10_000

    last_in = next(str(n) for n in count() if bucket(str(n)) == first_bucket_out - 1)
    first_out = next(str(n) for n in count() if bucket(str(n)) == first_bucket_out)
    assert is_held_out("survey", last_in, percent)
    assert not is_held_out("survey", first_out, percent)
