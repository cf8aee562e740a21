"""Languages: domains, fall-back, extraction, completeness."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from jinja2 import DictLoader

from core import i18n
from core.host import i18n as tool

PO = """msgid ""
msgstr "Content-Type: text/plain; charset=utf-8\\nPlural-Forms: nplurals=1; plural=0;\\n"

msgid "Search"
msgstr "插件的查询"

msgid "Own %(name)s"
msgstr "自己的 %(name)s"

msgctxt "place"
msgid "Branch"
msgstr "支行"

msgctxt "channel"
msgid "Branch"
msgstr "网点"

msgid "%(num)s visit"
msgid_plural "%(num)s visits"
msgstr[0] "%(num)s 次"
"""


@pytest.fixture
def visits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plugin ``visits`` with a catalogue of its own."""
    base = tmp_path / "visits"
    po = base / "translations/zh_CN/LC_MESSAGES/visits.po"
    po.parent.mkdir(parents=True)
    po.write_text(PO, "utf-8")
    real = i18n.folder
    monkeypatch.setattr(i18n, "folder", lambda domain: base / "translations" if domain == "visits" else real(domain))
    i18n.forget()
    yield base
    i18n.forget()


@pytest.fixture
def app() -> Flask:
    made = Flask("core")
    i18n.init_app(made)
    made.jinja_env.loader = DictLoader(
        {
            "ui/base.html": '{{ _("Search") }}|{% block a %}{{ _("Cancel") }}{% endblock %}',
            "visits/page.html": '{% extends "ui/base.html" %}{% block a %}'
            '{{ _("Search") }} {{ _("Own %(name)s", name="<b>") }} {{ _("Cancel") }} '
            '{{ ngettext("%(num)s visit", "%(num)s visits", 3) }} {{ pgettext("place", "Branch") }}{% endblock %}',
            "core:visits/page.html": '{{ _("Search") }}',
        }
    )
    return made


def test_each_template_speaks_its_own_domain_also_inside_blocks(app: Flask, visits: Path) -> None:
    with app.test_request_context("/"):
        shell, _, page = app.jinja_env.get_template("visits/page.html").render().partition("|")
        assert shell == "查询", "the shell's word comes from the core, not from the page's plugin"
        assert page == "插件的查询 自己的 &lt;b&gt; 取消 3 次 支行"
        assert app.jinja_env.get_template("core:visits/page.html").render() == "插件的查询"


def test_english_needs_no_catalogue(app: Flask, visits: Path) -> None:
    with app.test_request_context("/", headers={"Cookie": "crm_language=en"}):
        page = app.jinja_env.get_template("visits/page.html").render()
    assert page == "Search|Search Own &lt;b&gt; Cancel 3 visits Branch"


def test_python_code_translates_in_its_plugins_domain(app: Flask, visits: Path) -> None:
    _ = i18n.translator("visits")
    late = _.lazy("Own %(name)s", name="x")
    with app.test_request_context("/"):
        assert _("Search") == "插件的查询"
        assert _("Cancel") == "取消"
        assert _.pgettext("channel", "Branch") == "网点"
        assert _.ngettext("%(num)s visit", "%(num)s visits", 1) == "1 次"
        assert str(late) == "自己的 x"
        assert i18n.label("nobody", "Unknown label") == "Unknown label"
    with app.test_request_context("/", headers={"Cookie": "crm_language=en"}):
        assert str(late) == "Own x"


def test_flask_babel_in_core_code_means_the_cores_words(app: Flask) -> None:
    from flask_babel import gettext

    with app.test_request_context("/"):
        assert gettext("Cancel") == "取消"


def test_an_unknown_language_is_the_default_and_the_command_line_is_english(app: Flask) -> None:
    with app.test_request_context("/", headers={"Cookie": "crm_language=xx"}):
        assert i18n.current() == "zh_CN"
    with app.app_context():
        assert i18n.current() == "en"


def test_a_catalogue_newer_than_its_compiled_form_counts(app: Flask, visits: Path) -> None:
    assert [p.name for p in tool.compile_all(["visits"])] == ["visits.mo"]
    assert tool.compile_all(["visits"]) == []
    po = visits / "translations/zh_CN/LC_MESSAGES/visits.po"
    po.write_text(PO.replace("插件的查询", "新的查询"), "utf-8")
    import os

    os.utime(po, (2_000_000_000, 2_000_000_000))
    i18n.forget()
    with app.test_request_context("/"):
        assert i18n.translator("visits")("Search") == "新的查询"


def test_what_is_not_translated_is_named(visits: Path) -> None:
    (visits / "plugin.toml").write_text('title = "Visits"', "utf-8")
    (visits / "views.py").write_text(
        '_("Search"); _("Cancel"); _.lazy("Lazy one"); MenuItem("visits.list", "Menu label", "x")\n'
        'CodeTable("visits.kind", "Kinds", {"P": "Person here"})\n'
        'Parameter("visits.n", "Limit", "int", 1, help="Help text"); _(variable)\n'
        'ngettext("%(num)s visit", "%(num)s visits", n); pgettext("place", "Branch"); pgettext("third", "Branch")\n',
        "utf-8",
    )
    (visits / "templates").mkdir()
    (visits / "templates/page.html").write_text(
        '{{ _("In template") }}{{ ui.button(_("In a call"), attrs={"x": _("In a dict")}) }}', "utf-8"
    )
    assert set(tool.missing("visits")) == {
        "Lazy one",
        "Menu label",
        "Kinds",
        "Person here",
        "Limit",
        "Help text",
        "Branch",
        "In template",
        "In a call",
        "In a dict",
        "Visits",
    }


def test_extracting_keeps_what_is_translated_and_adds_what_is_new(visits: Path) -> None:
    (visits / "views.py").write_text('_("Search"); _("New one")\n', "utf-8")
    assert tool.update("visits") == ["New one"]
    text = tool.catalogue_path("visits").read_text("utf-8")
    assert "插件的查询" in text
    assert 'msgid "New one"' in text
    assert "Own %(name)s" not in text


def test_a_placeholder_nobody_fills_is_found(visits: Path) -> None:
    po = tool.catalogue_path("visits")
    po.write_text(PO.replace("自己的 %(name)s", "自己的 %(nmae)s"), "utf-8")
    assert any("nmae" in problem for problem in tool.wrong("visits"))


def test_the_command_says_what_is_missing_and_fails(visits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (visits / "views.py").write_text('_("New one")\n', "utf-8")
    assert tool.main(["check", "visits"]) == 1
    assert "New one" in capsys.readouterr().err
    assert tool.main(["nonsense"]) == 2


def test_the_core_is_complete_in_chinese() -> None:
    assert tool.missing("core") == []
    assert tool.wrong("core") == []
