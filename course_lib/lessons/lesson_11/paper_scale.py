"""Lesson 11 on the paper's own data sets.

Source: Zhu et al. 2017, sections 4 and 7.1 and, for the identity loss, 5.2.
"""

from __future__ import annotations

from course_lib.runs.base import Run, RunSizes
from course_lib.runs.paper_scale import training_pictures
from course_lib.systems.cyclegan import CycleGAN, CycleGANConfig


def _unpaired(name: str, about: str, config: CycleGANConfig | None = None) -> Run:
    return Run(
        f"lesson_11/{name}",
        about,
        lambda: CycleGAN(config),
        lambda: training_pictures(name),
        RunSizes(smoke_epochs=1, cpu_epochs=10, gpu_epochs=200, batch_size=1),
        inference=("netG", "netF"),
        download=True,
    )


RUNS = (
    _unpaired("horse2zebra", "Horses and zebras, as in the paper."),
    _unpaired("monet2photo", "Monet and photographs, with the identity loss.", CycleGANConfig(identity=0.5)),
    _unpaired("apple2orange", "Apples and oranges, as in the paper."),
    _unpaired("summer2winter_yosemite", "Yosemite in summer and in winter, as in the paper."),
)
