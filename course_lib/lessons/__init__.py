"""One room a lesson: its runs, its exercises, its widgets and figures, its "usual implementation".

A room ``lesson_NN`` holds what no other lesson needs. It may have ``runs.py`` with ``RUNS`` and a package ``exercises``
whose modules hold `Exercise` objects; both are found by ``course_lib.discovery`` and listed nowhere.
"""
