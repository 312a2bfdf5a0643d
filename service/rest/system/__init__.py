"""REST paths of jobs."""
