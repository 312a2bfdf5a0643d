"""The first tables: accounts and what hangs on them, events and their deliveries, keys.

Expression indexes sort unknown values below every known one, as the lists do.
"""

import sqlalchemy as sa
from alembic import op

from service.framework.database import columns

revision = "202611210900"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", columns.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("updated_at", columns.Instant(), nullable=False),
        sa.Column("deleted_at", columns.Instant(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("scopes", columns.Json(), nullable=False),
        sa.Column("expires_at", columns.Instant(), nullable=True),
        sa.Column("last_used_at", columns.Instant(), nullable=True),
        sa.Column("revoked_at", columns.Instant(), nullable=True),
        sa.Column("created_by", columns.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("hash", name=op.f("uq_api_keys_hash")),
    )
    op.create_table(
        "events",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("id", columns.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("schema_version", sa.BigInteger(), nullable=False),
        sa.Column("account_id", columns.Uuid(), nullable=True),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", columns.Uuid(), nullable=False),
        sa.Column("subject_version", sa.BigInteger(), nullable=False),
        sa.Column("occurred_at", columns.Instant(), nullable=False),
        sa.Column("cause", columns.Json(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("dedupe_key", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_events")),
        sa.UniqueConstraint("dedupe_key", name=op.f("uq_events_dedupe_key")),
        sa.UniqueConstraint("id", name=op.f("uq_events_id")),
        sa.UniqueConstraint("position", name=op.f("uq_events_position")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_account", "events", ["account_id", "position"], unique=False)
    op.create_index("ix_events_type", "events", ["type", "position"], unique=False)
    op.create_index(
        "ix_events_waiting",
        "events",
        ["seq"],
        unique=False,
        postgresql_where=sa.text("position IS NULL"),
        sqlite_where=sa.text("position IS NULL"),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index("ix_idempotency_keys_created", "idempotency_keys", ["created_at"], unique=False)
    op.create_table(
        "people",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("function", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("id", columns.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("updated_at", columns.Instant(), nullable=False),
        sa.Column("deleted_at", columns.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people")),
    )
    op.create_index("ix_people_name", "people", ["name", "id"], unique=False)
    op.create_table(
        "refs",
        sa.Column("entity_id", columns.Uuid(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.CheckConstraint("kind IN ('account', 'stakeholder', 'person')", name=op.f("ck_refs_known_kind")),
        sa.PrimaryKeyConstraint("entity_id", "system", name=op.f("pk_refs")),
    )
    op.create_index(
        "uq_refs_live",
        "refs",
        ["kind", "system", "external_id"],
        unique=True,
        postgresql_where=sa.text("live"),
        sqlite_where=sa.text("live"),
    )
    op.create_table(
        "scoring_models",
        sa.Column("id", columns.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("updated_at", columns.Instant(), nullable=False),
        sa.Column("deleted_at", columns.Instant(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("definition", columns.Json(), nullable=False),
        sa.Column("activated_at", columns.Instant(), nullable=True),
        sa.CheckConstraint("state IN ('draft', 'active', 'retired')", name=op.f("ck_scoring_models_known_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scoring_models")),
    )
    op.create_index(
        "uq_scoring_models_active",
        "scoring_models",
        ["state"],
        unique=True,
        postgresql_where=sa.text("state = 'active'"),
        sqlite_where=sa.text("state = 'active'"),
    )
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", columns.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("updated_at", columns.Instant(), nullable=False),
        sa.Column("deleted_at", columns.Instant(), nullable=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("event_types", columns.Json(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("disabled_reason", sa.Text(), nullable=True),
        sa.Column("secret_encrypted", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoints")),
    )
    op.create_table(
        "accounts",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("parent_id", columns.Uuid(), nullable=True),
        sa.Column("scope", sa.Text(), nullable=True),
        sa.Column("industry", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("website", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("revenue", columns.Money(), nullable=True),
        sa.Column("owner_id", columns.Uuid(), nullable=True),
        sa.Column("service_level", sa.BigInteger(), nullable=True),
        sa.Column("supplier_status", sa.Text(), nullable=True),
        sa.Column("perception_level", sa.BigInteger(), nullable=True),
        sa.Column("tags", columns.Json(), nullable=False),
        sa.Column("attributes", columns.Json(), nullable=False),
        sa.Column("id", columns.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("updated_at", columns.Instant(), nullable=False),
        sa.Column("deleted_at", columns.Instant(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("quadrant", sa.Text(), nullable=True),
        sa.Column("quadrant_source", sa.Text(), nullable=True),
        sa.Column("raw_quadrant", sa.Text(), nullable=True),
        sa.Column("attractiveness", columns.Exact(12, 6), nullable=True),
        sa.Column("business_strength", columns.Exact(12, 6), nullable=True),
        sa.Column("relative_strength", columns.Exact(14, 6), nullable=True),
        sa.Column("fiocca_attractiveness", sa.Text(), nullable=True),
        sa.Column("fiocca_position", sa.Text(), nullable=True),
        sa.Column("classification_status", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("target_stage", sa.Text(), nullable=True),
        sa.Column("target_stage_on", columns.Day(), nullable=True),
        sa.Column("target_stage_reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "fiocca_attractiveness IS NULL OR fiocca_attractiveness IN ('high', 'medium', 'low')",
            name=op.f("ck_accounts_known_fiocca_attractiveness"),
        ),
        sa.CheckConstraint(
            "fiocca_position IS NULL OR fiocca_position IN ('strong', 'average', 'weak')",
            name=op.f("ck_accounts_known_fiocca_position"),
        ),
        sa.CheckConstraint(
            "quadrant IS NULL OR quadrant IN ('strategic', 'star', 'status', 'streamline')",
            name=op.f("ck_accounts_known_quadrant"),
        ),
        sa.CheckConstraint(
            "raw_quadrant IS NULL OR raw_quadrant IN ('strategic', 'star', 'status', 'streamline')",
            name=op.f("ck_accounts_known_raw_quadrant"),
        ),
        sa.CheckConstraint(
            "scope IS NULL OR scope IN ('target_national', 'development_national', 'key_national', 'key_regional', 'key_global', 'global_partner')",
            name=op.f("ck_accounts_known_scope"),
        ),
        sa.CheckConstraint(
            "stage IN ('pre_kam', 'early_kam', 'mid_kam', 'partnership_kam', 'synergistic_kam', 'uncoupling_kam')",
            name=op.f("ck_accounts_known_stage"),
        ),
        sa.CheckConstraint(
            "status IN ('customer', 'candidate', 'selected', 'agreed', 'planned', 'managed', 'deselected')",
            name=op.f("ck_accounts_known_status"),
        ),
        sa.CheckConstraint(
            "supplier_status IS NULL OR supplier_status IN ('available', 'approved', 'preferred', 'partner')",
            name=op.f("ck_accounts_known_supplier_status"),
        ),
        sa.CheckConstraint(
            "target_stage IS NULL OR target_stage IN ('pre_kam', 'early_kam', 'mid_kam', 'partnership_kam', 'synergistic_kam', 'uncoupling_kam')",
            name=op.f("ck_accounts_known_target_stage"),
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["people.id"], name=op.f("fk_accounts_owner_id")),
        sa.ForeignKeyConstraint(["parent_id"], ["accounts.id"], name=op.f("fk_accounts_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
    )
    op.create_index("ix_accounts_name", "accounts", ["name", "id"], unique=False)
    op.create_index("ix_accounts_owner", "accounts", ["owner_id", "id"], unique=False)
    op.create_index("ix_accounts_parent", "accounts", ["parent_id", "id"], unique=False)
    op.create_index(
        "ix_accounts_quadrant_revenue",
        "accounts",
        ["quadrant", sa.literal_column("coalesce(revenue, -1000000000000)"), "id"],
        unique=False,
    )
    op.create_index(
        "ix_accounts_revenue", "accounts", [sa.literal_column("coalesce(revenue, -1000000000000)"), "id"], unique=False
    )
    op.create_index("ix_accounts_stage", "accounts", ["stage", "id"], unique=False)
    op.create_index("ix_accounts_updated", "accounts", ["updated_at", "id"], unique=False)
    op.create_table(
        "deliveries",
        sa.Column("id", columns.Uuid(), nullable=False),
        sa.Column("event_id", columns.Uuid(), nullable=False),
        sa.Column("event_position", sa.BigInteger(), nullable=False),
        sa.Column("endpoint_id", columns.Uuid(), nullable=False),
        sa.Column("order_key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("next_at", columns.Instant(), nullable=False),
        sa.Column("lease_until", columns.Instant(), nullable=True),
        sa.Column("lease_token", columns.Uuid(), nullable=True),
        sa.Column("behind", sa.Boolean(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("last_error_class", sa.Text(), nullable=True),
        sa.Column("replay_no", sa.BigInteger(), nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("released_at", columns.Instant(), nullable=True),
        sa.Column("finished_at", columns.Instant(), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'leased', 'succeeded', 'dead', 'held', 'superseded', 'canceled')",
            name=op.f("ck_deliveries_known_state"),
        ),
        sa.ForeignKeyConstraint(["endpoint_id"], ["webhook_endpoints.id"], name=op.f("fk_deliveries_endpoint_id")),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_deliveries_event_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("event_id", "endpoint_id", "replay_no", name="uq_deliveries_once"),
    )
    op.create_index(
        "ix_deliveries_due",
        "deliveries",
        ["endpoint_id", "next_at", "event_position"],
        unique=False,
        postgresql_where=sa.text("state = 'pending' AND behind IS false"),
        sqlite_where=sa.text("state = 'pending' AND behind IS 0"),
    )
    op.create_index("ix_deliveries_endpoint", "deliveries", ["endpoint_id", "created_at", "id"], unique=False)
    op.create_index(
        "ix_deliveries_held",
        "deliveries",
        ["endpoint_id"],
        unique=False,
        postgresql_where=sa.text("state = 'held'"),
        sqlite_where=sa.text("state = 'held'"),
    )
    op.create_index(
        "ix_deliveries_key",
        "deliveries",
        ["endpoint_id", "order_key", "event_position"],
        unique=False,
        postgresql_where=sa.text("state IN ('pending', 'leased')"),
        sqlite_where=sa.text("state IN ('pending', 'leased')"),
    )
    op.create_index(
        "ix_deliveries_lease",
        "deliveries",
        ["lease_until"],
        unique=False,
        postgresql_where=sa.text("state = 'leased'"),
        sqlite_where=sa.text("state = 'leased'"),
    )
    op.create_table(
        "attempts",
        sa.Column("id", columns.Uuid(), nullable=False),
        sa.Column("delivery_id", columns.Uuid(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("started_at", columns.Instant(), nullable=False),
        sa.Column("finished_at", columns.Instant(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("status", sa.BigInteger(), nullable=True),
        sa.Column("duration_ms", sa.BigInteger(), nullable=True),
        sa.Column("response_headers", columns.Json(), nullable=True),
        sa.Column("response_body", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('open', 'ok', 'http', 'timeout', 'connect', 'dns', 'tls', 'blocked', 'unknown')",
            name=op.f("ck_attempts_known_outcome"),
        ),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.id"], name=op.f("fk_attempts_delivery_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
    )
    op.create_index("ix_attempts_delivery", "attempts", ["delivery_id", "n"], unique=False)
    op.create_table(
        "attractiveness_scores",
        sa.Column("account_id", columns.Uuid(), nullable=False),
        sa.Column("factor", sa.Text(), nullable=False),
        sa.Column("rater_id", columns.Uuid(), nullable=True),
        sa.Column("score", columns.Exact(19, 17), nullable=False),
        sa.Column("metric", sa.Text(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("scored_at", columns.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_attractiveness_scores_account_id")),
        sa.ForeignKeyConstraint(["rater_id"], ["people.id"], name=op.f("fk_attractiveness_scores_rater_id")),
        sa.PrimaryKeyConstraint("account_id", "factor", name=op.f("pk_attractiveness_scores")),
    )
    op.create_table(
        "classifications",
        sa.Column("id", columns.Uuid(), nullable=False),
        sa.Column("account_id", columns.Uuid(), nullable=False),
        sa.Column("account_version", sa.BigInteger(), nullable=False),
        sa.Column("model_id", columns.Uuid(), nullable=False),
        sa.Column("classified_at", columns.Instant(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("quadrant", sa.Text(), nullable=True),
        sa.Column("quadrant_source", sa.Text(), nullable=True),
        sa.Column("result", columns.Json(), nullable=False),
        sa.CheckConstraint(
            "quadrant IS NULL OR quadrant IN ('strategic', 'star', 'status', 'streamline')",
            name=op.f("ck_classifications_known_quadrant"),
        ),
        sa.CheckConstraint(
            "quadrant_source IS NULL OR quadrant_source IN ('computed', 'override')",
            name=op.f("ck_classifications_known_quadrant_source"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_classifications_account_id")),
        sa.ForeignKeyConstraint(["model_id"], ["scoring_models.id"], name=op.f("fk_classifications_model_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_classifications")),
    )
    op.create_index(
        "uq_classifications_account_version", "classifications", ["account_id", "account_version"], unique=True
    )
    op.create_table(
        "plans",
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("period_start", columns.Day(), nullable=False),
        sa.Column("period_end", columns.Day(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("owner_id", columns.Uuid(), nullable=True),
        sa.Column("id", columns.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("updated_at", columns.Instant(), nullable=False),
        sa.Column("deleted_at", columns.Instant(), nullable=True),
        sa.Column("account_id", columns.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("closed_on", columns.Day(), nullable=True),
        sa.CheckConstraint(
            "state IN ('draft', 'submitted', 'approved', 'active', 'closed')", name=op.f("ck_plans_known_state")
        ),
        sa.CheckConstraint("period_end > period_start", name=op.f("ck_plans_period_in_order")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_plans_account_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["people.id"], name=op.f("fk_plans_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plans")),
    )
    op.create_index("ix_plans_account", "plans", ["account_id", "id"], unique=False)
    op.create_table(
        "stage_entries",
        sa.Column("id", columns.Uuid(), nullable=False),
        sa.Column("account_id", columns.Uuid(), nullable=False),
        sa.Column("account_version", sa.BigInteger(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=True),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("effective_on", columns.Day(), nullable=False),
        sa.Column("recorded_at", columns.Instant(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "previous IS NULL OR previous IN ('pre_kam', 'early_kam', 'mid_kam', 'partnership_kam', 'synergistic_kam', 'uncoupling_kam')",
            name=op.f("ck_stage_entries_known_previous"),
        ),
        sa.CheckConstraint(
            "stage IN ('pre_kam', 'early_kam', 'mid_kam', 'partnership_kam', 'synergistic_kam', 'uncoupling_kam')",
            name=op.f("ck_stage_entries_known_stage"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_stage_entries_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stage_entries")),
    )
    op.create_index("uq_stage_entries_account_version", "stage_entries", ["account_id", "account_version"], unique=True)
    op.create_table(
        "stakeholders",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("function", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("roles", columns.Json(), nullable=False),
        sa.Column("influence", columns.Exact(8, 4), nullable=True),
        sa.Column("stance", sa.BigInteger(), nullable=True),
        sa.Column("reports_to_id", columns.Uuid(), nullable=True),
        sa.Column("id", columns.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("updated_at", columns.Instant(), nullable=False),
        sa.Column("deleted_at", columns.Instant(), nullable=True),
        sa.Column("account_id", columns.Uuid(), nullable=False),
        sa.CheckConstraint("stance BETWEEN -2 AND 2", name=op.f("ck_stakeholders_stance_in_range")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_stakeholders_account_id")),
        sa.ForeignKeyConstraint(["reports_to_id"], ["stakeholders.id"], name=op.f("fk_stakeholders_reports_to_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stakeholders")),
    )
    op.create_index("ix_stakeholders_account", "stakeholders", ["account_id", "id"], unique=False)
    op.create_table(
        "business_strengths",
        sa.Column("account_id", columns.Uuid(), nullable=False),
        sa.Column("factors", columns.Json(), nullable=False),
        sa.Column("no_known_competitor", sa.Boolean(), nullable=False),
        sa.Column("confirmed_by_id", columns.Uuid(), nullable=True),
        sa.Column("updated_at", columns.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_business_strengths_account_id")),
        sa.ForeignKeyConstraint(
            ["confirmed_by_id"], ["stakeholders.id"], name=op.f("fk_business_strengths_confirmed_by_id")
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_business_strengths")),
    )
    op.create_table(
        "objectives",
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("baseline", columns.Exact(20, 4), nullable=True),
        sa.Column("target", columns.Exact(20, 4), nullable=False),
        sa.Column("due_on", columns.Day(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("id", columns.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("updated_at", columns.Instant(), nullable=False),
        sa.Column("deleted_at", columns.Instant(), nullable=True),
        sa.Column("plan_id", columns.Uuid(), nullable=False),
        sa.Column("account_id", columns.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("closed_on", columns.Day(), nullable=True),
        sa.CheckConstraint(
            "state IN ('open', 'achieved', 'missed', 'dropped')", name=op.f("ck_objectives_known_state")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_objectives_account_id")),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"], name=op.f("fk_objectives_plan_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_objectives")),
    )
    op.create_index("ix_objectives_account", "objectives", ["account_id", "id"], unique=False)
    op.create_index("ix_objectives_plan", "objectives", ["plan_id", "id"], unique=False)
    op.create_table(
        "actions",
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("owner_id", columns.Uuid(), nullable=False),
        sa.Column("due_on", columns.Day(), nullable=False),
        sa.Column("expected_result", sa.Text(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("id", columns.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("updated_at", columns.Instant(), nullable=False),
        sa.Column("deleted_at", columns.Instant(), nullable=True),
        sa.Column("objective_id", columns.Uuid(), nullable=False),
        sa.Column("account_id", columns.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("completed_on", columns.Day(), nullable=True),
        sa.CheckConstraint(
            "state IN ('open', 'in_progress', 'completed', 'cancelled')", name=op.f("ck_actions_known_state")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_actions_account_id")),
        sa.ForeignKeyConstraint(["objective_id"], ["objectives.id"], name=op.f("fk_actions_objective_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["people.id"], name=op.f("fk_actions_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_actions")),
    )
    op.create_index("ix_actions_account", "actions", ["account_id", "id"], unique=False)
    op.create_index("ix_actions_due", "actions", ["due_on", "id"], unique=False)
    op.create_index("ix_actions_objective", "actions", ["objective_id", "id"], unique=False)
    op.create_index("ix_actions_owner", "actions", ["owner_id", "id"], unique=False)


def downgrade() -> None:
    for table in (
        "actions",
        "objectives",
        "business_strengths",
        "stakeholders",
        "stage_entries",
        "plans",
        "classifications",
        "attractiveness_scores",
        "attempts",
        "deliveries",
        "accounts",
        "webhook_endpoints",
        "scoring_models",
        "refs",
        "people",
        "idempotency_keys",
        "events",
        "api_keys",
    ):
        op.drop_table(table)
