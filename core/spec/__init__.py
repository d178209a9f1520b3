"""What can be asked for: experiments and the events of their runs. Free of torch; knows no attack by name."""
