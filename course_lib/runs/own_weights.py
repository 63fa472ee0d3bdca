"""Trained systems from wherever their weights lie: bundled, in a checkpoint of one's own, or in the authors' file.

runs.system_of("lesson_10/flat")                   what is bundled
runs.system_of("runs/lesson_10/flat/seed0")        the newest checkpoint of one's own training
runs.system_of("latest_net_G.pth")                 what the authors' code of pix2pix and CycleGAN saved
runs.start_from("lesson_10/flat", lr=1e-4)         a system with those weights, to be trained on other pictures
"""

from __future__ import annotations

import copy
import dataclasses
import os
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from course_lib.errors import DataError, TrainingError
from course_lib.paths import sha256_of
from course_lib.runs.registry import names, run
from course_lib.runs.trained import load
from course_lib.systems.base import System
from course_lib.training import load_authors_generator, read_checkpoint, rng_untouched, seed_everything
from course_lib.words import suggest

CONFIG = "config."


def is_run(name: str) -> bool:
    """Return whether a run has this name."""
    return name in names()


def system_of(source: str | os.PathLike[str], seed: int = 0, *, system: System | None = None) -> System:
    """Return a trained system, in eval mode, on the CPU.

    Args:
        source: the name of a bundled run; or the folder of a training's checkpoints, such as
            ``"runs/lesson_10/flat/seed0"`` (of which the averaged weights count, where some were kept); or a generator
            that the authors' code of pix2pix and CycleGAN saved, such as ``"latest_net_G.pth"``.
        seed: of a bundled run; of a folder with the checkpoints of several.
        system: built like the one that was trained: needed of a checkpoint of a class of one's own.

    Raises:
        DataError: if there is neither a run of that name nor such a file, or the seed is not bundled.
        TrainingError: if the checkpoint does not fit the system, or nobody knows how to build that.
    """
    place = Path(source)
    if is_run(str(source)):
        return load(str(source), seed)
    if place.is_dir():
        return _from_checkpoint(place, seed, system)
    if place.suffix == ".pth" and place.is_file():
        return _from_authors(place)
    if place.exists():
        raise DataError(f"{place} holds no weights that can be read here: give a checkpoint folder or a .pth file.")
    hint = suggest(source, names())
    raise DataError(f"There is neither a run nor a folder called {str(source)!r}{hint}: `course evaluate` lists runs.")


def label_of(source: str | os.PathLike[str], system: System, seed: int) -> str:
    """Return what weights are, so that another time the same text means the same weights."""
    if is_run(str(source)):
        return f"{source}, seed {seed}"
    if Path(source).is_file():
        return f"{Path(source).name}, sha256 {sha256_of(Path(source))[:16]}"
    return f"{Path(source).name} after {system.step} steps, weights {weights_mark(system)}"


def weights_mark(system: System) -> str:
    """Return the beginning of a sha256 of the weights that inference uses."""
    from course_lib.runs.encoded import weights_digest

    return weights_digest(system)[:16]


def _from_authors(path: Path) -> System:
    from course_lib.systems.cyclegan import CycleGAN
    from course_lib.systems.modes import has_batch_norm
    from course_lib.systems.pix2pix import Pix2Pix

    network = load_authors_generator(path)
    with rng_untouched():
        system: System = Pix2Pix(netG=network) if has_batch_norm(network) else CycleGAN(netG=network)
    return system.eval()


def _from_checkpoint(folder: Path, seed: int, system: System | None) -> System:
    """Return the system of the newest whole checkpoint, with its averages."""
    deeper = folder / f"seed{seed}"
    if not any(folder.glob("step-*")) and deeper.is_dir():
        folder = deeper
    state = read_checkpoint(folder)
    with rng_untouched():
        system = _built(folder, state["settings"]) if system is None else system
    try:
        with rng_untouched():
            system.at_stage(state["position"]["stage"])
        system.load_state_dict(state["system"])
        system.averages = {}
        for name, average in state["averages"].items():
            system.averages[name] = copy.deepcopy(getattr(system, name))
            system.averages[name].load_state_dict(average)
    except (RuntimeError, AttributeError) as error:
        fault = " ".join(str(error).split())[:200]
        raise TrainingError(
            f"The checkpoint in {folder} does not fit the system ({fault}): build the system as it was trained, and "
            "call runs.system_of(folder, system=...)."
        ) from error
    system.step = state["position"]["step"]
    return system.eval()


def _built(folder: Path, settings: dict[str, Any]) -> System:
    """Return the untrained system of a checkpoint: that of the run which its folder is named after, or of its class."""
    config = {key.removeprefix(CONFIG): value for key, value in settings.items() if key.startswith(CONFIG)}
    name = "/".join(folder.resolve().parts[-3:-1])
    if is_run(name):
        system = run(name).system()
        if type(system).__name__ == settings["system"] and _plain(system.config) == config:
            return system
    known = _classes()
    if settings["system"] not in known:
        raise TrainingError(
            f"The checkpoint in {folder} is of {settings['system']}, which is not one of the course's systems: build "
            "it, and call runs.system_of(folder, system=...)."
        )
    kind, settings_of = known[settings["system"]]
    fields = {field.name for field in dataclasses.fields(settings_of)}
    return kind(settings_of(**{key: _tuples(value) for key, value in config.items() if key in fields}))


def _classes() -> dict[str, tuple[Any, Any]]:
    """Return the systems that a checkpoint may be of, by name, with the classes of their settings."""
    from course_lib.systems.cyclegan import CycleGAN, CycleGANConfig
    from course_lib.systems.gan import GAN, GANConfig
    from course_lib.systems.pix2pix import Pix2Pix, Pix2PixConfig
    from course_lib.systems.regression import Regression, RegressionConfig
    from course_lib.systems.style_transfer import StyleTransfer, StyleTransferConfig
    from course_lib.systems.vae import VAE, VAEConfig

    pairs = (
        (CycleGAN, CycleGANConfig),
        (GAN, GANConfig),
        (Pix2Pix, Pix2PixConfig),
        (Regression, RegressionConfig),
        (StyleTransfer, StyleTransferConfig),
        (VAE, VAEConfig),
    )
    return {kind.__name__: (kind, config) for kind, config in pairs}


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _plain(config: Any) -> dict[str, Any]:
    def lists(value: Any) -> Any:
        return [lists(each) for each in value] if isinstance(value, (list, tuple)) else value

    return {key: lists(value) for key, value in dataclasses.asdict(config).items()}


def start_from(
    source: str | os.PathLike[str], seed: int = 0, *, system: System | None = None, quiet: bool = False, **changes: Any
) -> System:
    """Return a system that begins with trained weights, ready for ``fit`` on other data, at another size or rate.

    Every network whose weights are there is taken over, by its averaged weights where some were kept. All else is new:
    networks of which no weights are bundled (often D) are drawn from ``seed``, and optimisers, rates and the count of
    steps begin anew. What was taken over and what is new is printed.

    Args:
        source: as ``system_of`` takes it.
        seed: as there, and of networks that are drawn anew.
        system: as there.
        quiet: print nothing.
        **changes: of the system's config, for example ``lr=1e-4``. What changes the shape of a discriminator gives a
            new one.

    Raises:
        DataError: as ``system_of``.
        TrainingError: as there; or if a setting is unknown, or changes the shape of a network that makes pictures.
    """
    trained = system_of(source, seed, system=system)
    kind = type(trained).__name__
    if trained.stage:
        raise TrainingError(
            f"{kind} has grown to stage {trained.stage}, and training begins at stage 0: build it anew."
        )
    networks = [name for name, child in trained.named_children() if any(True for _ in child.parameters())]
    known = run(str(source)).inference if is_run(str(source)) else tuple(networks)
    if Path(source).suffix == ".pth":
        known = ("netG",)
    ready = _changed(trained, known, seed, changes)
    averaged = [name for name in known if name in trained.averages]
    taken, new = [], [name for name in networks if name not in known]
    for name in known:
        state = trained.averaged(name).state_dict()
        fault = _misfit(getattr(ready, name), state)
        if fault and name.startswith("netD"):
            new.append(name)
            continue
        if fault:
            raise TrainingError(
                f"{', '.join(f'{key}={value!r}' for key, value in changes.items())} gives {name} other weights than "
                f"those of {source} ({fault}): leave out what changes its shape, or train from the start."
            )
        getattr(ready, name).load_state_dict(state)
        taken.append(name)
    ready.averages = {}
    ready.origin = weights_mark(ready)
    if not quiet:
        print(_told(source, seed, trained, taken, averaged, new, changes))
    return ready.train()


def _changed(trained: System, known: tuple[str, ...], seed: int, changes: dict[str, Any]) -> System:
    """Return a system of the changed settings, with new weights where the class can build it from them alone."""
    fields = [field.name for field in dataclasses.fields(trained.config)]
    for key in changes:
        if key not in fields:
            raise TrainingError(
                f"{type(trained).__name__} has no setting {key!r}{suggest(key, fields)}: choose some of "
                f"{', '.join(fields)}."
            )
    config = dataclasses.replace(trained.config, **changes)
    kind: Any = type(trained)
    with rng_untouched():
        seed_everything(seed)
        alike = kind(trained.config)
        if all(_misfit(getattr(alike, name), getattr(trained, name).state_dict()) is None for name in known):
            seed_everything(seed)
            return kind(config)
        ready = copy.deepcopy(trained)  # built around a network of another kind, which the settings do not tell
        for name, child in alike.named_children():
            if name not in known:
                setattr(ready, name, child)
    ready.config = config
    ready.step = ready.total_steps = 0
    ready._optimizers = None
    return ready


def _misfit(network: nn.Module, state: dict[str, Tensor]) -> str | None:
    """Return where weights do not fit a network, or None."""
    own = network.state_dict()
    for name in {**state, **own}:
        if name not in own or name not in state:
            return f"{name} is {'missing' if name not in state else 'not in the network'}"
        if own[name].shape != state[name].shape:
            return f"{name} has the shape {tuple(state[name].shape)} there and {tuple(own[name].shape)} here"
    return None


def _told(
    source: Any,
    seed: int,
    trained: System,
    taken: list[str],
    averaged: list[str],
    new: list[str],
    changes: dict[str, Any],
) -> str:
    whose = f"{source}, seed {seed}" if is_run(str(source)) else f"{source}"
    means = f" (averaged: {', '.join(averaged)})" if averaged else ""
    lines = [f"Taken over from {whose}: the weights of {', '.join(taken)}{means}."]
    drawn = f"{', '.join(new)} drawn anew from seed {seed}, " if new else ""
    given = [f"{key} {value!r} instead of {getattr(trained.config, key)!r}" for key, value in changes.items()]
    lines.append(f"New: {drawn}optimisers, schedules and the count of steps{'; ' if given else ''}{', '.join(given)}.")
    return "\n".join(lines)
