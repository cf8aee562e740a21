"""customers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "customers_counter",
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("next", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_customers_counter")),
        info={"plugin": "customers"},
    )
    op.create_table(
        "customers_delivery",
        sa.Column("source", sa.String(length=60), nullable=False),
        sa.Column("legal_entity", sa.String(length=20), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("added", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("gone", sa.Integer(), nullable=False),
        sa.Column("unknown_orgs", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_customers_delivery")),
        info={"plugin": "customers"},
    )
    op.create_table(
        "customers_party",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "party_id",
            sa.String(length=20).with_variant(sa.String(length=20, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("legal_entity", sa.String(length=20), nullable=False),
        sa.Column("kind", sa.String(length=1), nullable=False),
        sa.Column("name", sa.String(length=800), nullable=True),
        sa.Column(
            "sort_name",
            sa.String(length=200).with_variant(sa.String(length=200, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("home_org_id", sa.Integer(), nullable=True),
        sa.Column("source_org_code", sa.String(length=60), nullable=True),
        sa.Column("cert_type", sa.String(length=60), nullable=True),
        sa.Column("cert_no", sa.Text(), nullable=True),
        sa.Column("cert_index", sa.String(length=64), nullable=True),
        sa.Column("cert_last4_index", sa.String(length=64), nullable=True),
        sa.Column("mobile", sa.Text(), nullable=True),
        sa.Column("mobile_index", sa.String(length=64), nullable=True),
        sa.Column("mobile_last4_index", sa.String(length=64), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("gender", sa.String(length=20), nullable=True),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("nationality", sa.String(length=80), nullable=True),
        sa.Column("occupation", sa.String(length=200), nullable=True),
        sa.Column("legal_rep", sa.Text(), nullable=True),
        sa.Column("industry", sa.String(length=200), nullable=True),
        sa.Column(
            "reg_capital", sa.Numeric(precision=20, scale=2).with_variant(sa.BigInteger(), "sqlite"), nullable=True
        ),
        sa.Column("open_date", sa.Date(), nullable=True),
        sa.Column("status", sa.String(length=60), nullable=True),
        sa.Column("short_name", sa.String(length=40), nullable=True),
        sa.Column("remark", sa.String(length=500), nullable=True),
        sa.Column("source_hash", sa.String(length=64), nullable=False),
        sa.Column("source_date", sa.Date(), nullable=False),
        sa.Column("source_deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("kind IN ('P', 'C', 'F', 'I')", name=op.f("ck_customers_party_kind")),
        sa.ForeignKeyConstraint(["home_org_id"], ["core_organisation.id"], name=op.f("fk_customers_party_home_org_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customers_party")),
        sa.UniqueConstraint("party_id", name=op.f("uq_customers_party_party_id")),
        info={"plugin": "customers"},
    )
    op.create_index(op.f("ix_customers_party_cert_index"), "customers_party", ["cert_index"], unique=False)
    op.create_index(op.f("ix_customers_party_cert_last4_index"), "customers_party", ["cert_last4_index"], unique=False)
    op.create_index(op.f("ix_customers_party_home_org_id"), "customers_party", ["home_org_id"], unique=False)
    op.create_index(op.f("ix_customers_party_kind"), "customers_party", ["kind"], unique=False)
    op.create_index(op.f("ix_customers_party_legal_entity"), "customers_party", ["legal_entity"], unique=False)
    op.create_index(op.f("ix_customers_party_mobile_index"), "customers_party", ["mobile_index"], unique=False)
    op.create_index(
        op.f("ix_customers_party_mobile_last4_index"), "customers_party", ["mobile_last4_index"], unique=False
    )
    op.create_index("ix_customers_party_open_date", "customers_party", ["open_date", "id"], unique=False)
    op.create_index("ix_customers_party_sort_name", "customers_party", ["sort_name", "id"], unique=False)
    op.create_table(
        "customers_name_entry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("party_id", sa.Integer(), nullable=False),
        sa.Column(
            "text", sa.String(length=60).with_variant(sa.String(length=60, collation="C"), "postgresql"), nullable=False
        ),
        sa.ForeignKeyConstraint(["party_id"], ["customers_party.id"], name=op.f("fk_customers_name_entry_party_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customers_name_entry")),
        info={"plugin": "customers"},
    )
    op.create_index(op.f("ix_customers_name_entry_party_id"), "customers_name_entry", ["party_id"], unique=False)
    op.create_index("ix_customers_name_entry_text", "customers_name_entry", ["text", "party_id"], unique=False)
    op.create_table(
        "customers_xref",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=60), nullable=False),
        sa.Column("source_cust_id", sa.String(length=60), nullable=False),
        sa.Column("legal_entity", sa.String(length=20), nullable=False),
        sa.Column("party_id", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["party_id"], ["customers_party.id"], name=op.f("fk_customers_xref_party_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customers_xref")),
        sa.UniqueConstraint("source", "source_cust_id", name=op.f("uq_customers_xref_source")),
        info={"plugin": "customers"},
    )
    op.create_index("ix_customers_xref_number", "customers_xref", ["legal_entity", "source_cust_id"], unique=False)
    op.create_index(op.f("ix_customers_xref_party_id"), "customers_xref", ["party_id"], unique=False)
    op.create_index(op.f("ix_customers_xref_source_cust_id"), "customers_xref", ["source_cust_id"], unique=False)


def downgrade() -> None:
    op.drop_table("customers_xref")
    op.drop_table("customers_name_entry")
    op.drop_table("customers_party")
    op.drop_table("customers_delivery")
    op.drop_table("customers_counter")
