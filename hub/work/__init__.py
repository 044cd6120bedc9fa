"""Workers and the schedule: RQ executes, SQL knows."""
