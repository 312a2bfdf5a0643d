"""The REST API: one router for each part, without rules or SQL."""
