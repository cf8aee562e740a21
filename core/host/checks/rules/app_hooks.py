"""A plugin touches its own requests only: an app-wide hook would run for everybody, even while the plugin is off."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from core.host.checks.finding import Finding
from core.host.checks.source import Plugin

CODE = "CRM019"
_APP_WIDE = {
    "before_app_request",
    "after_app_request",
    "teardown_app_request",
    "app_errorhandler",
    "app_context_processor",
    "app_template_filter",
    "app_template_test",
    "app_template_global",
    "add_app_template_filter",
    "add_app_template_test",
    "add_app_template_global",
    "app_url_defaults",
    "app_url_value_preprocessor",
    "record",
    "record_once",
    "before_app_first_request",
}
_ON_APP = {
    "before_request",
    "after_request",
    "teardown_request",
    "teardown_appcontext",
    "errorhandler",
    "context_processor",
    "template_filter",
    "template_global",
    "register_blueprint",
    "add_url_rule",
    "register_error_handler",
}


def check(plugin: Plugin) -> Iterator[Finding]:
    """None of Flask's app-wide blueprint hooks, none set on ``current_app``, no listener on sessions or engines."""
    for module in plugin.modules:
        for node in module.nodes:
            if isinstance(node, ast.Attribute) and node.attr in _APP_WIDE:
                cure = "use the blueprint's own hook, or pass the value to the template"
                yield Finding(CODE, f"{node.attr} acts on every page; {cure}", module.at(node))
            elif isinstance(node, ast.Attribute) and node.attr in _ON_APP and "current_app" in module.name_of(node):
                message = f"current_app.{node.attr} acts on every page; use the blueprint's own"
                yield Finding(CODE, message, module.at(node))
        for call in module.calls:
            if module.name_of(call.func) in {"sqlalchemy.event.listen", "sqlalchemy.event.listens_for"}:
                yield Finding(
                    CODE,
                    "a database listener runs for everybody; publish an event or do it in the service",
                    module.at(call),
                )
