"""Figures of merit on held-out data; all but those of modes take float pictures (N, 3, H, W) in [-1, 1].

Pixel by pixel: ``l1``, ``mse``, ``psnr``, ``ssim``. Set against set: ``vgg_kid``, ``vgg_fid``,
``histogram_intersection``, ``spectrum_ratio``. Of the pictures alone: ``sharpness``, ``colourfulness``, ``diversity``,
``colour_histograms``, ``radial_spectrum``. Several at once: ``evaluate_images``. Of a translation:
``distinct_outputs``, ``input_dependence``. Against known answers: ``nearest_answer``. Of points against the modes of a
mixture: ``mode_figures``, ``reverse_kl_of_modes``. Of rows, pictures or features, against others: ``nearest_rows``,
``memorisation``, ``rank_of_truth``. Of a codebook: ``use_of_codes``. How sure a mean is:
``standard_error``. Each is imported on first use.
"""

from __future__ import annotations

from course_lib.lazy import face

__getattr__, __dir__, __all__ = face(
    __name__,
    {
        "answers": "nearest_answer",
        "appearance": "colourfulness diversity high_frequency_share sharpness",
        "bounds": "active_units aggregate_draws aggregate_figures elbo_figures importance_bound kl_of_latents",
        "codes": "use_of_codes",
        "collapse": "distinct_outputs input_dependence",
        "colour": "colour_bins colour_histograms histogram_intersection not_white srgb_to_lab",
        "errors": "standard_error",
        "evaluate": "evaluate_images",
        "mmd": "unbiased_mmd",
        "modes": "mode_figures reverse_kl_of_modes",
        "neighbours": "memorisation nearest_rows rank_of_truth",
        "pixel": "l1 mse psnr ssim",
        "spectrum": "radial_spectrum spectrum_ratio",
        "vgg_distance": "PooledVGG vgg_fid vgg_kid VGGFID VGGKID",
    },
)
