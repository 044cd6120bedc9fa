"""What answers over HTTP: intake, survey pages, health, the status page."""
