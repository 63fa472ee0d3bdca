"""Networks and nothing else, one file a paper family."""
