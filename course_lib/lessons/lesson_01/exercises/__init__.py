"""The exercises of lesson 01: why regression blurs, and what an adversary changes."""
