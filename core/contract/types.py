"""What hooks return: one frozen dataclass per thing. No behaviour beyond checking its own shape.

Labels are English message ids; the UI translates them in the domain of the plugin that declared them. Names with a dot
start with the plugin's own name (``customers.party.view``), which ``crm plugin check`` holds plugins to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import click
    from sqlalchemy import ColumnElement, FromClause
    from sqlalchemy.orm import Session


# -- who may do what ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Action:
    """A thing a role can grant, and a route must name: ``customers.party.view``."""

    name: str
    label: str
    help: str = ""
    business_data: bool = True
    """False only for administration: the three administrators may hold nothing that is True."""
    kind: Literal["system", "security", "audit"] | None = None
    """The one administrator it belongs to, so that no other kind of role can be given it; None: no single one."""

    def __post_init__(self) -> None:
        """Raises ValueError for an administrator's action that would show business data."""
        if self.kind is not None and self.business_data:
            raise ValueError(f"{self.name}: an action of the {self.kind} administrator declares business_data=False")


class Reach(Protocol):
    """The rows one user may see for one action, as the core knows it: people, places and lines; no subject."""

    @property
    def whole_bank(self) -> bool:
        """True when no row is out of reach; the other members then mean nothing."""

    @property
    def employee_id(self) -> int | None:
        """The employee whose own rows are in reach, or None when the role gives no ``own`` scope."""

    @property
    def lines(self) -> frozenset[str] | None:
        """Business lines in reach; None means all."""

    def covers(self, org_id: ColumnElement[Any]) -> ColumnElement[bool]:
        """SQL that is true where the organisation in this column is in reach."""


@dataclass(frozen=True, slots=True)
class ScopeProvider:
    """Says which rows of one subject are in reach. Every model or dataset that points to the subject follows it.

    ``criterion(reach, table)`` returns SQL over ``table``, which is ``model``'s table or an alias of it. It is called
    once per session and must be built from plain columns and values: no lambda inside, no query, no closure over a
    user.
    """

    subject: str
    label: str
    model: type[Any]
    key: str
    criterion: Callable[[Reach, FromClause], ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class Decision:
    """A vote of ``crm_decide``. One deny outweighs any number of allows."""

    allow: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom ``crm_authenticate`` recognised. The core looks the user up by ``username``; it never creates one."""

    username: str
    method: str


# -- what the shell shows ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MenuItem:
    """A line of the left menu. Shown to those who hold the action of its endpoint."""

    id: str
    label: str
    endpoint: str
    icon: str = "point"
    parent: str | None = None
    weight: int = 100


@dataclass(frozen=True, slots=True)
class PanelContent:
    """What a panel shows now: template values, and where they come from."""

    values: Mapping[str, Any]
    source: str = ""
    """Title of a source, or a message id of the plugin; shown translated."""
    as_of: date | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """A box in a slot of another page, fetched by itself so that it can fail or hang alone.

    ``load(key)`` gets the subject's key from the URL and runs inside the user's own scope. ``None`` means: nothing to
    show for this subject, leave the box out.
    """

    id: str
    slot: str
    title: str
    template: str
    action: str
    load: Callable[[str], PanelContent | None]
    column: Literal["a", "b", "c"] = "a"
    weight: int = 100
    subject: str = ""
    """What the slot's keys are keys of, for the audit: named by panels of the plugin whose page it is; the other panels
    of the slot follow."""


@dataclass(frozen=True, slots=True)
class SearchHit:
    """One row under the global search box."""

    title: str
    url: str
    kind: str
    detail: str = ""


# -- settings, codes, seeds --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Parameter:
    """A typed setting that bank IT changes without a programmer."""

    name: str
    label: str
    type: Literal["int", "decimal", "text", "bool", "choice", "date"]
    default: Any
    minimum: Any = None
    maximum: Any = None
    choices: tuple[str, ...] = ()
    help: str = ""
    per_organisation: bool = False


@dataclass(frozen=True, slots=True)
class CodeTable:
    """A closed list of codes with labels (``P`` person, ``C`` company)."""

    name: str
    label: str
    items: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Seed:
    """Rows a plugin needs to exist: roles, default groups. ``run`` is idempotent and gets a session to write with."""

    name: str
    run: Callable[[Session], None]
    demo: bool = False
    """True: only in training mode, for the sample bank."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command under ``crm``. Refused with a clear word while the plugin is off."""

    command: click.Command


@dataclass(frozen=True, slots=True)
class Service:
    """An implementation of a service contract that other plugins reach without importing this one."""

    contract: str
    version: int
    provider: Any


# -- jobs, events, health ----------------------------------------------------------------------------------------------


class JobRun(Protocol):
    """What a running job sees of its run."""

    @property
    def id(self) -> int:
        """Number of the run, as shown to bank IT."""

    @property
    def business_date(self) -> date:
        """The day this run is for."""

    def progress(self, done: int, total: int, message: str = "") -> None:
        """Record how far the job is; cheap enough to call for each batch of rows."""

    def session(self) -> Session:
        """A session past row scope, closed by the runner. Its commits fail once the run has lost its lease."""


@dataclass(frozen=True, slots=True)
class Job:
    """Work done apart from requests, in a child process that can be killed.

    ``schedule`` is a five-field cron line in the bank's time zone, or None for "only when asked".
    """

    name: str
    label: str
    run: Callable[[JobRun], None]
    schedule: str | None
    time_limit: int
    """Seconds after which the run is killed and recorded as such; 1 to 86,400."""
    retries: int = 0


@dataclass(frozen=True, slots=True)
class EventType:
    """A kind of event the plugin publishes after commit. ``fields`` names what its payload holds."""

    name: str
    label: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that has been committed. Delivered at least once, in order for each plugin."""

    id: int
    type: str
    payload: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True)
class IntegrityEvent:
    """A row others may point to is being merged, moved or deleted, in the transaction that is still open."""

    subject: str
    kind: Literal["deleted", "merged"]
    key: str
    into: str | None = None


@dataclass(frozen=True, slots=True)
class HealthResult:
    """Answer of one health check."""

    ok: bool
    message: str = ""


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """A question ``/readyz`` asks; ``run`` must answer within two seconds."""

    name: str
    label: str
    run: Callable[[], HealthResult]


# -- warehouse ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Column:
    """One typed column of a feed. Text keeps its leading zeros; nothing is guessed."""

    name: str
    type: Literal["text", "date", "money", "rate", "int", "decimal"]
    label: str
    nullable: bool = False
    data_class: str = ""
    """Class of the masking table, such as ``C2.id_no``; empty for data about nobody."""
    references: str = ""
    """``feed.column`` this value must exist in; a row whose value does not is rejected with that reason."""


class Publication(Protocol):
    """What a feed's ``apply`` sees while a day is being published."""

    @property
    def session(self) -> Session:
        """The session of the one transaction that publishes; past row scope."""

    @property
    def source(self) -> str:
        """Name of the source description."""

    @property
    def legal_entity(self) -> str:
        """Legal entity the source belongs to."""

    @property
    def business_date(self) -> date:
        """The day being published."""

    def rows(self) -> Iterator[Mapping[str, Any]]:
        """The accepted rows of the partition, typed, with every column of the feed and identifiers in plain text."""


@dataclass(frozen=True, slots=True)
class Feed:
    """What a plugin accepts from source systems. How a source delivers it is described by bank IT, not here."""

    name: str
    label: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    mode: Literal["full", "incremental"]
    apply: Callable[[Publication], None] | None = None
    """Writes what belongs in the database, inside the publishing transaction."""

    def column(self, name: str) -> Column:
        """The column of that name; KeyError when there is none."""
        for candidate in self.columns:
            if candidate.name == name:
                return candidate
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class Dimension:
    """Something a dataset can be listed, filtered and grouped by."""

    name: str
    label: str
    column: str


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure of a dataset with the way it is added up."""

    name: str
    label: str
    column: str
    how: Literal["sum", "count", "max", "min"]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Published partitions of one feed, named for the business. Without ``scope`` it holds data about nobody."""

    name: str
    label: str
    feed: str
    dimensions: tuple[Dimension, ...]
    measures: tuple[Measure, ...]
    scope: Mapping[str, str] = field(default_factory=dict)
    """Subject to dimension: ``{"customers.party": "party_id"}``. The engine adds the user's scope to every query."""
