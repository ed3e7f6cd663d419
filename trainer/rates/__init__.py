"""Learning rates: the ladder, short runs on it, the choice and its picture."""
