"""Who may do what: permissions, scopes, API keys and callers."""
