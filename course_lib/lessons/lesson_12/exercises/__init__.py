"""The exercises of lesson 12: what the perceptual losses compare, how they are scaled, and what a step moves."""

from course_lib.exercises.lesson_12.conditional_norm import CONDITIONAL_NORM
from course_lib.exercises.lesson_12.freeze_check import FREEZE_CHECK
from course_lib.exercises.lesson_12.gram import GRAM
from course_lib.exercises.lesson_12.losses import LOSSES
from course_lib.exercises.lesson_12.predicted_ratios import PREDICTED_RATIOS
from course_lib.exercises.lesson_12.tv_loss import TV_LOSS

__all__ = ["CONDITIONAL_NORM", "FREEZE_CHECK", "GRAM", "LOSSES", "PREDICTED_RATIOS", "TV_LOSS"]
