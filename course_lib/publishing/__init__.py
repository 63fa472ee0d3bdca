"""The maintainer's side: notebooks, slides and tables, all derived from ``notebooks/source``.

    settings   the one address, and the list of lessons
    stamp      the set-up cell and the links that every lesson gets
    derive     a source file to the learner's and the solution notebook
    execute    run them and tidy their outputs
    lessons    titles, syllabus points and exercises of a lesson, read from its notebooks
    readme     the table of lessons in README.md
    slides     decks from executed notebooks

Run ``python -m course_lib.publishing --help``. Needs the ``test`` or ``teach`` extra.
"""
