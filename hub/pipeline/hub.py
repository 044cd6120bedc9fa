"""An opened hub: what every step of the path works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from hub.config import ConfigError, Settings
from hub.plugins import Plugins, find_plugins
from hub.registry import Registry, utc_now
from hub.store import configuration
from hub.store.engine import Store
from hub.store.keys import Keys, load_keys


@dataclass(frozen=True, kw_only=True)
class Hub:
    """Databases, keys, plugins and clock."""

    settings: Settings
    store: Store
    keys: Keys
    registry: Registry
    now: Callable[[], datetime]

    def close(self) -> None:
        """Close database connections."""
        self.store.dispose()


def open_hub(
    settings: Settings,
    *,
    plugins: Plugins | None = None,
    now: Callable[[], datetime] = utc_now,
    pool_size: int = 8,
) -> Hub:
    """Return the hub of these settings; its schema must be there. Raises ConfigError when the keys don't fit."""
    store = Store(settings, pool_size=pool_size)
    keys = load_keys(settings)
    _check_keys(store, keys)
    plugins = plugins or find_plugins(plugins_dir=settings.plugins_dir)
    registry = Registry(store, keys, plugins, base_url=settings.base_url, now=now)
    return Hub(settings=settings, store=store, keys=keys, registry=registry, now=now)


def _check_keys(store: Store, keys: Keys) -> None:
    with store.read() as connection:
        known = configuration.read_setting(connection, "key_fingerprint")
    if known == keys.fingerprints[0]:
        return
    if known is not None and known not in keys.fingerprints:
        problem = (
            "HUB_SECRET_KEY: this database was used with another key; set the one it was used with "
            "(during a rotation: the new key, a comma, the old key)"
        )
        raise ConfigError([problem])
    with store.write() as connection:
        configuration.write_setting(connection, "key_fingerprint", keys.fingerprints[0])
