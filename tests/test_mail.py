from __future__ import annotations

import quopri
import re
from dataclasses import replace
from email import message_from_bytes
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import default as modern
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import escape

import hub.mail
from hub.mail.addresses import check_address, wire_address
from hub.mail.colours import colours_of
from hub.mail.gaps import quoted_printable
from hub.mail.message import InvitationMail, render
from hub.mail.words import WORDS
from tests.surveys import INVITATION

SENDER = "Acme <hello@acme.example>"
OUR_HEADERS = [
    "From",
    "To",
    "Subject",
    "Date",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Message-ID",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
]
HOSTILE = st.text(max_size=200) | st.lists(
    st.sampled_from(
        [
            "\r\n",
            "\nBcc: eve@evil.com",
            "<script>alert(1)</script>",
            "<img src=x onerror=y>",
            '"',
            "'",
            "&",
            ",",
            ";",
            "<eve@evil.com>",
            "\u202e",
            "\u2066",
            "\x00",
            "\ud800",
            "\u2028",
            "{brand}",
            "{{ 7*7 }}",
            "{% raw %}",
            "=?utf-8?q?x?=",
            "Ada",
            "é",
            "日本",
            ".",
            "--",
        ]
    ),
    max_size=12,
).map("".join)
LOCAL_PARTS = st.text(st.characters(categories=["L", "N", "Po", "Sm"]), min_size=1, max_size=20)
ADDRESSES = st.one_of(
    st.emails(),
    st.builds("{}@{}".format, LOCAL_PARTS, st.sampled_from(["acme.com", "bücher.de"])),
    st.from_regex(r"[a-z!#$%&'*+/=?^_`{|}~.-]{1,64}@([a-z]{1,50}\.){1,4}com", fullmatch=True),
).filter(lambda text: check_address(text) is not None)


class Reader(HTMLParser):
    """What a mail program sees: tags, links and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] not in (["style"], ["title"]):
            self.text += data.split()


def parsed(invitation: InvitationMail) -> EmailMessage:
    message = message_from_bytes(render(invitation).mime(SENDER), policy=modern)
    assert isinstance(message, EmailMessage)
    return message


def content(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def test_mail_has_our_headers_and_two_parts() -> None:
    message = parsed(INVITATION)
    assert message.keys() == OUR_HEADERS
    assert message["To"] == "ada@acme.example"
    assert message["From"] == SENDER
    assert message["Subject"] == "How likely are you to recommend Acme?"
    assert message["Message-ID"] == "<inv-8f3a@hub.acme.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime == INVITATION.sent_at
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


def test_unsubscribe_header_is_one_whole_line() -> None:
    url = INVITATION.unsubscribe_url + "x" * 100
    raw = render(replace(INVITATION, unsubscribe_url=url)).mime(SENDER)
    assert f"\r\nList-Unsubscribe: <{url}>\r\n".encode() in raw
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw


def test_mail_is_seven_bit_with_crlf_and_short_lines() -> None:
    raw = render(replace(INVITATION, name="Zoë 日本", brand="Bücher " * 8)).mime(SENDER)
    assert raw.isascii()
    assert raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r")
    assert max(map(len, raw.split(b"\r\n"))) <= 200


def test_same_invitation_gives_the_same_bytes() -> None:
    assert render(INVITATION).mime(SENDER) == render(INVITATION).mime(SENDER)


def test_parts_arrive_as_they_were_rendered() -> None:
    message = render(INVITATION)
    assert content(parsed(INVITATION), "plain").splitlines() == message.text.splitlines()
    assert content(parsed(INVITATION), "html").splitlines() == message.html.splitlines()


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=120), max_size=6))
def test_pieces_of_a_text_are_encoded_as_the_standard_library_decodes_them(pieces: list[str]) -> None:
    encoded = b"".join(map(quoted_printable, pieces))
    assert encoded.isascii()
    assert quopri.decodestring(encoded).replace(b"\r\n", b"\n").decode() == "".join(pieces)
    assert max(map(len, encoded.split(b"\r\n"))) <= 76
    assert not re.search(rb"[ \t]\r\n", encoded)


@pytest.mark.parametrize("length", range(70, 80))
@pytest.mark.parametrize("last", ["x", " ", "=", "é"])
def test_piece_of_any_length_ends_in_a_line_of_at_most_76_characters(length: int, last: str) -> None:
    encoded = quoted_printable("x" * length + last)
    assert max(map(len, encoded.split(b"\r\n"))) <= 76
    assert encoded.endswith(b"=\r\n")


@pytest.mark.parametrize("name", [None, "Ada", "Zoë & <Co>", "Ada" * 60])
def test_filled_mail_is_what_its_template_would_have_given(name: str | None) -> None:
    template = (Path(hub.mail.__file__).parent / "templates" / "invitation.html").read_text("utf-8")
    for gap in ("greeting", "url", "unsubscribe_url"):
        assert f"{{{{ {gap} }}}}" in template
    message = render(replace(INVITATION, name=name))
    greeting = message.text.partition("\n")[0]
    assert str(escape(greeting)) in message.html
    assert not re.search("[\ue000-\uf8ff]", message.text + message.html + message.subject)


def test_every_score_has_its_link_in_both_parts() -> None:
    message = render(INVITATION)
    scores = [f"{INVITATION.survey_url}?score={score}" for score in range(11)]
    assert Reader(message.html).links == [*scores, INVITATION.unsubscribe_url]
    assert re.findall(r"https://\S+", message.text) == [*scores, INVITATION.unsubscribe_url]


def test_question_is_the_first_thing_a_preview_shows() -> None:
    words = " ".join(Reader(render(INVITATION).html).text)
    assert words.startswith("How likely are you to recommend Acme to a friend or colleague?")


@pytest.mark.parametrize("language", WORDS)
def test_mail_speaks_a_language_in_its_direction_also_where_its_head_is_dropped(language: str) -> None:
    html = render(replace(INVITATION, language=language)).html
    direction = "rtl" if language == "ar" else "ltr"
    body = html.partition("<body")[2]
    assert f' lang="{language}" dir="{direction}">' in html.partition("<head>")[0]
    assert f' lang="{language}" dir="{direction}"' in body.partition("</table>")[0]
    assert len(html.encode()) < 30_000


@pytest.mark.parametrize("language", WORDS)
def test_question_is_the_first_thing_read_in_every_language(language: str) -> None:
    words = " ".join(Reader(render(replace(INVITATION, language=language)).html).text)
    assert words.startswith(" ".join(WORDS[language].question.format(brand="Acme").split()))


def test_button_says_more_than_a_number_to_who_hears_it() -> None:
    html = render(replace(INVITATION, language="de")).html
    assert re.findall(r'aria-label="([^"]+)"', html) == [f"{score} von 10" for score in range(11)]


def test_mail_wears_its_brands_colour() -> None:
    yellow = colours_of("#ffcc00")
    html = render(replace(INVITATION, colour="#ffcc00")).html
    body = html.partition("<body")[2]
    assert f"border-top:6px solid {yellow.light.fill}" in body
    assert yellow.dark.accent in html
    assert colours_of(None).light.accent not in html


def test_logo_stands_in_place_of_the_brands_name_and_says_it() -> None:
    html = render(replace(INVITATION, logo_url="https://acme.example/a.png?x=1&y=2")).html
    assert '<img src="https://acme.example/a.png?x=1&amp;y=2" alt="Acme" height="40"' in html
    assert "<bdi>Acme</bdi>" not in html


def test_text_part_has_the_numbers_of_its_links_between_their_ends() -> None:
    text = render(INVITATION).text
    places = [text.index(part) for part in ("0 = not", "   0  https", "   9  https", "  10  https", "10 = extremely")]
    assert places == sorted(places)


@pytest.mark.parametrize("language", WORDS)
def test_no_line_of_the_text_part_is_broken_inside_a_word(language: str) -> None:
    message = render(replace(INVITATION, language=language))
    words = WORDS[language]
    for told in (words.question.format(brand="Acme"), words.request_in_text, words.unsubscribe_in_text):
        assert " ".join(told.split()) in " ".join(message.text.split())


def test_mail_needs_no_image_and_nothing_from_elsewhere_and_is_small() -> None:
    html = render(replace(INVITATION, name="<" * 500, brand="<" * 500)).html
    assert len(html) < 30_000
    assert not {"img", "script", "link", "iframe", "form"} & set(Reader(html).tags)
    assert not re.search(r"url\(|@import|src=", html)


@pytest.mark.parametrize("name", [None, "", " \u202e\x00 ", "http://evil.com", "Win at www.evil.com", "a@b.com"])
def test_greeting_is_neutral_without_a_name_that_is_one(name: str | None) -> None:
    message = render(replace(INVITATION, name=name))
    assert message.text.startswith("Hello,\n")


@pytest.mark.parametrize("name", ["Ada King, Countess of Lovelace", "Dr. J. R. Smith", "می‌خواهم", "🏳️‍🌈 Zoë"])
def test_name_is_shown_whole(name: str) -> None:
    assert render(replace(INVITATION, name=name)).text.startswith(f"Hello {name},\n")


def test_huge_name_is_cut() -> None:
    greeting = render(replace(INVITATION, name="Ada" * 4_000)).text.splitlines()[0]
    assert greeting.endswith("…,")
    assert len(greeting) < 100


def test_unknown_language_is_served_in_english_and_says_so() -> None:
    assert ' lang="en" dir="ltr">' in render(replace(INVITATION, language="tlh-Latn")).html


def test_international_address_makes_the_headers_utf8_and_keeps_the_body_seven_bit() -> None:
    raw = render(replace(INVITATION, to="用户@例子.公司")).mime(SENDER)
    head, _, body = raw.partition(b"\r\n\r\n")
    assert "\r\nTo: 用户@例子.公司\r\n".encode() in head
    assert body.isascii()


def test_international_sender_makes_the_headers_utf8() -> None:
    assert "From: Acme <grüße@acme.example>\r\n".encode() in render(INVITATION).mime("Acme <grüße@acme.example>")


def test_international_domain_alone_goes_out_in_ascii() -> None:
    assert render(replace(INVITATION, to="ada@bücher.de")).to == "ada@xn--bcher-kva.de"


@pytest.mark.parametrize("to", ["ada", "ada@acme.com\r\nBcc: eve@evil.com", "ada@acme.com, eve@evil.com"])
def test_address_that_was_never_checked_is_refused(to: str) -> None:
    with pytest.raises(ValueError, match="inv-8f3a"):
        render(replace(INVITATION, to=to))


def test_sender_with_a_line_break_is_refused() -> None:
    with pytest.raises(ValueError, match="linefeed"):
        render(INVITATION).mime("Acme\r\nBcc: eve@evil.com <hello@acme.example>")


@settings(deadline=None)
@given(name=HOSTILE, brand=HOSTILE, to=ADDRESSES)
def test_hostile_texts_change_neither_headers_nor_recipients_nor_markup(name: str, brand: str, to: str) -> None:
    invitation = replace(INVITATION, name=name, brand=brand, to=to)
    raw = render(invitation).mime(SENDER)
    message = message_from_bytes(raw, policy=modern)
    assert isinstance(message, EmailMessage)
    assert message.keys() == OUR_HEADERS
    assert [address.addr_spec for address in _addressees(raw)] == [_on_the_wire(to)]
    html = content(message, "html")
    assert Reader(html).tags == Reader(render(INVITATION).html).tags
    assert Reader(html).links == Reader(render(INVITATION).html).links
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00]", html + content(message, "plain"))


def _addressees(raw: bytes) -> tuple[Address, ...]:
    to = next(line for line in raw.split(b"\r\n") if line.startswith(b"To: "))
    addresses: tuple[Address, ...] = modern.header_factory("To", to[4:].decode()).addresses
    return addresses


def _on_the_wire(to: str) -> str:
    return wire_address(check_address(to) or "")
