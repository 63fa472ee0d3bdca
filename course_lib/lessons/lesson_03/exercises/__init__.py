"""The exercises of lesson 03: the variational autoencoder and its bound."""

from course_lib.exercises.lesson_03.attribute_direction import ATTRIBUTE_DIRECTION
from course_lib.exercises.lesson_03.beta_of_means import BETA_OF_MEANS
from course_lib.exercises.lesson_03.draw_latent import DRAW_LATENT
from course_lib.exercises.lesson_03.gap_of_bound import GAP_OF_BOUND
from course_lib.exercises.lesson_03.importance_bound import IMPORTANCE_BOUND
from course_lib.exercises.lesson_03.kl_to_prior import KL_TO_PRIOR

__all__ = [
    "ATTRIBUTE_DIRECTION",
    "BETA_OF_MEANS",
    "DRAW_LATENT",
    "GAP_OF_BOUND",
    "IMPORTANCE_BOUND",
    "KL_TO_PRIOR",
]
