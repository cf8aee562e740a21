"""Settings from ``CRM_*`` variables and ``instance/crm.toml``, checked at start.

Only what must be known before the database is open stands here; everything else is a parameter.
"""

from __future__ import annotations

import os
import re
import secrets
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
"""Folder that holds ``core``, ``plugins``, ``themes``, ``migrations`` and ``translations``: the checkout, or
site-packages."""


LOOPBACK = ("localhost", "127.0.0.1", "::1")

_HOST = re.compile(r"\.?[a-z0-9-]+(\.[a-z0-9-]+)*|[0-9a-f:]*:[0-9a-f:.]+")
_MEMORY = re.compile(r"[1-9][0-9]{0,5}(MB|GB)")


class ConfigError(Exception):
    """A setting is missing or makes no sense. The message names the setting and what would be right."""


@dataclass(frozen=True, slots=True)
class Config:
    """Everything the process needs before it can ask the database."""

    instance: Path
    database_url: str
    secret_key: str = field(repr=False)
    plugin_path: tuple[Path, ...] = ()
    strict_plugins: bool = False
    training: bool = False
    theme: str = "default"
    host: str = "127.0.0.1"
    port: int = 8000
    hosts: tuple[str, ...] = ()
    workers: int = 2
    threads: int = 8
    warehouse_threads: int = 2
    warehouse_memory: str = "256MB"
    warehouse_spill: str = ""
    demo_password: str = ""
    timezone: str = "Asia/Shanghai"
    https: bool = False
    trusted_proxies: int = 0
    testing: bool = False

    @property
    def warehouse(self) -> Path:
        """Folder of the published and staged partitions."""
        return self.instance / "warehouse"

    @property
    def served_hosts(self) -> tuple[str, ...]:
        """Names a browser may ask for, in lower case, without port; one with a dot before it means all below it.

        Without ``CRM_HOSTS`` only this machine's own: whoever listens for others says under which name.
        """
        own = () if self.host in {"0.0.0.0", "::"} else (self.host.lower(),)  # noqa: S104  # compared, not bound
        return self.hosts or (*LOOPBACK, *own)

    @property
    def spill(self) -> Path:
        """Folder where a warehouse query that outgrows its memory goes on."""
        return Path(self.warehouse_spill) if self.warehouse_spill else self.warehouse / ".spill"

    @property
    def sources(self) -> Path:
        """Folder of the source descriptions."""
        return self.instance / "sources"


_SIMPLE = {f.name: f.type for f in fields(Config)}


def load(overrides: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> Config:
    """Read the settings: overrides, then environment, then ``instance/crm.toml``, then defaults.

    Raises:
        ConfigError: naming the first setting that is wrong.
    """
    env = os.environ if environ is None else environ
    given = dict(overrides or {})
    instance = Path(given.pop("instance", None) or env.get("CRM_INSTANCE") or Path.cwd() / "instance").resolve()
    instance.mkdir(parents=True, exist_ok=True)
    values: dict[str, Any] = {**_file(instance / "crm.toml"), **_environment(env), **given}
    unknown = values.keys() - _SIMPLE.keys()
    if unknown:
        raise ConfigError(f"unknown setting {sorted(unknown)[0]!r}; known are {', '.join(sorted(_SIMPLE))}")
    values.setdefault("database_url", f"sqlite:///{instance / 'crm.db'}")
    if not values.get("secret_key"):
        values["secret_key"] = key_file(instance, "session")
    return _checked(Config(instance=instance, **{k: _typed(k, v) for k, v in values.items()}))


def key_file(instance: Path, name: str) -> str:
    """The random key of that name in ``instance/keys``, made on first use, readable by the owner only."""
    path = instance / "keys" / name
    path.parent.mkdir(mode=0o700, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text("ascii").strip()
    with os.fdopen(handle, "w", encoding="ascii") as out:
        key = secrets.token_hex(32)
        out.write(key)
    return key


def _file(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error


def _environment(env: Mapping[str, str]) -> dict[str, str]:
    names = {name: f"CRM_{name.upper()}" for name in _SIMPLE if name != "instance"}
    return {name: env[variable] for name, variable in names.items() if env.get(variable)}


def _typed(name: str, value: Any) -> Any:
    kind = str(_SIMPLE[name])
    try:
        if kind == "bool":
            return (
                value
                if isinstance(value, bool)
                else {"1": True, "true": True, "0": False, "false": False}[str(value).lower()]
            )
        if kind == "int":
            return int(value)
    except (KeyError, ValueError) as error:
        raise ConfigError(f"CRM_{name.upper()}={value!r} is not a {kind}") from error
    if name == "hosts":
        names = value.split(",") if isinstance(value, str) else value
        return tuple(str(n).strip().strip("[]").lower() for n in names if str(n).strip())
    if name == "plugin_path":
        parts = value.split(os.pathsep) if isinstance(value, str) else value
        return tuple(Path(p).resolve() for p in parts)
    return value


def _checked(config: Config) -> Config:
    for wrong, said in _findings(config):
        if wrong:
            raise ConfigError(said)
    return config


def _findings(config: Config) -> Iterator[tuple[bool, str]]:
    """Each thing that may be wrong, whether it is, and what to say then."""
    yield not 1 <= config.port <= 65535, f"CRM_PORT={config.port} is not a port"
    yield config.workers < 1 or config.threads < 1, "CRM_WORKERS and CRM_THREADS must be at least 1"
    yield config.trusted_proxies < 0, "CRM_TRUSTED_PROXIES is the number of reverse proxies in front, 0 or more"
    yield config.warehouse_threads < 1, "CRM_WAREHOUSE_THREADS must be at least 1"
    memory = config.warehouse_memory
    yield not _MEMORY.fullmatch(memory), f"CRM_WAREHOUSE_MEMORY={memory!r} is not a size such as 256MB or 2GB"
    relative = bool(config.warehouse_spill) and not Path(config.warehouse_spill).is_absolute()
    yield relative, "CRM_WAREHOUSE_SPILL must be an absolute path"
    for name in config.hosts:
        said = f"CRM_HOSTS: {name!r} is no host name; write names without port, such as crm.bank.example"
        yield not _HOST.fullmatch(name), said
    yield len(config.secret_key) < 32, "CRM_SECRET_KEY must have at least 32 characters"
    scheme = config.database_url.split(":", 1)[0].split("+", 1)[0]
    known = scheme in {"sqlite", "postgresql"}
    yield not known, f"CRM_DATABASE_URL: {scheme!r} is not supported; use sqlite or postgresql"
    for folder in config.plugin_path:
        yield not folder.is_dir(), f"CRM_PLUGIN_PATH: no folder {folder}"
