"""A network small enough to train in a test, on two shots that glide; also a program, to be killed or run twice:

python made_training.py OUT BATCH PROCESSES
"""

import sys
from dataclasses import replace
from pathlib import Path

import torch

from stvsr.data.footage import Shot
from stvsr.data.memory import ShotSource
from stvsr.data.sampler import Cadence
from stvsr.data.source import Origin
from stvsr.networks import NETWORKS, Network
from stvsr.networks.unison import Unison, UnisonConfig
from stvsr.ops.resize import resize
from stvsr.training.loop import train
from stvsr.training.recipe import Optimiser, Recipe

SIZE = UnisonConfig(width=8, encoder_blocks=1, backward_blocks=1, forward_blocks=1, flow_width=8)
RECIPE = Recipe(
    network="tiny",
    scale=4,
    steps=6,
    batch=2,
    crop=16,
    precision="32-true",
    cadences=(Cadence(keys=3, factor=2, probability=1.0),),
    optimiser=Optimiser(warmup=2),
    held_out=("held",),
)


def made_source(most: int = 2) -> ShotSource:
    """Twelve frames each, "kept" and "held"."""
    torch.manual_seed(0)
    large = resize(torch.rand(1, 3, 40, 80), 4).clamp(0, 1).mul(255).byte()
    frames = torch.cat([large[..., 16:144, 100 - 4 * i : 228 - 4 * i] for i in range(12)])
    origins = [Origin("somebody", "CC BY 4.0", film="kept"), Origin("nobody", "CC0", film="held")]
    return ShotSource(
        clips=[Shot(name=origin.film, frames=frames, share=1.0, origin=origin) for origin in origins[:most]]
    )


def tiny(scale: int, **config: int) -> Network:
    return Unison(replace(SIZE, scale=scale, **config))


if __name__ == "__main__":
    out, batch, processes = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(1)
    NETWORKS["tiny"] = tiny  # pyright: ignore[reportArgumentType]
    train(
        replace(RECIPE, batch=batch, steps=30),
        made_source(),
        out,
        processes=processes,
        log_every=1,
        checkpoint_minutes=0.3 / 60,
        validate=lambda _network, _clips: print("looked", flush=True) or {},
        validate_every=6,
        report=lambda line: print(line, flush=True),
    )
