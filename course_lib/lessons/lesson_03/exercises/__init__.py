"""The exercises of lesson 03: the variational autoencoder and its bound."""
