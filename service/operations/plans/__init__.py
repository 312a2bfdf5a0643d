"""Operations on account plans, objectives and actions."""
