"""One call to an endpoint: body, signature, credentials, transport."""
