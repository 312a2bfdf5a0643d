"""HTTP in, HTTP out: one router per part; no rules, no SQL."""
