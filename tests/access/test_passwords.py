"""Which passwords are taken, and what is kept of them."""

from __future__ import annotations

import time
from statistics import median

import pytest

from hub.admin.access import passwords

GOOD = "three green kettles"
METHOD, NOBODY = passwords.METHOD, passwords._NOBODY


@pytest.fixture(autouse=True)
def dear_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """A guess costs what it really costs."""
    monkeypatch.setattr(passwords, "METHOD", METHOD)
    monkeypatch.setattr(passwords, "_NOBODY", NOBODY)


@pytest.mark.parametrize(
    "password",
    [
        GOOD,
        "twelve chars",
        "k9!Vw2#pQz7@",
        "ёлка под окном",
        "漢字で書いた長い合言葉です",
        "    spaces at both ends    ",
        "my summer in the survey hub",
        "193847562910",
        "correct horse battery staple " * 8,
    ],
)
def test_long_password_is_taken_whatever_it_is_made_of(password: str) -> None:
    assert passwords.problem_of(password, "ada@acme.example") is None


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("", "has 0 characters; use 12 or more, a few words for example"),
        ("elevenchars", "has 11 characters; use 12 or more, a few words for example"),
        ("ab" * 128 + "c", "has 257 characters; 256 are the most"),
        ("twelve\ud800chars", "has characters that no keyboard makes; type it anew"),
        ("twelve\x00chars", "has characters that no keyboard makes; type it anew"),
        ("ada.lovelace", "is the name; choose another"),
        ("AdaLovelace1815!", "is the name; choose another"),
        ("ada.lovelace@acme.example", "is the name; choose another"),
    ],
)
def test_password_that_is_none_is_refused_with_the_reason(password: str, problem: str) -> None:
    assert passwords.problem_of(password, "ada.lovelace@acme.example") == problem


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "Passw0rd!Password",
        "123456789012",
        "210987654321",
        "qwertyuiopas",
        "QWERTYUIOPASDF",
        "aaaaaaaaaaaa",
        "abababababab",
        "112212122112",
        "kettle1kettle1",
        "iloveyou2024",
        "Welcome12345!",
        "adminadminadmin",
        "surveyhub2026",
        "letmein-letmein",
        "1q2w3e4r5t6y",
        "password" * 31 + "1234",
    ],
)
def test_password_that_anybody_would_try_is_refused(password: str) -> None:
    expected = "is one of the first that anybody would try; choose another"
    assert passwords.problem_of(password, "ada@acme.example") == expected


def test_no_password_takes_long_to_be_looked_at() -> None:
    started = time.perf_counter()
    passwords.problem_of("password" * 31 + "x", "ada")
    assert time.perf_counter() - started < 1


def test_of_a_password_only_a_hash_with_its_own_salt_is_kept() -> None:
    kept = {passwords.hash_of(GOOD) for _ in range(2)}
    assert len(kept) == 2
    assert all(one.startswith("scrypt:32768:8:3$") and GOOD not in one for one in kept)


def test_password_fits_however_its_letters_are_composed() -> None:
    composed, apart = "Zürich in früher Zeit", "Zu\u0308rich in fru\u0308her Zeit"
    kept = passwords.hash_of(composed)
    assert passwords.fits(kept, apart)
    assert passwords.fits(passwords.hash_of(apart), composed)
    assert not passwords.fits(kept, "Zurich in fruher Zeit")


@pytest.mark.parametrize("typed", ["", "nobody", "\ud800", "x" * 100_000])
def test_where_there_is_no_password_none_fits(typed: str) -> None:
    assert not passwords.fits(None, typed)


def test_an_unknown_name_takes_as_long_as_a_wrong_password() -> None:
    kept = passwords.hash_of(GOOD)

    def cost(password_hash: str | None) -> float:
        started = time.process_time()
        passwords.fits(password_hash, "another password")
        return time.process_time() - started

    assert 0.5 < median(cost(None) for _ in range(5)) / median(cost(kept) for _ in range(5)) < 2
