"""The survey rules and their values: pure, standard library only, `now` is always passed in."""
