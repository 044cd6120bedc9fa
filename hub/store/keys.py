"""Secrets at rest and signed links, from HUB_SECRET_KEY or a key file in the data folder."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from hub.config import ConfigError, Settings

_SIGNATURE_BYTES = 12
_TRIAL = b"test mail".hex()


class Keys:
    """Encrypts secrets and signs survey links. The first key is used for new ones, every key for old ones."""

    def __init__(self, secret_keys: tuple[str, ...]) -> None:
        self._newest = Fernet(_derive(secret_keys[0], "seal"))
        self._fernet = MultiFernet([Fernet(_derive(key, "seal")) for key in secret_keys])
        self._signing = [_derive(key, "sign") for key in secret_keys]
        self._vouching = [_derive(key, "vouch") for key in secret_keys]
        self.for_cookies = [_derive(key, "cookies").decode() for key in secret_keys]
        """What signs a sentence that a browser carries to its next page."""
        self.fingerprints = [hashlib.sha256(_derive(key, "fingerprint")).hexdigest()[:16] for key in secret_keys]

    def seal(self, text: str) -> str:
        """Return `text` encrypted."""
        return self._fernet.encrypt(text.encode()).decode()

    def is_current(self, sealed: str) -> bool:
        """Return whether `sealed` was encrypted with the first key."""
        try:
            self._newest.decrypt(sealed.encode())
        except InvalidToken:
            return False
        return True

    def unseal(self, sealed: str) -> str:
        """Return what was sealed. Raises ConfigError when no key fits."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise ConfigError(["HUB_SECRET_KEY: a stored secret was encrypted with another key"]) from None

    def token_of(self, invitation_id: str) -> str:
        """Return the unguessable token of an invitation's links."""
        raw = bytes.fromhex(invitation_id)
        return base64.urlsafe_b64encode(raw + _sign(self._signing[0], raw)).rstrip(b"=").decode()

    def invitation_of(self, token: str) -> str | None:
        """Return the invitation a token stands for, or None when it was not made here."""
        try:
            decoded = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except ValueError:
            return None
        raw, signature = decoded[:-_SIGNATURE_BYTES], decoded[-_SIGNATURE_BYTES:]
        if not raw or self._canonical(decoded) != token:
            return None
        genuine = any(hmac.compare_digest(_sign(key, raw), signature) for key in self._signing)
        return raw.hex() if genuine else None

    @property
    def trial_token(self) -> str:
        """The token of the links in test mails, behind which there is no invitation."""
        return self.token_of(_TRIAL)

    def is_trial(self, token: str) -> bool:
        """Return whether a token is one of a test mail from here."""
        return self.invitation_of(token) == _TRIAL

    def voucher_for(self, text: str) -> str:
        """Return what only this hub can say about `text` (hex HMAC-SHA256)."""
        return _vouch(self._vouching[0], text)

    def vouches(self, text: str, voucher: str) -> bool:
        """Return whether this hub said so about `text`."""
        said = voucher.encode(errors="surrogatepass")
        return any(hmac.compare_digest(_vouch(key, text).encode(), said) for key in self._vouching)

    @staticmethod
    def _canonical(decoded: bytes) -> str:
        return base64.urlsafe_b64encode(decoded).rstrip(b"=").decode()


def load_keys(settings: Settings) -> Keys:
    """Return the configured keys, else those of the key file, which is made when there is none."""
    return Keys(settings.secret_keys or (_key_file(settings.data_dir / "secret.key"),))


def hash_key(value: str) -> str:
    """Return the hash by which a credential is looked up (hex SHA-256; the values are long and random)."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


def _derive(key: str, purpose: str) -> bytes:
    return base64.urlsafe_b64encode(hmac.digest(key.encode(), f"survey-hub:{purpose}".encode(), "sha256"))


def _sign(key: bytes, raw: bytes) -> bytes:
    return hmac.digest(key, raw, "sha256")[:_SIGNATURE_BYTES]


def _vouch(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(errors="surrogatepass"), "sha256").hexdigest()


def _key_file(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        with os.fdopen(os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
        fresh.unlink()
    return path.read_text().strip()
