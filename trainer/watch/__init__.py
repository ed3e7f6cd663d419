"""What losses say: alerts while a run goes on and remarks afterwards. Pure, without torch."""
