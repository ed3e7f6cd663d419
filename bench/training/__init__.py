"""The trainer: its defaults beside TRL's, what it costs by itself, and whether what it trains is of use."""
