"""GraphQL: documents are validated, compiled to one SQL statement per root field, and answered."""
