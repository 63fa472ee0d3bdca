"""The exercises of lesson 11: the losses of CycleGAN, its pool, and what they do and do not rule out."""
