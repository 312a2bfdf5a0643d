"""Reads that operations, REST and GraphQL, documents and exports share. Visibility is decided here and nowhere else."""
