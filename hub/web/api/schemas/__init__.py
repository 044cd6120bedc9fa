"""What goes over the wire: one schema for each noun, and its filters."""
