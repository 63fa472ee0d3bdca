"""The exercises of lesson 11: the losses of CycleGAN, its pool, and what they do and do not rule out."""

from course_lib.exercises.lesson_11.cycle_loss import CYCLE_LOSS
from course_lib.exercises.lesson_11.identity_loss import IDENTITY_LOSS
from course_lib.exercises.lesson_11.least_squares import LEAST_SQUARES
from course_lib.exercises.lesson_11.noise_test import NOISE_TEST
from course_lib.exercises.lesson_11.pool_query import POOL_QUERY
from course_lib.exercises.lesson_11.predicted_losses import PREDICTED_LOSSES

__all__ = ["CYCLE_LOSS", "IDENTITY_LOSS", "LEAST_SQUARES", "NOISE_TEST", "POOL_QUERY", "PREDICTED_LOSSES"]
