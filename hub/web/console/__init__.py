"""The console: everything an operator sees and changes, in a browser."""
