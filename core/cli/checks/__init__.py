"""What `doctor` looks at, a file for each kind of thing. Nothing here writes anything."""
