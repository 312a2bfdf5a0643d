"""Code that knows no account and could be a package of its own: web, graph, database, outbound."""
