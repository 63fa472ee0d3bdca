"""The long trainings behind the bundled checkpoints: what was trained, on what, for how long, with which command.

course train lesson_01/mae --seed 0        trains it again
runs.load("lesson_01/mae", seed=0)         gives the bundled result, ready to use
runs.figures("lesson_01/mae", seed=0)      measures it on held-out data
runs.by_seed("lesson_10/outline_both")     gives the figures of all its seeds, for a mean and its spread

runs.system_of("runs/lesson_10/flat/seed0") gives one's own, and runs.start_from(...) what goes on from either;
runs.translate_folder(system, "mine", "out") and runs.sample_folder(system, 16, "out") write pictures.
"""

# No function here has the name of a module beside this file: importing the module would put it in that place.
from course_lib.listing import checkpoint_name
from course_lib.runs.base import Run, RunSizes
from course_lib.runs.own_pictures import sample_folder, translate_folder
from course_lib.runs.own_weights import start_from, system_of
from course_lib.runs.registry import names, run, seeds
from course_lib.runs.spread import by_seed
from course_lib.runs.trained import figures, folder_of, load, publish, train

__all__ = [
    "Run",
    "RunSizes",
    "by_seed",
    "checkpoint_name",
    "figures",
    "folder_of",
    "load",
    "names",
    "publish",
    "run",
    "sample_folder",
    "seeds",
    "start_from",
    "system_of",
    "train",
    "translate_folder",
]
