"""Signed links and sealed secrets."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.config import ConfigError, Settings
from hub.store.keys import Keys, load_keys
from hub.store.types import new_id

OLD, NEW = "an old key that is long enough to use", "a new key that is long enough to use"
KEYS = Keys((OLD,))
ID = new_id()
TOKEN = KEYS.token_of(ID)


def test_token_leads_back_to_its_invitation():
    assert KEYS.invitation_of(TOKEN) == ID
    assert KEYS.token_of(ID) == TOKEN


@pytest.mark.parametrize("index", range(len(TOKEN)))
def test_token_with_any_character_changed_is_forged(index):
    for other in ("A", "B", "-", "=", "\x00", "é"):
        forged = TOKEN[:index] + other + TOKEN[index + 1 :]
        assert forged == TOKEN or KEYS.invitation_of(forged) is None


@pytest.mark.parametrize("length", range(len(TOKEN)))
def test_token_cut_short_is_forged(length):
    assert KEYS.invitation_of(TOKEN[:length]) is None


@pytest.mark.parametrize("pattern", ["", "=", "{0}=", "{0}A", " {0}", "{0}\n", "{0}{0}"])
def test_token_with_something_added_is_forged(pattern):
    assert KEYS.invitation_of(pattern.format(TOKEN)) is None


def test_other_spelling_of_the_same_bytes_is_refused():
    id_of_odd_length = "00" * 6
    token = KEYS.token_of(id_of_odd_length + "11")
    padded = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    same_bytes = [
        token[:-1] + last
        for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        if last != token[-1] and base64.urlsafe_b64decode(token[:-1] + last + "=" * (-len(token) % 4)) == padded
    ]
    assert same_bytes
    assert [KEYS.invitation_of(other) for other in same_bytes] == [None] * len(same_bytes)


@given(st.text(max_size=60))
def test_no_text_raises_or_is_mistaken_for_a_token(text):
    assert KEYS.invitation_of(text) is None


def test_rotation_reads_what_the_old_key_made_and_makes_new():
    rotated = Keys((NEW, OLD))
    assert rotated.invitation_of(TOKEN) == ID
    assert rotated.unseal(KEYS.seal("secret")) == "secret"
    assert Keys((NEW,)).invitation_of(rotated.token_of(ID)) == ID
    assert Keys((NEW,)).invitation_of(TOKEN) is None


def test_secret_sealed_with_another_key_says_so():
    with pytest.raises(ConfigError, match="another key"):
        Keys((NEW,)).unseal(KEYS.seal("secret"))


def test_key_file_is_made_once_and_only_its_owner_reads_it(tmp_path):
    settings = Settings(data_dir=tmp_path / "new")
    assert load_keys(settings).fingerprints == load_keys(settings).fingerprints
    assert (tmp_path / "new" / "secret.key").stat().st_mode & 0o777 == 0o600
