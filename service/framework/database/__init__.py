"""Two databases behind one interface: doors, compiled statements, column types, filters, pages, migrations."""
