"""What defences compute with: the training set, its verdict, and what several defences share."""
