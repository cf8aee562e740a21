"""Optimistic locking: two people open the same form, the second to save is shown both versions side by side. ::

class Visit(Versioned, plugin_base("visits")): ...

visit = session.get(Visit, key)
check_version(visit, form.version.data, mine=form.data)     # raises Conflict
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import Integer, inspect
from sqlalchemy.orm import InstanceState, Mapped, declared_attr, mapped_column

if TYPE_CHECKING:
    from core.db.session import CrmSession


class Versioned:
    """Mixin: a row that counts its changes, so that nobody overwrites what they have not seen."""

    version: Mapped[int] = mapped_column(Integer, nullable=False, sort_order=900)

    @declared_attr.directive
    @classmethod
    def __mapper_args__(cls) -> dict[str, Any]:
        """Let the unit of work count."""
        return {"version_id_col": cls.__table__.c.version if hasattr(cls, "__table__") else cls.version}


@dataclass(frozen=True, slots=True)
class Difference:
    """One field on the conflict page."""

    name: str
    base: Any
    mine: Any
    theirs: Any


class Conflict(Exception):
    """The row was changed, or deleted, by somebody else since it was read.

    ``mine``, ``theirs`` and ``base`` map attribute names to values: what was to be saved, what the row holds now (None:
    deleted), and what it held when it was read (None: not known). The message names no value.
    """

    def __init__(
        self,
        model: type[Any],
        key: Any,
        mine: Mapping[str, Any],
        theirs: Mapping[str, Any] | None,
        base: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{model.__name__} {key} was changed by somebody else")
        self.model, self.key = model, key
        self.mine, self.theirs, self.base = dict(mine), theirs, base

    @property
    def differences(self) -> list[Difference]:
        """Fields in which mine and theirs differ, in the order of ``mine``; the version itself left out."""
        theirs, base = self.theirs or {}, self.base or {}
        return [
            Difference(name, base.get(name), value, theirs.get(name))
            for name, value in self.mine.items()
            if name != "version" and (self.theirs is None or (name in theirs and theirs[name] != value))
        ]


def check_version(
    obj: Versioned, form_version: int, mine: Mapping[str, Any] | None = None, base: Mapping[str, Any] | None = None
) -> None:
    """Compare the version a form was opened with to the row's.

    Args:
        obj: the row as it is now, before or after the form's values were put on it.
        form_version: what the form carried.
        mine: the form's values; by default what ``obj`` now holds in memory.
        base: the values the form was opened with, when they are known.

    Raises:
        Conflict: the row has moved on.
    """
    if obj.version != form_version:
        state: InstanceState[Any] = inspect(obj)
        raise Conflict(type(obj), _key(state), _now(state) if mine is None else mine, _stored(state), base)


@dataclass(frozen=True, slots=True)
class Image:
    """A changed row, as it is about to be written."""

    model: type[Any]
    identity: tuple[Any, ...]
    version: int
    mine: Mapping[str, Any]
    base: Mapping[str, Any]

    @classmethod
    def of(cls, obj: Versioned) -> Self:
        """The image of a changed or deleted object."""
        state: InstanceState[Any] = inspect(obj)
        return cls(type(obj), state.identity or (), obj.version, _now(state), _stored(state))


def images(session: CrmSession) -> list[Image]:
    """Images of all versioned rows the next flush writes over."""
    changed = [o for o in (*session.dirty, *session.deleted) if isinstance(o, Versioned)]
    return [Image.of(o) for o in changed if inspect(o).identity is not None]


def conflict(images: list[Image], reader: CrmSession) -> Conflict | None:
    """The conflict behind a stale write: the first image whose row has moved on, read afresh through ``reader``."""
    for image in images:
        theirs = reader.get(image.model, image.identity)
        if theirs is None or theirs.version != image.version:
            seen = None if theirs is None else _now(inspect(theirs))
            return Conflict(image.model, image.identity[0], image.mine, seen, image.base)
    return None


def _key(state: InstanceState[Any]) -> Any:
    return state.identity[0] if state.identity else None


def _now(state: InstanceState[Any]) -> dict[str, Any]:
    return {a.key: getattr(state.obj(), a.key) for a in state.mapper.column_attrs if a.key not in state.unloaded}


def _stored(state: InstanceState[Any]) -> dict[str, Any]:
    values = _now(state)
    for name in values:
        history = state.attrs[name].history
        if history.deleted:
            values[name] = history.deleted[0]
    return values
