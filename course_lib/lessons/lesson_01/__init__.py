"""What only lesson 01 needs: why regression blurs."""
