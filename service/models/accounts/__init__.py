"""Tables and shapes of accounts, people, stakeholders, references and the programme status."""
