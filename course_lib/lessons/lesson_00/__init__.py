"""What only lesson 00 needs: the start: the machine, and what there is to learn from."""
