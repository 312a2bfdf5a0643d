"""REST paths of the feed of events and its consumers."""
