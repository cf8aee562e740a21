"""The hooks of the core. Registration hooks are pure and run once per start; the others are calls.

``docs/hooks.md`` has a page for each; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pluggy

from core.contract.types import (
    Action,
    CodeTable,
    Command,
    Dataset,
    Decision,
    Event,
    EventType,
    Feed,
    HealthCheck,
    Identity,
    IntegrityEvent,
    Job,
    MenuItem,
    Panel,
    Parameter,
    ScopeProvider,
    SearchHit,
    Seed,
    Service,
)

if TYPE_CHECKING:
    from flask import Blueprint
    from sqlalchemy.orm import Session

hookspec = pluggy.HookspecMarker("crm")

# -- registration ------------------------------------------------------------------------------------------------------


@hookspec
def crm_hookspecs() -> ModuleType:
    """Hooks this plugin offers to others.

    Example::

        @hookimpl
        def crm_hookspecs():
            from plugins.customers import hookspecs
            return hookspecs
    """
    raise AssertionError  # a specification is never called


@hookspec
def crm_models() -> Iterable[type[Any]]:
    """Model classes, each built on this plugin's own base.

    Example::

        @hookimpl
        def crm_models():
            from plugins.customers.models import Account, Party
            return [Account, Party]
    """
    raise AssertionError


@hookspec
def crm_services() -> Iterable[Service]:
    """Services that plugins which do not require this one may still use.

    Example::

        @hookimpl
        def crm_services():
            return [Service("customers.directory", 1, Directory())]
    """
    raise AssertionError


@hookspec
def crm_blueprints() -> Iterable[Blueprint]:
    """Blueprints. The first is named like the plugin, further ones ``name_something``; each route names its action.

    Example::

        @hookimpl
        def crm_blueprints():
            from plugins.customers.views import bp
            return [bp]
    """
    raise AssertionError


@hookspec
def crm_menus() -> Iterable[MenuItem]:
    """Lines of the left menu.

    Example::

        @hookimpl
        def crm_menus():
            return [MenuItem("customers.list", "Customer list", "customers.index", parent="customers")]
    """
    raise AssertionError


@hookspec
def crm_permissions() -> Iterable[Action]:
    """Actions that roles can grant and routes name.

    Example::

        @hookimpl
        def crm_permissions():
            return [Action("customers.party.view", "View customers")]
    """
    raise AssertionError


@hookspec
def crm_scope_providers() -> Iterable[ScopeProvider]:
    """Which rows of a subject are in a user's reach. One provider per subject.

    Example::

        @hookimpl
        def crm_scope_providers():
            return [ScopeProvider("customers.party", "Customers", Party, "id",
                                  lambda reach, t: reach.covers(t.c.home_org_id))]
    """
    raise AssertionError


@hookspec
def crm_parameters() -> Iterable[Parameter]:
    """Settings bank IT may change.

    Example::

        @hookimpl
        def crm_parameters():
            return [Parameter("customers.page_size", "Rows a page", "int", 20, minimum=10, maximum=100)]
    """
    raise AssertionError


@hookspec
def crm_code_tables() -> Iterable[CodeTable]:
    """Closed lists of codes with labels.

    Example::

        @hookimpl
        def crm_code_tables():
            return [CodeTable("customers.party_kind", "Customer kind", {"P": "Person", "C": "Company"})]
    """
    raise AssertionError


@hookspec
def crm_jobs() -> Iterable[Job]:
    """Work done apart from requests.

    Example::

        @hookimpl
        def crm_jobs():
            return [Job("customers.expiring", "Find expiring documents", find_expiring, "0 6 * * *", time_limit=600)]
    """
    raise AssertionError


@hookspec
def crm_panels() -> Iterable[Panel]:
    """Boxes in slots of other pages, such as ``customers.profile``.

    Example::

        @hookimpl
        def crm_panels():
            return [Panel("customers.accounts", "customers.profile", "Accounts", "customers/panels/accounts.html",
                          "customers.account.view", accounts_of)]
    """
    raise AssertionError


@hookspec
def crm_feeds() -> Iterable[Feed]:
    """Tables this plugin accepts from source systems.

    Example::

        @hookimpl
        def crm_feeds():
            return [Feed("customers.account", "Accounts", (Column("account_id", "text", "Account"),), ("account_id",),
                         "full")]
    """
    raise AssertionError


@hookspec
def crm_datasets() -> Iterable[Dataset]:
    """Named dimensions and measures over published partitions.

    Example::

        @hookimpl
        def crm_datasets():
            return [Dataset("customers.transactions", "Transactions", "customers.transaction",
                            (Dimension("party_id", "Customer", "party_id"),), (), {"customers.party": "party_id"})]
    """
    raise AssertionError


@hookspec
def crm_event_types() -> Iterable[EventType]:
    """Kinds of events this plugin publishes.

    Example::

        @hookimpl
        def crm_event_types():
            return [EventType("customers.party.opened", "Customer opened", ("party_id",))]
    """
    raise AssertionError


@hookspec
def crm_health_checks() -> Iterable[HealthCheck]:
    """Questions ``/readyz`` asks while this plugin is on.

    Example::

        @hookimpl
        def crm_health_checks():
            return [HealthCheck("customers.published", "A day is published", day_is_published)]
    """
    raise AssertionError


@hookspec
def crm_cli() -> Iterable[Command]:
    """Commands under ``crm``.

    Example::

        @hookimpl
        def crm_cli():
            return [Command(sample)]
    """
    raise AssertionError


@hookspec
def crm_seed() -> Iterable[Seed]:
    """Rows this plugin needs: roles, code lists. Run by ``crm seed`` and when the plugin is first enabled.

    Example::

        @hookimpl
        def crm_seed():
            return [Seed("customers.roles", add_roles)]
    """
    raise AssertionError


# -- calls -------------------------------------------------------------------------------------------------------------


@hookspec(firstresult=True)
def crm_authenticate(username: str, password: str) -> Identity | None:
    """Recognise a user by another directory. The first answer wins; None passes to the next, at last to the core.

    Example::

        @hookimpl
        def crm_authenticate(username, password):
            return Identity(username, "ldap") if directory.binds(username, password) else None
    """
    raise AssertionError


@hookspec
def crm_decide(user_id: int, action: str, subject: str | None, key: str | None) -> Decision | None:
    """Vote on the actions plugin.toml names as ``votes_on``. Any deny wins; None abstains; a failure denies.

    Example::

        @hookimpl
        def crm_decide(user_id, action, subject, key):
            if outside_hours():
                return Decision(False, "Exports are closed at night")
    """
    raise AssertionError


@hookspec
def crm_search(query: str, limit: int) -> Iterable[SearchHit]:
    """Answer the global search box, inside the user's own scope.

    Example::

        @hookimpl
        def crm_search(query, limit):
            return [SearchHit(p.name, url_for("customers.show", key=p.id), "Customer") for p in find(query, limit)]
    """
    raise AssertionError


@hookspec
def crm_event(event: Event) -> None:
    """Receive a committed event. Delivered at least once, so handle a second delivery.

    Example::

        @hookimpl
        def crm_event(event):
            if event.type == "customers.party.opened":
                greet(event.payload["party_id"])
    """
    raise AssertionError


@hookspec
def crm_integrity(event: IntegrityEvent, session: Session) -> None:
    """Follow a merged or deleted subject in the same transaction; disabled plugins with a matching schema too.

    Example::

        @hookimpl
        def crm_integrity(event, session):
            if event.subject == "customers.party" and event.kind == "merged":
                session.execute(update(Visit).where(Visit.party_id == event.key).values(party_id=event.into))
    """
    raise AssertionError


# -- lifecycle ---------------------------------------------------------------------------------------------------------


@hookspec
def crm_enabled(session: Session) -> None:
    """This plugin has just been switched on. Only its own implementation is called.

    Example::

        @hookimpl
        def crm_enabled(session):
            rebuild_index(session)
    """
    raise AssertionError


@hookspec
def crm_disabled(session: Session) -> None:
    """This plugin has just been switched off; its data stays. Only its own implementation is called.

    Example::

        @hookimpl
        def crm_disabled(session):
            release_locks(session)
    """
    raise AssertionError


@hookspec
def crm_uninstalling(session: Session) -> None:
    """This plugin is about to be purged, before its tables go. Only its own implementation is called.

    Example::

        @hookimpl
        def crm_uninstalling(session):
            revoke_foreign_tokens(session)
    """
    raise AssertionError
