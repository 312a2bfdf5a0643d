"""The ground: errors, scalar types, clock, ids, settings, secrets, telemetry. Nothing here knows an account."""
