"""Tables and shapes of jobs."""
