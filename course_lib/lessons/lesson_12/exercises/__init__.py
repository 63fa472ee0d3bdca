"""The exercises of lesson 12: what the perceptual losses compare, how they are scaled, and what a step moves."""
