"""What the service tells others: the catalogue of events and the outbox."""
