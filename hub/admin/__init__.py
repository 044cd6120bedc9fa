"""What people do to a hub, each once: console, API, command line and TOML call the same functions."""
