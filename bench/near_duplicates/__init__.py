"""Near duplicates: how good the removal is against brute force, and what it costs beside the floor and peers."""
