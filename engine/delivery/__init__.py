"""How a unit commits: staging, intent, publish, books, rejects."""
