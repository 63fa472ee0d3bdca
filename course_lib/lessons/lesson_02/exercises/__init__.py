"""The exercises of lesson 02: what the best discriminator knows, and what its game does to the generator."""

from course_lib.exercises.lesson_02.best_discriminator import BEST_DISCRIMINATOR
from course_lib.exercises.lesson_02.generator_loss import GENERATOR_LOSS
from course_lib.exercises.lesson_02.modes_covered import MODES_COVERED
from course_lib.exercises.lesson_02.predicted_radius import PREDICTED_RADIUS
from course_lib.exercises.lesson_02.value_and_jsd import VALUE_AND_JSD

__all__ = ["BEST_DISCRIMINATOR", "GENERATOR_LOSS", "MODES_COVERED", "PREDICTED_RADIUS", "VALUE_AND_JSD"]
