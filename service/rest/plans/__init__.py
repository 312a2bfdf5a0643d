"""REST paths of account plans, objectives and actions."""
