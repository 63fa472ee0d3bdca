"""The exercises of lesson 01: why regression blurs, and what an adversary changes."""

from course_lib.exercises.lesson_01.best_constant import BEST_CONSTANT
from course_lib.exercises.lesson_01.discriminator_loss import DISCRIMINATOR_LOSS
from course_lib.exercises.lesson_01.fine_detail import FINE_DETAIL
from course_lib.exercises.lesson_01.nearest_answer import NEAREST_ANSWER
from course_lib.exercises.lesson_01.predicted import PREDICTED
from course_lib.exercises.lesson_01.squared_error import SQUARED_ERROR

__all__ = ["BEST_CONSTANT", "DISCRIMINATOR_LOSS", "FINE_DETAIL", "NEAREST_ANSWER", "PREDICTED", "SQUARED_ERROR"]
