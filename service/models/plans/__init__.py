"""Tables and shapes of account plans, objectives and actions."""
