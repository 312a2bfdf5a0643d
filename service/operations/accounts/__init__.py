"""Operations on accounts, people, stakeholders, references and the programme status."""
