"""Real parts for tests: nodes, peers, databases, and series that no patient gave."""
