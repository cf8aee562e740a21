"""The bank's organisations. Example::

    orgs.ids_by_code(session)["0101"]             # where a source's row belongs; merged ones lead to their successor
    orgs.names(session, {visit.org_id})           # {12: "滨江支行"}
    orgs.below(session, 12)                       # ids of 12 and everything under it, for ``in_()``

Rows that follow an organisation refer to it by id: ``ForeignKey("core_organisation.id")``.
"""

from __future__ import annotations

from core.orgs.directory import Place, below, ids_by_code, names, tree

__all__ = ["Place", "below", "ids_by_code", "names", "tree"]
