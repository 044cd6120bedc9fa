from __future__ import annotations

import time

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from hub.domain.identity import mailbox_of
from hub.mail.addresses import check_address, wire_address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ada@acme.com", "ada@acme.com"),
        ("  ada@acme.com\n", "ada@acme.com"),
        ("Ada.Lovelace+news@ACME.com", "Ada.Lovelace+news@acme.com"),
        ("ada@acme.example", "ada@acme.example"),
        ("ada@example.com", "ada@example.com"),
        ("o'brien@acme.com", "o'brien@acme.com"),
        ("u\u0308ber@acme.com", "\u00fcber@acme.com"),
        ("ada@b\u00fccher.de", "ada@b\u00fccher.de"),
        ("用户@例子.公司", "用户@例子.公司"),
    ],
)
def test_address_that_mail_could_reach_comes_back_trimmed_and_composed(text: str, expected: str) -> None:
    assert check_address(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        None,
        7,
        b"ada@acme.com",
        "",
        "   ",
        "ada",
        "ada@acme",
        "ada@localhost",
        "ada@acme.test",
        "ada@acme.local",
        "ada@acme.invalid",
        "ada@[192.0.2.1]",
        "Ada <ada@acme.com>",
        '"ada love"@acme.com',
        "ada@acme.com, eve@evil.com",
        "ada@acme.com\r\nBcc: eve@evil.com",
        "ada\x00@acme.com",
        "ada\ud800@acme.com",
        "ada\u202e@acme.com",
        "ada@acme\ud800.com",
        "a@" + "b." * 130 + "com",
        "a" * 10_000_000,
    ],
)
def test_what_mail_cannot_reach_is_refused(text: object) -> None:
    assert check_address(text) is None


def test_address_too_long_for_smtp_is_not_even_parsed() -> None:
    started = time.process_time()
    for length in range(100):
        assert check_address("a" * (1_000_000 + length) + "@acme.com") is None
    assert time.process_time() - started < 1


@given(st.text(max_size=300) | st.text(alphabet="ab@.\u0130\u00df\u202e\x00\ud800 <>\"'\r\n", max_size=40))
def test_checking_never_raises_and_its_result_passes_again(text: str) -> None:
    checked = check_address(text)
    assert checked is None or check_address(checked) == checked


@given(
    st.from_regex(r"[a-zA-Z0-9_.+-]{1,66}@([a-z0-9-]{1,64}\.){1,5}[a-z0-9]{1,64}", fullmatch=True)
    | st.builds("{}.{}".format, st.emails(), st.sampled_from(["com", "test", "local", "arpa", "co", "c", "xn--p1ai"]))
    | st.emails()
)
@example("ada@ab--cd.com")
@example("ada@xn--a.com")
@example(f"{'a' * 65}@acme.com")
@example(f"ada@{'a' * 64}.com")
def test_address_is_judged_as_email_validator_judges_it(text: str) -> None:
    try:
        judged = validate_email(text, check_deliverability=False, allow_smtputf8=True).normalized
    except EmailNotValidError:
        judged = None
    assert check_address(text) == (judged if len(text) <= 254 else None)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("ada@acme.com", "ada@acme.com"),
        ("ada@b\u00fccher.de", "ada@xn--bcher-kva.de"),
        ("\u00e4da@b\u00fccher.de", "\u00e4da@b\u00fccher.de"),
    ],
)
def test_domain_goes_out_in_ascii_where_that_makes_the_whole_address_ascii(address: str, expected: str) -> None:
    assert wire_address(address) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada@Acme.com", " ada@acme.com "),
        ("u\u0308ber@acme.com", "\u00dcBER@acme.com"),
        ("stra\u00dfe@acme.com", "STRASSE@acme.com"),
    ],
)
def test_spellings_of_one_mailbox_have_one_key(one: str, other: str) -> None:
    assert mailbox_of(one) == mailbox_of(other)


@pytest.mark.parametrize("other", ["a.da@acme.com", "ada+news@acme.com", "ada@acme.org"])
def test_dots_tags_and_domains_make_other_mailboxes(other: str) -> None:
    assert mailbox_of("ada@acme.com") != mailbox_of(other)


@given(st.text(max_size=60))
def test_the_key_of_a_key_is_itself(text: str) -> None:
    assert mailbox_of(mailbox_of(text)) == mailbox_of(text)
