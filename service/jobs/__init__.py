"""Long work, as rows: the runner, and its kinds of jobs."""
