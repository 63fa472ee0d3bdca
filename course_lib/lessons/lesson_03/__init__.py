"""What only lesson 03 needs: what a latent space knows."""
