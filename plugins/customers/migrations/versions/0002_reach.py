"""reach: an index that tells who belongs to a branch by itself."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_index("ix_customers_party_home", "customers_party", ["home_org_id", "kind"], postgresql_include=["id"])
    op.drop_index(op.f("ix_customers_party_home_org_id"), table_name="customers_party")


def downgrade() -> None:
    op.create_index(op.f("ix_customers_party_home_org_id"), "customers_party", ["home_org_id"], unique=False)
    op.drop_index("ix_customers_party_home", table_name="customers_party")
