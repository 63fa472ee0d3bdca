"""One file a system: which networks, which losses, which optimisers, and one training step."""
