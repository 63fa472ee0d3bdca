"""The exercises of lesson 10: the losses and the step of pix2pix, what D sees, and what each term gives."""

from course_lib.exercises.lesson_10.draw_diversity import DRAW_DIVERSITY
from course_lib.exercises.lesson_10.patch_side import PATCH_SIDE
from course_lib.exercises.lesson_10.pix2pix_losses import PIX2PIX_LOSSES
from course_lib.exercises.lesson_10.predicted_ablation import PREDICTED_ABLATION
from course_lib.exercises.lesson_10.predicted_order import PREDICTED_ORDER
from course_lib.exercises.lesson_10.training_step import TRAINING_STEP

__all__ = [
    "DRAW_DIVERSITY",
    "PATCH_SIDE",
    "PIX2PIX_LOSSES",
    "PREDICTED_ABLATION",
    "PREDICTED_ORDER",
    "TRAINING_STEP",
]
