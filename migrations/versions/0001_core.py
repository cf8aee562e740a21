"""All tables of the core.

Written from the models by ``crm plugin revision core -m core``. Until the first release it is written anew when models
change: delete this file and run the command again. From then on each change is a file of its own.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "core_approval",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=80), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.String(length=64), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision_reason", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "decided_by IS NULL OR decided_by <> requested_by OR state = 'withdrawn'",
            name=op.f("ck_core_approval_two_people"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_core_approval")),
    )
    op.create_index("ix_core_approval_state", "core_approval", ["state", "requested_at"], unique=False)
    op.create_index(
        "uq_core_approval_open",
        "core_approval",
        ["kind", "subject"],
        unique=True,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "core_audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("action", sa.String(length=120), nullable=False),
        sa.Column("subject", sa.String(length=80), nullable=True),
        sa.Column("key", sa.String(length=120), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("address", sa.String(length=45), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_core_audit")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_core_audit_action"), "core_audit", ["action"], unique=False)
    op.create_index(op.f("ix_core_audit_at"), "core_audit", ["at"], unique=False)
    op.create_index("ix_core_audit_subject_key", "core_audit", ["subject", "key"], unique=False)
    op.create_index("ix_core_audit_user_at", "core_audit", ["user_id", "at"], unique=False)
    op.create_table(
        "core_backfill",
        sa.Column("plugin", sa.String(length=16), nullable=False),
        sa.Column("revision", sa.String(length=32), nullable=False),
        sa.Column("position", sa.JSON(), nullable=True),
        sa.Column("finished", sa.Boolean(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("plugin", "revision", name=op.f("pk_core_backfill")),
    )
    op.create_table(
        "core_integrity_journal",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("plugin", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("into", sa.String(length=200), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_core_integrity_journal")),
        sa.UniqueConstraint(
            "plugin", "subject", "kind", "key", "into", "at", name=op.f("uq_core_integrity_journal_plugin")
        ),
    )
    op.create_index(op.f("ix_core_integrity_journal_plugin"), "core_integrity_journal", ["plugin"], unique=False)
    op.create_table(
        "core_job",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("plugin", sa.String(length=16), nullable=False),
        sa.Column("schedule", sa.String(length=80), nullable=True),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("next_due", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_core_job")),
    )
    op.create_table(
        "core_lease",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("holder", sa.String(length=80), nullable=False),
        sa.Column("token", sa.Integer(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_core_lease")),
    )
    op.create_table(
        "core_load",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("table_name", sa.String(length=80), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("feed", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("file", sa.String(length=400), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("modified", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("rows_read", sa.Integer(), nullable=False),
        sa.Column("rows_loaded", sa.Integer(), nullable=False),
        sa.Column("rows_rejected", sa.Integer(), nullable=False),
        sa.Column("released", sa.Boolean(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_core_load")),
    )
    op.create_index("ix_core_load_day", "core_load", ["source", "table_name", "business_date", "state"], unique=False)
    op.create_index(op.f("ix_core_load_feed"), "core_load", ["feed"], unique=False)
    op.create_table(
        "core_migration_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("plugin", sa.String(length=16), nullable=False),
        sa.Column("from_revision", sa.String(length=32), nullable=False),
        sa.Column("to_revision", sa.String(length=32), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_core_migration_run")),
    )
    op.create_index(op.f("ix_core_migration_run_plugin"), "core_migration_run", ["plugin"], unique=False)
    op.create_table(
        "core_organisation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("level", sa.String(length=10), nullable=False),
        sa.Column("parent_id", sa.Integer(), nullable=True),
        sa.Column("path", sa.String(length=200), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("merged_into_id", sa.Integer(), nullable=True),
        sa.Column("heir_id", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "level IN ('HEAD', 'BRANCH', 'SUBBRANCH', 'OUTLET')", name=op.f("ck_core_organisation_level")
        ),
        sa.ForeignKeyConstraint(["heir_id"], ["core_organisation.id"], name=op.f("fk_core_organisation_heir_id")),
        sa.ForeignKeyConstraint(
            ["merged_into_id"], ["core_organisation.id"], name=op.f("fk_core_organisation_merged_into_id")
        ),
        sa.ForeignKeyConstraint(["parent_id"], ["core_organisation.id"], name=op.f("fk_core_organisation_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_core_organisation")),
        sa.UniqueConstraint("code", name=op.f("uq_core_organisation_code")),
    )
    op.create_index(op.f("ix_core_organisation_heir_id"), "core_organisation", ["heir_id"], unique=False)
    op.create_index(op.f("ix_core_organisation_merged_into_id"), "core_organisation", ["merged_into_id"], unique=False)
    op.create_index(op.f("ix_core_organisation_parent_id"), "core_organisation", ["parent_id"], unique=False)
    op.create_index(op.f("ix_core_organisation_path"), "core_organisation", ["path"], unique=False)
    op.create_table(
        "core_outbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("type", sa.String(length=200), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_core_outbox")),
        sa.UniqueConstraint("position", name=op.f("uq_core_outbox_position")),
    )
    op.create_table(
        "core_outbox_cursor",
        sa.Column("plugin", sa.String(length=64), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("plugin", name=op.f("pk_core_outbox_cursor")),
    )
    op.create_table(
        "core_parameter",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_by", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_core_parameter")),
    )
    op.create_index("ix_core_parameter_name_from", "core_parameter", ["name", "valid_from"], unique=False)
    op.create_table(
        "core_parameter_epoch",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_core_parameter_epoch")),
    )
    op.create_table(
        "core_plugin",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("origin", sa.String(length=500), nullable=False),
        sa.Column("wanted", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("enabled_once", sa.Boolean(), nullable=False),
        sa.Column("changed_by", sa.String(length=100), nullable=False),
        sa.Column("changed_why", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_core_plugin")),
    )
    op.create_table(
        "core_plugin_epoch",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_core_plugin_epoch")),
    )
    op.create_table(
        "core_plugin_fault",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("plugin", sa.String(length=64), nullable=False),
        sa.Column("hook", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("trace", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_core_plugin_fault")),
    )
    op.create_index(op.f("ix_core_plugin_fault_at"), "core_plugin_fault", ["at"], unique=False)
    op.create_index(op.f("ix_core_plugin_fault_closed_until"), "core_plugin_fault", ["closed_until"], unique=False)
    op.create_index(op.f("ix_core_plugin_fault_plugin"), "core_plugin_fault", ["plugin", "hook"], unique=False)
    op.create_table(
        "core_role",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("label", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.CheckConstraint("kind IN ('business', 'system', 'security', 'audit')", name=op.f("ck_core_role_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_core_role")),
        sa.UniqueConstraint("name", name=op.f("uq_core_role_name")),
    )
    op.create_table(
        "core_sign_in_counter",
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_core_sign_in_counter")),
    )
    op.create_table(
        "core_worker",
        sa.Column("host", sa.String(length=200), nullable=False),
        sa.Column("pid", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("host", "pid", name=op.f("pk_core_worker")),
    )
    op.create_index(op.f("ix_core_worker_beat_at"), "core_worker", ["beat_at"], unique=False)
    op.create_table(
        "core_employee",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("org_id", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["org_id"], ["core_organisation.id"], name=op.f("fk_core_employee_org_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_core_employee")),
        sa.UniqueConstraint("number", name=op.f("uq_core_employee_number")),
    )
    op.create_index(op.f("ix_core_employee_org_id"), "core_employee", ["org_id"], unique=False)
    op.create_table(
        "core_grant",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("role_id", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(length=120), nullable=False),
        sa.Column("effect", sa.String(length=5), nullable=False),
        sa.Column("scope", sa.String(length=12), nullable=False),
        sa.Column("line", sa.String(length=20), nullable=True),
        sa.CheckConstraint("effect IN ('allow', 'deny')", name=op.f("ck_core_grant_effect")),
        sa.CheckConstraint(
            "scope IN ('own', 'branch', 'branch_below', 'bank', 'listed')", name=op.f("ck_core_grant_scope")
        ),
        sa.ForeignKeyConstraint(["role_id"], ["core_role.id"], name=op.f("fk_core_grant_role_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_core_grant")),
    )
    op.create_index(op.f("ix_core_grant_role_id"), "core_grant", ["role_id"], unique=False)
    op.create_table(
        "core_job_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("job", sa.String(length=80), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("requested_by", sa.String(length=80), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=True),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("message", sa.String(length=400), nullable=False),
        sa.Column("log", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["job"], ["core_job.name"], name=op.f("fk_core_job_run_job")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_core_job_run")),
    )
    op.create_index(op.f("ix_core_job_run_job"), "core_job_run", ["job"], unique=False)
    op.create_index("ix_core_job_run_state", "core_job_run", ["state", "id"], unique=False)
    op.create_table(
        "core_organisation_placement",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("org_id", sa.Integer(), nullable=False),
        sa.Column("parent_id", sa.Integer(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["org_id"], ["core_organisation.id"], name=op.f("fk_core_organisation_placement_org_id")
        ),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["core_organisation.id"], name=op.f("fk_core_organisation_placement_parent_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_core_organisation_placement")),
    )
    op.create_index(
        "ix_core_organisation_placement_org_from", "core_organisation_placement", ["org_id", "valid_from"], unique=False
    )
    op.create_table(
        "core_partition",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("feed", sa.String(length=80), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("table_name", sa.String(length=80), nullable=False),
        sa.Column("legal_entity", sa.String(length=20), nullable=False),
        sa.Column("system", sa.String(length=80), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("path", sa.String(length=400), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("load_id", sa.Integer(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["load_id"], ["core_load.id"], name=op.f("fk_core_partition_load_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_core_partition")),
        sa.UniqueConstraint("source", "table_name", "business_date", name="uq_core_partition_day"),
    )
    op.create_index("ix_core_partition_feed", "core_partition", ["feed", "business_date"], unique=False)
    op.create_index(op.f("ix_core_partition_load_id"), "core_partition", ["load_id"], unique=False)
    op.create_table(
        "core_reject",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("load_id", sa.Integer(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=30), nullable=False),
        sa.Column("column_name", sa.String(length=80), nullable=False),
        sa.Column("message", sa.String(length=400), nullable=False),
        sa.Column("raw", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["load_id"], ["core_load.id"], name=op.f("fk_core_reject_load_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_core_reject")),
    )
    op.create_index(op.f("ix_core_reject_load_id"), "core_reject", ["load_id"], unique=False)
    op.create_table(
        "core_grant_organisation",
        sa.Column("grant_id", sa.Integer(), nullable=False),
        sa.Column("org_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["grant_id"], ["core_grant.id"], name=op.f("fk_core_grant_organisation_grant_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["org_id"], ["core_organisation.id"], name=op.f("fk_core_grant_organisation_org_id")),
        sa.PrimaryKeyConstraint("grant_id", "org_id", name=op.f("pk_core_grant_organisation")),
    )
    op.create_table(
        "core_post",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("employee_id", sa.Integer(), nullable=False),
        sa.Column("org_id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["employee_id"], ["core_employee.id"], name=op.f("fk_core_post_employee_id")),
        sa.ForeignKeyConstraint(["org_id"], ["core_organisation.id"], name=op.f("fk_core_post_org_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_core_post")),
    )
    op.create_index(op.f("ix_core_post_employee_id"), "core_post", ["employee_id"], unique=False)
    op.create_index(op.f("ix_core_post_org_id"), "core_post", ["org_id"], unique=False)
    op.create_table(
        "core_user",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("username", sa.String(length=64), nullable=False),
        sa.Column("employee_id", sa.Integer(), nullable=True),
        sa.Column("password_hash", sa.String(length=255), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("must_change_password", sa.Boolean(), nullable=False),
        sa.Column("password_changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signed_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["employee_id"], ["core_employee.id"], name=op.f("fk_core_user_employee_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_core_user")),
        sa.UniqueConstraint("employee_id", name=op.f("uq_core_user_employee_id")),
        sa.UniqueConstraint("username", name=op.f("uq_core_user_username")),
    )
    op.create_table(
        "core_draft",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["core_user.id"], name=op.f("fk_core_draft_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_core_draft")),
        sa.UniqueConstraint("user_id", "url", name="uq_core_draft_user_url"),
    )
    op.create_index(op.f("ix_core_draft_saved_at"), "core_draft", ["saved_at"], unique=False)
    op.create_table(
        "core_session",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("method", sa.String(length=40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_why", sa.String(length=20), nullable=True),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("agent", sa.String(length=200), nullable=False),
        sa.Column("tabs", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["core_user.id"], name=op.f("fk_core_session_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_core_session")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_core_session_token_hash")),
    )
    op.create_index(op.f("ix_core_session_user_id"), "core_session", ["user_id"], unique=False)
    op.create_index(
        "uq_core_session_open",
        "core_session",
        ["user_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "core_user_role",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("role_id", sa.Integer(), nullable=False),
        sa.Column("org_id", sa.Integer(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["org_id"], ["core_organisation.id"], name=op.f("fk_core_user_role_org_id")),
        sa.ForeignKeyConstraint(["role_id"], ["core_role.id"], name=op.f("fk_core_user_role_role_id")),
        sa.ForeignKeyConstraint(["user_id"], ["core_user.id"], name=op.f("fk_core_user_role_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_core_user_role")),
        sa.UniqueConstraint("user_id", "role_id", "org_id", "valid_from", name="uq_core_user_role_held"),
    )
    op.create_index(op.f("ix_core_user_role_role_id"), "core_user_role", ["role_id"], unique=False)
    op.create_index("ix_core_user_role_user", "core_user_role", ["user_id"], unique=False)


def downgrade() -> None:
    op.drop_table("core_user_role")
    op.drop_table("core_session")
    op.drop_table("core_draft")
    op.drop_table("core_user")
    op.drop_table("core_post")
    op.drop_table("core_grant_organisation")
    op.drop_table("core_reject")
    op.drop_table("core_partition")
    op.drop_table("core_organisation_placement")
    op.drop_table("core_job_run")
    op.drop_table("core_grant")
    op.drop_table("core_employee")
    op.drop_table("core_worker")
    op.drop_table("core_sign_in_counter")
    op.drop_table("core_role")
    op.drop_table("core_plugin_fault")
    op.drop_table("core_plugin_epoch")
    op.drop_table("core_plugin")
    op.drop_table("core_parameter_epoch")
    op.drop_table("core_parameter")
    op.drop_table("core_outbox_cursor")
    op.drop_table("core_outbox")
    op.drop_table("core_organisation")
    op.drop_table("core_migration_run")
    op.drop_table("core_load")
    op.drop_table("core_lease")
    op.drop_table("core_job")
    op.drop_table("core_integrity_journal")
    op.drop_table("core_backfill")
    op.drop_table("core_audit")
    op.drop_table("core_approval")
