"""Writing jobs inside a transaction."""
