"""Services that are told how a run goes, each behind one small protocol."""
