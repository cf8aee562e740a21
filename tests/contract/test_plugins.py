"""The contract suite over every plugin of the product."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from core.sdk.testing import PluginContract

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"


def _suite(folder: Path) -> type[PluginContract]:
    manifest = tomllib.loads((folder / "plugin.toml").read_text("utf-8"))
    marks = [pytest.mark.training] if manifest.get("training") else []
    values = {"plugin": manifest["name"], "__module__": __name__, "pytestmark": marks}
    return type(f"Test{manifest['name'].title().replace('_', '')}", (PluginContract,), values)


SUITES = [_suite(file.parent) for file in sorted(PLUGINS.glob("*/plugin.toml"))]
globals().update({suite.__name__: suite for suite in SUITES})


def test_no_plugin_is_left_out() -> None:
    assert {"customers", "samplebank", "system"} <= {suite.plugin for suite in SUITES}
