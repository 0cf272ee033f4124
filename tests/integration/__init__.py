"""Real Postfix, Redis and posthub daemons in the lab, one behaviour a test."""
