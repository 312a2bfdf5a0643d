"""Documents about one row, as fields of the graph."""
