"""Running a hub: its health, its processes and jobs, its channels, backups."""
