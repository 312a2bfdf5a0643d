"""Rules of account plans, objectives and actions."""
