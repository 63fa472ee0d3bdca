"""The training loop and what it needs: checkpoints, averaged weights, image pool, schedules, seeding."""

from __future__ import annotations

from course_lib.lazy import face

__getattr__, __dir__, __all__ = face(
    __name__,
    {
        "checkpoints": "read_checkpoint",
        "checks": "meta_step",
        "ema": "EMA",
        "loop": "fit",
        "schedules": "constant cosine linear_decay schedule warmup",
        "seeding": "rng_untouched seed_everything",
        "weights": "load_weights save_weights weights_metadata",
    },
)
