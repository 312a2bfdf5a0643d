"""Long work, as rows: the runner, and the kinds of jobs it runs."""
