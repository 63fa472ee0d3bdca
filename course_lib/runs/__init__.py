"""The long trainings behind the bundled checkpoints: what was trained, on what, for how long, with which command.

course train lesson_01/mae --seed 0        trains it again
runs.load("lesson_01/mae", seed=0)         gives the bundled result, ready to use
"""

from course_lib.runs.base import Run, RunSizes, checkpoint_name, evaluate, load, names, publish, run, train

__all__ = ["Run", "RunSizes", "checkpoint_name", "evaluate", "load", "names", "publish", "run", "train"]
