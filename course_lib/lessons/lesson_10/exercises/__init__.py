"""The exercises of lesson 10: the losses and the step of pix2pix, what D sees, and what each term gives."""
