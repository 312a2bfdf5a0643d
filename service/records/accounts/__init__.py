"""What transactions share about accounts, people, stakeholders, references and the programme status."""
