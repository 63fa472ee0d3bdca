"""The training loop and what it needs: settings, stages, checkpoints, averaged weights, seeding."""

from __future__ import annotations

from course_lib.lazy import face

__getattr__, __dir__, __all__ = face(
    __name__,
    {
        "authors": "load_authors_discriminator load_authors_generator save_authors_generator",
        "checkpoints": "read_checkpoint",
        "checks": "meta_step",
        "ema": "EMA",
        "loop": "fit",
        "settings": "Settings",
        "stages": "Stage",
        "seeding": "rng_untouched seed_everything",
        "weights": "load_weights save_weights weights_metadata",
    },
)
