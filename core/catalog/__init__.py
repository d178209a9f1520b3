"""One look-up over everything that can be chosen by name, and which combinations make sense."""
