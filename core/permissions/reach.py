"""Grants turned into a :class:`Reach`: places, an employee, business lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, not_, or_, select, true

from core.orgs.models import Organisation
from core.permissions.models import Effect, Scope


def covers(pattern: str, action: str) -> bool:
    """Whether ``pattern``, an action or a prefix ending in ``*`` such as ``customers.*``, speaks of ``action``."""
    return action.startswith(pattern[:-1]) if pattern.endswith("*") else pattern == action


@dataclass(frozen=True, slots=True)
class Area:
    """Organisations, or with ``below`` their subtrees as they stand at the moment of the query; with those that were
    merged into them, whose rows may still name them."""

    orgs: frozenset[int] = frozenset()
    below: bool = False
    everywhere: bool = False

    def covers(self, org_id: ColumnElement[Any]) -> ColumnElement[bool]:
        """SQL that is true where the organisation in this column lies in the area."""
        if self.everywhere:
            return true()
        if not self.orgs:
            return false()
        place, heir, root = (Organisation.__table__.alias() for _ in range(3))
        stands_for = func.coalesce(place.c.heir_id, place.c.id)
        if not self.below:
            return org_id.in_(select(place.c.id).where(stands_for.in_(sorted(self.orgs))))
        inside = root.c.id.in_(sorted(self.orgs)) & heir.c.path.like(root.c.path.concat("%"))
        places = place.join(heir, heir.c.id == stands_for).join(root, inside)
        return org_id.in_(select(place.c.id).select_from(places))


@dataclass(frozen=True, slots=True)
class OrgReach:
    """The rows in reach for one action. Comparable, so that an unchanged access is seen to be the same."""

    include: tuple[Area, ...] = ()
    exclude: tuple[Area, ...] = ()
    employee_id: int | None = None
    lines: frozenset[str] | None = None

    @property
    def whole_bank(self) -> bool:
        """True when no row is out of reach."""
        return not self.exclude and self.lines is None and any(area.everywhere for area in self.include)

    @property
    def empty(self) -> bool:
        """True when no row can be in reach."""
        return (not self.include and self.employee_id is None) or self.lines == frozenset()

    def covers(self, org_id: ColumnElement[Any]) -> ColumnElement[bool]:
        """SQL that is true where the organisation in this column is in reach."""
        inside = or_(false(), *(area.covers(org_id) for area in self.include))
        if not self.exclude:
            return inside
        return and_(inside, *(not_(area.covers(org_id)) for area in self.exclude))


NOTHING = OrgReach(lines=frozenset())


@dataclass(frozen=True, slots=True)
class HeldGrant:
    """A grant as one user holds it: with the place it is held at."""

    role: str
    role_label: str
    kind: str
    action: str
    effect: str
    scope: str
    line: str | None
    org_id: int | None
    listed: frozenset[int]
    employee_id: int | None

    def matches(self, action: str) -> bool:
        """True when the grant speaks about that action."""
        return covers(self.action, action)

    @property
    def allows(self) -> bool:
        """True when it gives."""
        return self.effect == Effect.ALLOW

    @property
    def area(self) -> Area | None:
        """The places of the grant; None when it names none."""
        here = frozenset() if self.org_id is None else frozenset({self.org_id})
        areas = {
            Scope.BANK: Area(everywhere=True),
            Scope.BRANCH: Area(here),
            Scope.BRANCH_BELOW: Area(here, below=True),
            Scope.LISTED: Area(self.listed),
        }
        found = areas.get(Scope(self.scope))
        return found if found is not None and (found.everywhere or found.orgs) else None


def takes_all(grant: HeldGrant) -> bool:
    """True for a denial no rest is left of: of the whole bank, or of a kind that cannot be subtracted exactly."""
    return not grant.allows and (grant.area is None or grant.area.everywhere)


def reach(grants: Iterable[HeldGrant]) -> OrgReach:
    """The union of what the grants give, less what they take.

    Where a reach cannot say exactly what grants of different lines and scopes give together, it says less, never more:
    the lines all of them have. A denial of a place also takes the user's own rows, since those may lie in that place.
    """
    given = [g for g in grants if g.allows]
    taken = [g for g in grants if not g.allows]
    if not given or any(takes_all(g) for g in taken):
        return NOTHING
    include = tuple(dict.fromkeys(g.area for g in given if g.area is not None))
    exclude = tuple(dict.fromkeys(g.area for g in taken if g.area is not None))
    own = {g.employee_id for g in given if g.scope == Scope.OWN and g.employee_id is not None}
    return OrgReach(include, exclude, None if exclude else next(iter(own), None), _lines(given))


def _lines(given: list[HeldGrant]) -> frozenset[str] | None:
    by_scope: dict[tuple[str, int | None, frozenset[int]], set[str | None]] = {}
    for g in given:
        by_scope.setdefault((g.scope, g.org_id, g.listed), set()).add(g.line)
    sets = [None if None in lines else frozenset(line for line in lines if line) for lines in by_scope.values()]
    known = [lines for lines in sets if lines is not None]
    return frozenset.intersection(*known) if known else None
