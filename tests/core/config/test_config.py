"""Settings are read from the right place, typed, and refused by name when they make no sense."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from core.config import ConfigError, key_file, load


def test_defaults_are_a_sqlite_file_in_the_instance(tmp_path: Path) -> None:
    config = load({"instance": tmp_path}, {})
    assert config.database_url == f"sqlite:///{tmp_path / 'crm.db'}"
    assert (config.host, config.port, config.training) == ("127.0.0.1", 8000, False)


def test_overrides_win_over_environment_over_file(tmp_path: Path) -> None:
    (tmp_path / "crm.toml").write_text("port = 1111\nworkers = 5\nthreads = 3\n")
    config = load({"instance": tmp_path, "port": 3333}, {"CRM_PORT": "2222", "CRM_WORKERS": "7"})
    assert (config.port, config.workers, config.threads) == (3333, 7, 3)


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"CRM_PORT": "eight"}, "CRM_PORT"),
        ({"CRM_PORT": "70000"}, "CRM_PORT"),
        ({"CRM_WORKERS": "0"}, "CRM_WORKERS"),
        ({"CRM_TRUSTED_PROXIES": "-1"}, "CRM_TRUSTED_PROXIES"),
        ({"CRM_TRAINING": "perhaps"}, "CRM_TRAINING"),
        ({"CRM_DATABASE_URL": "mysql://x"}, "CRM_DATABASE_URL"),
        ({"CRM_SECRET_KEY": "short"}, "CRM_SECRET_KEY"),
        ({"CRM_PLUGIN_PATH": "/no/such/folder"}, "CRM_PLUGIN_PATH"),
        ({"CRM_HOSTS": "crm.bank.example, http://x"}, "CRM_HOSTS"),
        ({"CRM_HOSTS": "*"}, "CRM_HOSTS"),
        ({"CRM_HOSTS": "crm.bank.example:8000"}, "CRM_HOSTS"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(tmp_path: Path, environ: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        load({"instance": tmp_path}, environ)


def test_an_unknown_setting_in_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "crm.toml").write_text("prot = 1111\n")
    with pytest.raises(ConfigError, match="prot"):
        load({"instance": tmp_path}, {})


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    (tmp_path / "crm.toml").write_text("port = = 1\n")
    with pytest.raises(ConfigError, match=r"crm\.toml"):
        load({"instance": tmp_path}, {})


def test_several_plugin_folders(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    config = load({"instance": tmp_path}, {"CRM_PLUGIN_PATH": f"{one}{os.pathsep}{two}"})
    assert config.plugin_path == (one, two)


def test_a_key_is_made_once_and_is_the_owners_only(tmp_path: Path) -> None:
    first = key_file(tmp_path, "session")
    assert key_file(tmp_path, "session") == first
    assert key_file(tmp_path, "data-1") != first
    assert len(bytes.fromhex(first)) == 32
    assert stat.S_IMODE((tmp_path / "keys" / "session").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


def test_the_secret_is_not_printed(tmp_path: Path) -> None:
    config = load({"instance": tmp_path}, {})
    assert config.secret_key not in repr(config)


def test_behind_a_proxy_the_clients_own_address_counts(tmp_path: Path) -> None:
    from flask import request

    from core.app import create_app

    for hops, seen in ((0, "10.0.0.9"), (1, "192.0.2.7")):
        app = create_app({"instance": tmp_path, "trusted_proxies": hops, "testing": True})
        addresses: list[str | None] = []
        app.before_request_funcs.setdefault(None, []).insert(0, lambda a=addresses: a.append(request.remote_addr))
        app.test_client().get(
            "/healthz", environ_base={"REMOTE_ADDR": "10.0.0.9"}, headers={"X-Forwarded-For": "192.0.2.7"}
        )
        assert addresses == [seen]


@pytest.mark.parametrize(
    ("environ", "served"),
    [
        ({}, ("localhost", "127.0.0.1", "::1", "127.0.0.1")),
        ({"CRM_HOST": "10.1.2.3"}, ("localhost", "127.0.0.1", "::1", "10.1.2.3")),
        ({"CRM_HOST": "0.0.0.0"}, ("localhost", "127.0.0.1", "::1")),
        (
            {"CRM_HOSTS": "CRM.bank.example, .branch.example,[fd00::1]"},
            ("crm.bank.example", ".branch.example", "fd00::1"),
        ),
    ],
)
def test_names_under_which_it_is_served(tmp_path: Path, environ: dict[str, str], served: tuple[str, ...]) -> None:
    assert load({"instance": tmp_path}, environ).served_hosts == served


def test_names_may_be_a_list_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "crm.toml").write_text('hosts = ["a.example", "b.example"]\n')
    assert load({"instance": tmp_path}, {}).served_hosts == ("a.example", "b.example")
