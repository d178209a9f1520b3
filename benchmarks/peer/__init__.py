"""The same work done by other people's tools, each in an environment of its own; arrays go over as .npz files."""
