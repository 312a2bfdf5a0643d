"""The same operations as REST, as a graph: Strawberry writes the schema, operations are compiled to plans, one SQL
statement per root field.
"""
