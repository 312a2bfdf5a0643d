"""The ground: settings, database, types, errors. It knows nothing of accounts."""
