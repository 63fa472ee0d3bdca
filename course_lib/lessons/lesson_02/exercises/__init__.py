"""The exercises of lesson 02: what the best discriminator knows, and what its game does to the generator."""
