"""Looking before a survey is switched on: what its events are like, and what would have happened."""
