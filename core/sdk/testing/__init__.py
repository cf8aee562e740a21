"""Test kit of plugin authors: a pytest plugin, loaded by itself wherever the CRM is installed, and ``PluginContract``.

Fixtures (each test has a database of its own, copied from a template):

- ``database_url``: a migrated database, once on SQLite and once on PostgreSQL;
- ``crm_app``: the application on that database, plugins of the ini option ``crm_plugins`` enabled, roles seeded;
- ``login_as(username, *actions)``: a client of a signed-in user who holds these actions;
- ``with_plugin_disabled(name)``: context manager; ``migrate_plugin(name)``: bring one plugin's schema up;
- ``unsafe_session``: a plain session past row scope, to prepare rows and to look at them;
- ``live_server`` and ``page``: the application behind a real server, and a real browser in front of it.

A system package that is missing fails the tests that need it with the command that installs it.
``CRM_TEST_SKIP=postgresql,chromium`` skips by name instead, and the last line of the run says so.
"""

from core.sdk.testing.contract import PluginContract
from core.sdk.testing.plugin import (
    browser,
    crm_app,
    database_kind,
    database_url,
    live_server,
    login_as,
    migrate_plugin,
    page,
    pytest_addoption,
    pytest_configure,
    pytest_unconfigure,
    unsafe_session,
    with_plugin_disabled,
)

__all__ = [
    "PluginContract",
    "browser",
    "crm_app",
    "database_kind",
    "database_url",
    "live_server",
    "login_as",
    "migrate_plugin",
    "page",
    "pytest_addoption",
    "pytest_configure",
    "pytest_unconfigure",
    "unsafe_session",
    "with_plugin_disabled",
]
