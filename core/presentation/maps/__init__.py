"""Maps of features for the pages' component: ranges, islands of classes, scenes, sheets of images; an idea a file."""
