"""Each contract rule against a plugin that keeps it and plugins that break it."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from core.host import checks

GOOD = {
    "plugin.toml": """
        name = "visits"
        title = "Visits"
        version = "0.1.0"
        api = ">=1.0,<2"
        requires = { customers = ">=0.1" }
    """,
    "README.md": "# Visits\n\nKeeps the visits customer managers pay to their customers.\n",
    "__init__.py": '"""Visits."""\n',
    "plugin.py": '''
        """Hooks of the visits plugin."""

        from core.sdk.hooks import hookimpl


        @hookimpl
        def crm_models():
            """Models."""
            from plugins.visits.models import Visit

            return [Visit]


        @hookimpl
        def crm_permissions():
            """Actions."""
            from core.sdk.hooks import Action

            return [Action("visits.visit.view", "View visits")]


        @hookimpl
        def crm_blueprints():
            """Pages."""
            from plugins.visits.views import bp

            return [bp]


        @hookimpl
        def crm_menus():
            """Menu."""
            from core.sdk.hooks import MenuItem

            return [MenuItem("visits.list", "Visits", "visits.index")]


        @hookimpl
        def crm_jobs():
            """Jobs."""
            from core.sdk.jobs import Job
            from plugins.visits.services import close_old

            return [Job("visits.close", "Close old visits", close_old, "0 2 * * *", time_limit=600)]


        @hookimpl
        def crm_search(query, limit):
            """Search."""
            return []
    ''',
    "api.py": '"""What others may use."""\n\n\ndef visits():\n    """Every visit."""\n    return []\n',
    "models.py": '''
        """Tables."""

        from sqlalchemy import ForeignKey
        from sqlalchemy.orm import Mapped, mapped_column, relationship

        from core.sdk.models import Money, plugin_base
        from plugins.customers.api import Party

        Base = plugin_base("visits")


        class Visit(Base):
            """One visit."""

            __tablename__ = "visits_visit"
            __scope__ = {"customers.party": "party_id"}
            id: Mapped[int] = mapped_column(primary_key=True)
            party_id: Mapped[int] = mapped_column(ForeignKey("customers_party.id"))
            cost: Mapped[int] = mapped_column(Money)
            party: Mapped[Party] = relationship(Party)
    ''',
    "services/__init__.py": '''
        """The domain."""

        from sqlalchemy import select, update

        from plugins.visits.models import Visit


        def close_old(run):
            """Close what is old."""
            with run.session() as session:
                session.execute(update(Visit).where(Visit.id < 3).values(cost=0))
                session.scalars(select(Visit))
    ''',
    "views.py": '''
        """Pages."""

        from core.sdk.security import session, unscoped
        from core.sdk.web import blueprint, render, requires, translator

        bp = blueprint("visits", __name__)
        _ = translator("visits")


        @bp.get("/")
        @requires("visits.visit.view")
        def index():
            """The list."""
            with unscoped("counting visits of the whole bank"):
                pass
            return render("visits/index.html", title=_("Visits"), rows=session())
    ''',
    "templates/visits/index.html": """
        {% extends "ui/page.html" %}
        {% block page %}
        {# safe: the number is ours #}
        {{ number|safe }}<p class="a">{{ _("Visits") }}</p><script src="{{ asset('x') }}"></script>
        {% endblock %}
    """,
    "static/visits/visits.css": "@layer plugin { .p-visits { color: red } }\n",
    "translations/zh_CN/LC_MESSAGES/visits.po": """
        msgid ""
        msgstr "Content-Type: text/plain; charset=UTF-8\\n"

        msgid "Visits"
        msgstr "拜访"

        msgid "View visits"
        msgstr "查看拜访"

        msgid "Close old visits"
        msgstr "关闭过期拜访"
    """,
    "migrations/versions/0001_first.py": '''
        """First."""

        import sqlalchemy as sa
        from alembic import op

        revision = "0001"
        down_revision = None
        branch_labels = None
        depends_on = None


        def upgrade():
            op.create_table("visits_visit", sa.Column("id", sa.Integer, primary_key=True))


        def downgrade():
            op.drop_table("visits_visit")
    ''',
}

VIEW = GOOD["views.py"]
MODEL = GOOD["models.py"]
TEMPLATE = GOOD["templates/visits/index.html"]
HIT = "from core.sdk.hooks import SearchHit\n\n            return [SearchHit('A visit', '/', 'Never translated')]"


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"), "utf-8")
    return folder


def edit(file: str, old: str, new: str) -> tuple[str, str]:
    assert old in GOOD[file], f"{old!r} is not in the good {file}"
    return file, GOOD[file].replace(old, new)


def add(file: str, lines: str) -> tuple[str, str]:
    return file, dedent(GOOD[file]) + "\n" + dedent(lines)


BREACHES = [
    ("CRM000", ("views.py", "def broken(:\n")),
    ("CRM000", add("plugin.py", "return 1")),
    ("CRM000", add("services/__init__.py", "def twice(a, a):\n    return a")),
    ("CRM000", add("migrations/versions/0001_first.py", "async def x():\n    pass\n\n\nawait x()")),
    ("CRM000", ("plugin.toml", "name = \n")),
    ("CRM001", edit("plugin.toml", 'version = "0.1.0"', 'version = "first"')),
    ("CRM001", edit("plugin.toml", 'title = "Visits"\n', "")),
    ("CRM001", edit("plugin.toml", '">=1.0,<2"', '">=9"')),
    ("CRM001", edit("plugin.toml", '">=1.0,<2"', '"about 1"')),
    ("CRM001", edit("plugin.toml", '">=0.1"', '"any"')),
    ("CRM001", edit("plugin.toml", 'title = "Visits"', 'title = "Visits"\ncolour = "red"')),
    ("CRM001", edit("plugin.toml", 'title = "Visits"', 'title = "Visits"\nuses = "customers"')),
    ("CRM001", edit("plugin.toml", 'title = "Visits"', 'title = "Visits"\nuses = ["visits"]')),
    ("CRM001", edit("plugin.toml", 'title = "Visits"', 'title = "Visits"\nuses = ["No-Plugin"]')),
    ("CRM001", edit("plugin.toml", '"visits"', '"a_name_that_is_far_too_long"')),
    ("CRM001", edit("plugin.toml", '"visits"', '"core"')),
    ("CRM002", edit("plugin.py", '"visits.list"', '"list"')),
    ("CRM002", edit("plugin.py", '"visits.close"', '"customers.close"')),
    ("CRM003", edit("models.py", '"visits_visit"', '"visit"')),
    ("CRM003", edit("models.py", 'plugin_base("visits")', 'plugin_base("customers")')),
    ("CRM003", add("models.py", 'from sqlalchemy import MetaData, Table\nlog = Table("visits_log", Base.metadata)')),
    ("CRM003", add("models.py", "from sqlalchemy import MetaData\nmine = MetaData()")),
    ("CRM004", edit("views.py", 'blueprint("visits", __name__)', 'blueprint("loans", __name__)')),
    ("CRM004", add("views.py", 'from flask import Blueprint\nother = Blueprint("visits_x", __name__)')),
    ("CRM004", edit("views.py", 'blueprint("visits", __name__)', 'blueprint("visits", __name__, url_prefix="/")')),
    ("CRM005", edit("views.py", '@requires("visits.visit.view")', "")),
    ("CRM005", edit("views.py", '@requires("visits.visit.view")', '@requires("")')),
    (
        "CRM005",
        edit(
            "views.py",
            '@bp.get("/")\n        @requires("visits.visit.view")',
            '@requires("visits.visit.view")\n        @bp.get("/")',
        ),
    ),
    ("CRM005", add("views.py", 'bp.add_url_rule("/x", view_func=index)')),
    ("CRM006", edit("views.py", '@requires("visits.visit.view")', '@requires("visits.visit.edit")')),
    ("CRM006", edit("plugin.py", '"View visits"', '""')),
    ("CRM007", edit("plugin.py", '"visits.index"', '"visits.nowhere"')),
    ("CRM008", ("templates/index.html", "<p></p>")),
    ("CRM008", ("static/visits.css", "p {}")),
    ("CRM008", edit("views.py", '"visits/index.html"', '"visits/none.html"')),
    ("CRM008", edit("views.py", '"visits/index.html"', '"customers/list.html"')),
    (
        "CRM008",
        add("views.py", 'from flask import render_template\ndef other():\n    return render_template("x.html")'),
    ),
    ("CRM009", edit("templates/visits/index.html", "{% endblock %}", "")),
    ("CRM009", edit("templates/visits/index.html", "ui/page.html", "loans/page.html")),
    ("CRM010", edit("templates/visits/index.html", '<p class="a">', '<p style="color:red">')),
    ("CRM010", edit("templates/visits/index.html", '<p class="a">', '<p {{ x }} onclick="go()">')),
    ("CRM010", edit("templates/visits/index.html", '<p class="a">', "<script>go()</script><p>")),
    ("CRM010", edit("templates/visits/index.html", '<p class="a">', "<style>p{}</style><p>")),
    ("CRM010", edit("templates/visits/index.html", '<p class="a">', '<p hx-on:click="go()">')),
    ("CRM010", edit("templates/visits/index.html", '<p class="a">', '<a href="javascript:go()"></a><p>')),
    ("CRM011", edit("templates/visits/index.html", "{# safe: the number is ours #}", "")),
    ("CRM011", add("views.py", "from markupsafe import Markup\ndef bold(x):\n    return Markup(x)")),
    ("CRM012", add("views.py", "from core.db.session import write")),
    ("CRM012", add("views.py", "from plugins.customers.models import Party")),
    ("CRM012", add("views.py", "from plugins.customers import models")),
    ("CRM012", add("views.py", "from plugins.products.api import Product")),
    ("CRM012", add("views.py", 'from importlib import import_module\nx = import_module("core.app")')),
    ("CRM013", add("services/__init__.py", "from flask import request")),
    ("CRM013", add("services/__init__.py", "from core.sdk.web import link")),
    ("CRM014", edit("models.py", "relationship(Party)", 'relationship("Party")')),
    ("CRM014", edit("models.py", "relationship(Party)", 'relationship(Party, backref="visits")')),
    ("CRM014", edit("models.py", "relationship(Party)", 'relationship(back_populates="visits")')),
    ("CRM014", add("models.py", "Party.visits = relationship(Visit)")),
    ("CRM014", add("models.py", 'setattr(Party, "visits", relationship(Visit))')),
    ("CRM014", add("models.py", 'Party.__mapper__.add_property("visits", relationship(Visit))')),
    ("CRM015", add("views.py", "def raw():\n    return session().connection()")),
    ("CRM015", add("views.py", "def raw(db):\n    return db.engine")),
    (
        "CRM015",
        add("views.py", 'from sqlalchemy import create_engine\ndef raw():\n    return create_engine("sqlite://")'),
    ),
    ("CRM015", add("views.py", "import sqlite3")),
    ("CRM016", add("views.py", 'from sqlalchemy import text\ndef raw():\n    return text("select 1")')),
    ("CRM016", add("views.py", "def raw(q, s):\n    return q.from_statement(s)")),
    ("CRM017", add("views.py", "def raw(rows):\n    session().bulk_insert_mappings(None, rows)")),
    ("CRM017", add("views.py", "def raw(s, rows):\n    session().execute(s, [{'a': r} for r in rows])")),
    ("CRM018", edit("views.py", 'unscoped("counting visits of the whole bank")', 'unscoped("")')),
    ("CRM018", edit("views.py", 'unscoped("counting visits of the whole bank")', "unscoped(why)")),
    ("CRM019", add("views.py", "@bp.before_app_request\ndef each():\n    pass")),
    ("CRM019", add("views.py", "@bp.app_errorhandler(404)\ndef gone(error):\n    return 'x'")),
    ("CRM019", add("views.py", "from flask import current_app\ndef x():\n    current_app.before_request(index)")),
    ("CRM019", add("views.py", "from sqlalchemy import event\ndef x(e):\n    event.listen(e, 'connect', x)")),
    ("CRM020", edit("models.py", '"customers_party.id"', '"products_product.id"')),
    ("CRM021", edit("migrations/versions/0001_first.py", 'revision = "0001"', 'revision = "ab12"')),
    ("CRM021", edit("migrations/versions/0001_first.py", "depends_on = None", 'depends_on = "customers_0001"')),
    ("CRM021", edit("migrations/versions/0001_first.py", 'op.drop_table("visits_visit")', "pass")),
    ("CRM021", edit("migrations/versions/0001_first.py", "def downgrade", "def back")),
    ("CRM021", edit("migrations/versions/0001_first.py", "down_revision = None", 'down_revision = "0000"')),
    (
        "CRM021",
        ("migrations/versions/0002_x.py", GOOD["migrations/versions/0001_first.py"].replace('"0001"', '"0002"')),
    ),
    ("CRM022", edit("plugin.py", "time_limit=600", "time_limit=0")),
    ("CRM022", edit("plugin.py", "time_limit=600", "time_limit=limit")),
    ("CRM022", edit("plugin.py", "0 2 * * *", "at night")),
    ("CRM022", edit("plugin.py", "0 2 * * *", "0 2 * * moonday")),
    ("CRM022", edit("plugin.py", "0 2 * * *", "0 99 * * *")),
    ("CRM022", edit("plugin.py", "time_limit=600", "time_limit=600, retries=99")),
    ("CRM023", add("plugin.py", "@hookimpl\ndef crm_health_checks():\n" + "    pass\n" * 95)),
    ("CRM023", add("plugin.py", "def helper():\n    pass")),
    ("CRM023", add("plugin.py", "LIMIT = 5")),
    ("CRM023", add("plugin.py", "from plugins.visits.views import bp")),
    ("CRM024", edit("plugin.py", "def crm_search(query, limit)", "def crm_search(query, count)")),
    ("CRM024", edit("plugin.py", "def crm_search(", "def crm_find(")),
    ("CRM024", edit("plugin.py", "def crm_search(query, limit)", "def products_eligibility(party)")),
    ("CRM024", edit("plugin.py", "def crm_search(query, limit)", "def crm_decide(action)")),
    ("CRM024", add("views.py", "from core.sdk.hooks import hookimpl\n@hookimpl\ndef crm_cli():\n    return []")),
    ("CRM025", edit("translations/zh_CN/LC_MESSAGES/visits.po", '"拜访"', '""')),
    (
        "CRM025",
        edit(
            "translations/zh_CN/LC_MESSAGES/visits.po", 'msgid "View visits"', '#, fuzzy\n        msgid "View visits"'
        ),
    ),
    ("CRM025", edit("templates/visits/index.html", '_("Visits")', '_("Nowhere translated")')),
    ("CRM025", edit("views.py", '_("Visits")', '_("Not translated either")')),
    ("CRM026", add("views.py", "rows = session().scalars(None)")),
    ("CRM026", edit("plugin.py", 'return [Action("visits', 'open("/etc/passwd")\n            return [Action("visits')),
    (
        "CRM027",
        edit("models.py", "mapped_column(Money)", "mapped_column(Float)\n            from sqlalchemy import Float"),
    ),
    ("CRM027", edit("models.py", "cost: Mapped[int]", "cost: Mapped[float]")),
    ("CRM028", ("README.md", "todo")),
    ("CRM029", edit("api.py", '    """Every visit."""\n', "")),
    ("CRM029", edit("api.py", '"""What others may use."""', "")),
    ("CRM030", edit("models.py", '"customers.party": "party_id"', '"customers.party": "customer"')),
    ("CRM030", edit("models.py", '{"customers.party": "party_id"}', "scope_of()")),
    (
        "CRM030",
        add("views.py", "from sqlalchemy.orm import with_loader_criteria\nx = with_loader_criteria(None, None)"),
    ),
    ("CRM030", add("views.py", "def raw(s):\n    return s.execution_options(skip_scope=True)")),
    (
        "CRM030",
        add(
            "views.py",
            "from core.sdk.hooks import ScopeProvider\np = ScopeProvider('visits.visit', 'Visits', None, 'id', "
            "lambda reach, t: (lambda: t.c.id)())",
        ),
    ),
    ("CRM031", add("plugin.py", "import nothing_of_that_name")),
    ("CRM031", add("plugin.py", "import sqlalchemy.nowhere")),
    ("CRM031", add("views.py", "from core.sdk.security import everything")),
    ("CRM031", add("views.py", "import core.sdk.nowhere")),
    ("CRM031", add("views.py", "from plugins.visits.models import Vist")),
    ("CRM031", add("views.py", "from .model import Visit")),
    ("CRM031", add("views.py", "from plugins.customers.api import nobody")),
    ("CRM031", add("views.py", "from plugins.absent.api import thing")),
    ("CRM031", edit("plugin.py", "from plugins.visits.views import bp", "from plugins.visits.view import bp")),
    (
        "CRM025",
        edit("plugin.py", "return []", HIT),
    ),
    ("CRM025", add("views.py", "from core.sdk.web import lazy_ngettext\nlazy_ngettext('one thing', 'things', 2)")),
    ("CRM031", add("views.py", "if 1:\n    import nothing_of_that_name")),
    ("CRM031", add("views.py", "if 0:\n    pass\nelse:\n    import nothing_of_that_name")),
    ("CRM031", add("views.py", "for _ in ():\n    with open('x'):\n        import nothing_of_that_name")),
    ("CRM031", add("views.py", "import typing\nif not typing.TYPE_CHECKING:\n    import nothing_of_that_name")),
    (
        "CRM031",
        add("views.py", "def f():\n    hidden = 1\n\n\nfrom plugins.visits.views import hidden as HIDDEN"),
    ),
    ("CRM031", add("views.py", "class C:\n    inside = 1\n\n\nfrom plugins.visits.views import inside as INSIDE")),
    ("CRM031", add("views.py", "every = [one for one in ()]\nfrom plugins.visits.views import one as ONE")),
    (
        "CRM031",
        add("views.py", "if TYPE_CHECKING:\n    import ast\nfrom plugins.visits.views import ast as AST"),
    ),
]


@pytest.mark.parametrize(
    "lines",
    [
        "try:\n    import nothing_of_that_name\nexcept ImportError:\n    pass",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import nothing_of_that_name",
        "import os.path\nimport sys\nimport sqlalchemy.orm\nfrom core.sdk import security",
        "from . import models\nfrom .models import Visit as V\nfrom plugins.visits import services",
        "import sys\nif sys.platform == 'win32':\n    import nothing_of_that_name",
        "from importlib.util import find_spec\nif find_spec('nothing_of_that_name'):\n    import nothing_of_that_name",
        "if 1:\n    a = 1\nelse:\n    b = 2\nfrom plugins.visits.views import a as A, b as B",
        "try:\n    import ast\nexcept ImportError:\n    ast = None\nfrom plugins.visits.views import ast as AST",
        "(a, *b), c = (1, 2), 3\nd: int = 4\nfrom plugins.visits.views import a as A, b as B, c as C, d as D",
        "for n in ():\n    with open('x') as f:\n        m = 1\nfrom plugins.visits.views import n as N, f as F",
        "if (size := 3) > 2:\n    pass\nfrom plugins.visits.views import size as SIZE",
        "def later():\n    global made\n    made = 1\n\n\nfrom plugins.visits.views import made as MADE",
    ],
)
def test_imports_that_lead_somewhere_or_may_be_missing_are_no_breach(tmp_path: Path, lines: str) -> None:
    file, text = add("views.py", lines)
    findings = checks.run(write(tmp_path / "visits", {**GOOD, file: text}))
    assert [finding for finding in findings if finding.code == "CRM031"] == []


def test_a_good_plugin_keeps_every_rule(tmp_path: Path) -> None:
    assert checks.run(write(tmp_path / "visits", GOOD)) == []


@pytest.mark.parametrize(("code", "change"), BREACHES, ids=[f"{c}-{i}" for i, (c, _) in enumerate(BREACHES)])
def test_a_breach_is_found_and_says_how_to_mend_it(tmp_path: Path, code: str, change: tuple[str, str]) -> None:
    file, text = change
    findings = checks.run(write(tmp_path / "visits", {**GOOD, file: text}))
    found = [finding for finding in findings if finding.code == code]
    assert found, f"not found; but: {findings}"
    assert all(len(finding.message) > 12 and finding.where for finding in found)


def test_every_rule_has_a_breach() -> None:
    assert {rule.CODE for rule in checks.all_rules()} <= {code for code, _ in BREACHES}


def test_codes_are_unique_and_rules_explain_themselves() -> None:
    rules = checks.all_rules()
    assert len({rule.CODE for rule in rules}) == len(rules)
    assert all(rule.__doc__ and rule.check.__doc__ for rule in rules)


def test_a_breach_of_one_rule_does_not_drown_in_others(tmp_path: Path) -> None:
    """A finding is of use when it stands alone."""
    change = edit("models.py", '"customers_party.id"', '"products_product.id"')
    findings = checks.run(write(tmp_path / "visits", {**GOOD, change[0]: change[1]}))
    assert [finding.code for finding in findings] == ["CRM020"]
    assert findings[0].where == "models.py:18"


def test_a_finding_prints_as_one_line() -> None:
    assert str(checks.Finding("CRM001", "no title", "plugin.toml")) == "CRM001 plugin.toml: no title"


def test_a_folder_without_a_manifest_is_told(tmp_path: Path) -> None:
    assert [finding.code for finding in checks.run(tmp_path)] == ["CRM000"]


def test_an_unknown_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRM_PLUGIN_PATH", raising=False)
    with pytest.raises(LookupError, match="no plugin 'nowhere'"):
        checks.run("nowhere")


def test_a_plugin_is_found_by_name_on_the_plugin_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "visits", GOOD)
    monkeypatch.setenv("CRM_PLUGIN_PATH", str(tmp_path))
    assert checks.run("visits") == []


def test_a_distribution_is_read_under_its_own_module_name(tmp_path: Path) -> None:
    """An installed plugin imports itself as ``acme_visits``; that is not a foreign import."""
    files = {name: text.replace("plugins.visits", "acme_visits") for name, text in GOOD.items()}
    assert checks.run(write(tmp_path / "acme_visits", files)) == []


def test_nothing_of_the_plugin_runs(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    files = {**GOOD, "__init__.py": f"open({str(mark)!r}, 'w')\n"}
    checks.run(write(tmp_path / "visits", files))
    assert not mark.exists()
