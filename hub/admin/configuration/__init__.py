"""What the hub is set to do: surveys, texts and connections, checked, planned and applied."""
