"""The sets that come with the course, one file a set: reading, splits and names."""
