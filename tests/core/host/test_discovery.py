from __future__ import annotations

import shutil
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from core.host import discovery
from core.host.discovery import discover

from .conftest import FIXTURES, StartHost, enable, state


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import plugins

    (tmp_path / "plugins").mkdir()
    monkeypatch.setattr(discovery, "ROOT", tmp_path)
    monkeypatch.setattr(discovery, "entry_points", lambda **_: [])
    monkeypatch.setattr(plugins, "__path__", [*plugins.__path__])
    return tmp_path / "plugins"


def entry(name: str, module: str) -> EntryPoint:
    return EntryPoint(name, module, discovery.GROUP)


def test_the_tree_is_ours_and_folders_of_the_path_are_not(tree: Path, shelf: Path) -> None:
    shutil.copytree(shelf / "visits", tree / "visits")
    shutil.rmtree(shelf / "visits")
    found = {c.name: c for c in discover([shelf])}
    assert found["visits"].ours
    assert not found["notes"].ours
    assert found["notes"].module == "plugins.notes"


def test_one_folder_reached_twice_counts_once(tree: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "entry_points", lambda **_: [entry("visits", "plugins.visits")])
    assert [c.name for c in discover([shelf, shelf])] == ["notes", "visits"]


def test_of_two_folders_with_one_name_the_later_is_refused_and_both_are_named(tree: Path, shelf: Path) -> None:
    shutil.copytree(shelf / "visits", tree / "visits")
    found = [c for c in discover([shelf]) if c.name == "visits"]
    assert [c.manifest is None for c in found] == [False, True]
    assert str(tree / "visits") in found[1].error
    assert str(shelf / "visits") in found[1].error


def test_the_second_of_a_name_is_listed_and_the_first_works(start: StartHost, shelf: Path, tmp_path: Path) -> None:
    second = tmp_path / "second"
    shutil.copytree(shelf / "visits", second / "visits")
    host = start(plugin_path=(shelf, second))
    enable(host, "visits")
    with host.app.app_context():
        told = [(p.state, p.reason) for p in host.plugins() if p.name == "visits"]
    assert told[0] == ("enabled", "")
    assert told[1][0] == "broken"
    assert "two plugins are named 'visits'" in told[1][1]


def test_a_distribution_is_found_without_being_imported(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site" / "acme_visits"
    shutil.copytree(FIXTURES / "good" / "visits", package)
    (package / "__init__.py").write_text("raise RuntimeError('imported')\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    points = [entry("visits", "acme_visits"), entry("gone", "acme_no")]
    monkeypatch.setattr(discovery, "entry_points", lambda **_: points)
    found = {c.name: c for c in discover()}
    assert found["visits"].manifest is not None
    assert found["visits"].module == "acme_visits"
    assert "acme_visits" not in sys.modules
    assert "no package 'acme_no'" in found["gone"].error


def test_folder_and_name_must_agree(tree: Path, shelf: Path) -> None:
    (shelf / "visits").rename(shelf / "visit")
    found = {c.name: c for c in discover([shelf])}
    assert "give both one name" in found["visit"].error


def test_a_folder_without_a_manifest_is_listed(start: StartHost, shelf: Path) -> None:
    (shelf / "visits" / "plugin.toml").unlink()
    host = start()
    assert "add a plugin.toml" in state(host, "visits")[1]
    assert "requires visits, which is broken" in state(host, "notes")[1]


def test_the_import_name_must_lead_to_the_folder_that_was_found(start: StartHost, shelf: Path, tmp_path: Path) -> None:
    import plugins

    shutil.copytree(FIXTURES / "good", tmp_path / "other")
    plugins.__path__.insert(0, str(tmp_path / "other"))
    host = start()
    assert str(shelf / "visits") in state(host, "visits")[1]
    assert str(tmp_path / "other") in state(host, "visits")[1]
