"""The event classes by subject, and the feed that stores and numbers their rows."""
