"""What only lesson 10 needs: pix2pix."""
