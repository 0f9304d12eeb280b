"""What is taken from a machine to look at it elsewhere, without what is nobody's business, and played again there."""
