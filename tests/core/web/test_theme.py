"""Themes and built assets."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import brotli
import pytest
from flask import Blueprint, Flask, render_template
from flask.testing import FlaskClient
from jinja2 import TemplateNotFound

from core.config import ROOT, ConfigError
from core.web import theme
from core.web.kit import Kit

THEMES = ROOT / "themes"


def make_theme(folder: Path, name: str, about: str = "", **files: str) -> None:
    (folder / name / "templates").mkdir(parents=True)
    (folder / name / "theme.toml").write_text(about or f'title = "{name}"', "utf-8")
    for path, text in files.items():
        target = folder / name / "templates" / path.replace("__", "/")
        target = target.with_name(target.name + ".html")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")


def test_an_unknown_theme_is_named_with_those_there_are(tmp_path: Path) -> None:
    make_theme(tmp_path, "default")
    with pytest.raises(ConfigError, match=r"CRM_THEME='nope'.*default"):
        theme.read("nope", tmp_path)


def test_parents_in_a_circle_are_named(tmp_path: Path) -> None:
    make_theme(tmp_path, "a", 'parent = "b"')
    make_theme(tmp_path, "b", 'parent = "a"')
    with pytest.raises(ConfigError, match="a → b → a"):
        theme.read("a", tmp_path)


def test_a_theme_replaces_one_macro_and_the_macros_that_use_it_follow(shell_app: Flask) -> None:
    with shell_app.test_request_context("/"):
        before = str(shell_app.jinja_env.globals["ui"].tag("x", "warn"))
        shell_app.jinja_env.loader = theme.make_loader(shell_app, theme.read("crimson"))
        shell_app.jinja_env.globals["ui"] = Kit(shell_app.jinja_env)
        after = str(shell_app.jinja_env.globals["ui"].tag("x", "warn"))
    assert "tag-mark" not in before
    assert "tag-mark" in after


def test_a_theme_replaces_one_block_of_a_page_and_keeps_the_rest(shell_app: Flask, tmp_path: Path) -> None:
    make_theme(tmp_path, "default")
    make_theme(
        tmp_path, "bank", core__help='{% extends "core:core/help.html" %}{% block title %}Our help{% endblock %}'
    )
    own = theme.Theme("bank", "Bank", tmp_path / "bank", theme.read("default"))
    shell_app.jinja_env.loader = theme.make_loader(shell_app, own)
    with shell_app.test_request_context("/"):
        page = render_template("core/help.html")
    assert "<title>Our help - " in page
    assert "快捷键" in page


def test_a_plugin_brings_templates_under_its_own_name_only(tmp_path: Path) -> None:
    for name in ("visits/page.html", "ui/tag.html", "other/page.html"):
        path = tmp_path / "templates" / name
        path.parent.mkdir(parents=True)
        path.write_text(f"{name} of visits", "utf-8")
    app = Flask(__name__)
    app.register_blueprint(Blueprint("visits", "visits", root_path=str(tmp_path), template_folder="templates"))
    loader = theme.PluginLoader(app)
    assert "of visits" in loader.get_source(app.jinja_env, "visits/page.html")[0]
    for name in ("ui/tag.html", "other/page.html"):
        with pytest.raises(TemplateNotFound):
            loader.get_source(app.jinja_env, name)


# -- assets ------------------------------------------------------------------------------------------------------------


def test_assets_are_fingerprinted_compressed_and_kept_for_ever(client: FlaskClient) -> None:
    page = client.get("/help").text
    sheet = re.search(r'href="(/assets/default/ui\.[0-9a-f]{10}\.css)"', page)
    assert sheet
    plain = client.get(sheet[1], headers={"Accept-Encoding": "identity"})
    assert plain.headers.get("Content-Encoding") is None
    for encoding, unpack in (("br", brotli.decompress), ("gzip", gzip.decompress)):
        packed = client.get(sheet[1], headers={"Accept-Encoding": encoding})
        assert packed.headers["Content-Encoding"] == encoding
        assert unpack(packed.data) == plain.data
        assert packed.headers["Content-Type"].startswith("text/css")
        assert packed.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert "Accept-Encoding" in packed.headers["Vary"]
        assert "Cookie" not in packed.headers["Vary"]
        assert packed.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["default/manifest.json", "default/..%2f..%2ftheme.toml", "default/no.css", "none/ui.css"]
)
def test_only_what_the_manifest_lists_is_served(client: FlaskClient, path: str) -> None:
    assert client.get(f"/assets/{path}").status_code == 404


def test_a_missing_build_names_the_command(shell_app: Flask, client: FlaskClient, tmp_path: Path) -> None:
    empty = theme.Theme("default", "Default", tmp_path, None)
    shell_app.extensions["crm.assets"] = theme.Assets(empty)
    answer = client.get("/help")
    assert answer.status_code == 503
    assert "make assets" in answer.text


def test_a_new_build_is_picked_up(shell_app: Flask, tmp_path: Path) -> None:
    manifest = tmp_path / "static" / "dist" / "manifest.json"
    manifest.parent.mkdir(parents=True)
    assets = theme.Assets(theme.Theme("default", "Default", tmp_path, None))
    with shell_app.test_request_context("/"):
        manifest.write_text(json.dumps({"files": {"ui.css": "ui.1.css"}, "icons": []}), "utf-8")
        assert assets.url("ui.css").endswith("ui.1.css")
        time.sleep(0.01)
        manifest.write_text(json.dumps({"files": {"ui.css": "ui.2.css"}, "icons": []}), "utf-8")
        assert assets.url("ui.css").endswith("ui.2.css")


def test_an_icon_the_sprite_lacks_becomes_a_point(shell_app: Flask) -> None:
    with shell_app.test_request_context("/"):
        assert theme.assets().icon("search").endswith("#search")
        assert theme.assets().icon("no-such-icon").endswith("#point")


def test_every_icon_a_template_names_is_in_the_sprite(shell_app: Flask) -> None:
    known = json.loads((THEMES / "default/static/dist/manifest.json").read_text("utf-8"))["icons"]
    named = {
        name
        for folder in (ROOT / "core/web/templates", THEMES)
        for path in folder.rglob("*.html")
        if "node_modules" not in path.parts
        for name in re.findall(r'ui\.icon\("([a-z0-9-]+)"', path.read_text("utf-8"))
    }
    assert named <= set(known), named - set(known)


def test_crimson_adds_its_sheet_after_the_default_one(shell_app: Flask) -> None:
    with shell_app.test_request_context("/"):
        sheets = theme.Assets(theme.read("crimson")).sheets()
    assert [s.split("/")[2] for s in sheets] == ["default", "crimson"]


def test_building_again_with_nothing_changed_takes_less_than_a_second() -> None:
    subprocess.run([sys.executable, THEMES / "make_assets.py"], check=True, capture_output=True)
    begun = time.monotonic()
    done = subprocess.run([sys.executable, THEMES / "make_assets.py"], check=True, capture_output=True, text=True)
    assert time.monotonic() - begun < 1
    assert "nothing changed" in done.stdout


def test_the_lock_file_names_no_place_to_download_from() -> None:
    lock: dict[str, Any] = json.loads((THEMES / "package-lock.json").read_text("utf-8"))
    assert not [name for name, about in lock["packages"].items() if "resolved" in about]
    assert all("integrity" in about for name, about in lock["packages"].items() if name)


# -- what no template may do -------------------------------------------------------------------------------------------


def templates() -> list[Path]:
    folders = (ROOT / "core", ROOT / "plugins", THEMES)
    return [p for f in folders for p in f.rglob("*.html") if "node_modules" not in p.parts]


def test_no_template_holds_inline_style_or_script() -> None:
    bad = re.compile(
        r"""<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)|javascript:|\shx-on|hx-vals=["']js:""", re.I
    )
    found = [f"{p.relative_to(ROOT)}: {m.group()}" for p in templates() if (m := bad.search(p.read_text("utf-8")))]
    assert not found


def test_the_css_keeps_to_what_chromium_109_knows() -> None:
    new = re.compile(r"light-dark\(|color-mix\(|oklch\(|@container|@scope|@starting-style|text-wrap:\s*balance|\n\s*&")
    for path in (THEMES / "default/assets/css").glob("*.css"):
        assert not new.search(path.read_text("utf-8")), path.name
