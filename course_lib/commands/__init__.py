"""The commands of ``course``: each file holds what a command is asked and what it does.

Imports of torch are inside the functions, so that `course --help` and a misspelt name are answered at once. A function
returns the exit status: 0 done, 1 a check failed, 2 a mistake of the user, 128 and the signal's number if stopped.
"""
