"""Something is killed while mail flows, and every message is counted."""
