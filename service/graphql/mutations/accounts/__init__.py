"""Mutations of accounts, people, stakeholders, references and the programme status."""
