"""What the result of a call means: retry, success, a breaker, the state of the endpoint."""
