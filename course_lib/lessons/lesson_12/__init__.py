"""What only lesson 12 needs: perceptual losses."""
