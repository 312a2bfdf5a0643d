"""The results of calls: the next attempt, the state of the delivery, the breaker of the endpoint."""
