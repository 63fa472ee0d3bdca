"""The exercises of lesson 00: pixels as networks see them, and splits that do not leak."""
