"""What only lesson 02 needs: what a GAN plays for."""
