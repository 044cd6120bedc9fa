"""What answers over HTTP: intake, survey pages, health, the console."""
