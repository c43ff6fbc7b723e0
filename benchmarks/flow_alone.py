"""A Unison's flow, trained alone.

    python benchmarks/flow_alone.py INITIAL OUT --cache FOLDER [--steps 6000] [--core 0]

INITIAL: a weight file of a Unison, of which only the flow changes; where that has other widths than the network has
today, it begins anew. OUT: the file that training goes on from (``campaign.py --initial``).

The flow costs little beside the rest, so that a step has room for larger crops than the whole network's, which show
only slow motion; the largest are whole pictures. It learns from input frames alone what the classical flow found in the
large ones. How far it is from that on held-out shots is printed before and after.
"""

import argparse
import os
import random
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path

import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from pretraining import prepared
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from stvsr.data.degrade import from_bytes, shrink, to_bytes
from stvsr.data.flow import flows_between
from stvsr.networks import NETWORKS
from stvsr.networks.unison import FlowPyramid, Unison
from stvsr.training.publish import built_as
from stvsr.training.recipe import Optimiser
from stvsr.weights.files import Weights, load_weights, save_weights

CROPS = {(40, 80): 16, (56, 80): 12, (64, 104): 8, (88, 160): 4, (120, 208): 2}
"""Rows and columns of the input, and how many pairs of frames a step has of them."""
LEARNING = Optimiser(lr=1.2e-3, warmup=200, clip=1.0, ema=0.998)
STILL = 0.15
"""Input pixels. Of pairs that move less than this, seven in ten are passed over."""
MOST = 4.0
"""Input pixels. Where the flow is further off than this it does not pull: there, mostly, the classical one is wrong."""


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("initial", type=Path)
    asked.add_argument("out", type=Path)
    asked.add_argument("--cache", type=Path, required=True, help="folder for the prepared footage")
    asked.add_argument("--steps", type=int, default=6_000, help="each about a quarter of a second")
    asked.add_argument("--core", type=int, default=0, help="the core to stay on")
    asked.add_argument("--seed", type=int, default=0)
    given = asked.parse_args()
    os.sched_setaffinity(0, {given.core})
    torch.set_num_threads(1)
    torch.manual_seed(given.seed)

    held = load_weights(given.initial)
    config = {name: value for name, value in held.config.items() if not name.startswith("flow_")}
    network = NETWORKS[held.network](scale=held.scale, **config)
    assert isinstance(network, Unison)
    fresh, old = flow_of(network.state_dict()), flow_of(held.tensors)
    fits = {name: tensor.shape for name, tensor in fresh.items()} == {
        name: tensor.shape for name, tensor in old.items()
    }
    rest = {name: tensor for name, tensor in held.tensors.items() if name not in old}
    network.load_state_dict(rest | (old if fits else fresh))

    source, held_out = prepared(given.cache)
    unseen = [pair for shot in held_out for pair in seen_in(shot.frames)]
    print(f"{error(network.flow, unseen):.4f} input pixels from the classical flow", flush=True)
    pairs = Pairs([small(shot.frames) for shot in source.clips], source.flows, random.Random(given.seed))
    network.flow = trained(network.flow, pairs, given.steps)
    print(f"{error(network.flow, unseen):.4f} input pixels from the classical flow")
    tensors = dict(network.state_dict())
    built = built_as(network)
    save_weights(given.out, Weights(network=held.network, scale=held.scale, config=built, tensors=tensors))


def flow_of(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The flow's part of a network's weights."""
    return {name: tensor for name, tensor in tensors.items() if name.startswith("flow.")}


def small(frames: UInt8[Tensor, "t c H W"]) -> UInt8[Tensor, "t c h w"]:
    """A shot as input, eight frames at a time."""
    height, width = (side // 4 * 4 for side in frames.shape[-2:])
    return torch.cat([to_bytes(shrink(from_bytes(part[..., :height, :width]), 4)) for part in frames.split(8)])


class Pairs:
    """Pairs of input frames with the flow forth and back, at random."""

    def __init__(
        self,
        shots: Sequence[UInt8[Tensor, "t c h w"]],
        flows: dict[tuple[int, int], Float[Tensor, "t2 way 2 h w"]],
        random: random.Random,
    ) -> None:
        self.shots, self.flows, self.random = shots, flows, random
        self.choices = [(number, apart) for number, apart in flows if len(shots[number]) > apart]
        self.weights = [shots[number].numel() * (1.0 if apart == 2 else 0.4) for number, apart in self.choices]

    def batch(self) -> tuple[Float[Tensor, "b 2 c h w"], Float[Tensor, "b way 2 h w"]]:
        size, count = self.random.choice(list(CROPS.items()))
        drawn = [self.draw(*size) for _ in range(count)]
        clips, flows = (torch.stack(parts) for parts in zip(*drawn, strict=True))
        if self.random.random() < 0.5:  # a quarter turn and a mirror
            return clips.transpose(-1, -2), flows.transpose(-1, -2).flip(2)
        return clips, flows

    def draw(self, height: int, width: int) -> tuple[Float[Tensor, "2 c h w"], Float[Tensor, "way 2 h w"]]:
        """One pair, flipped by chance in either direction and in time."""
        while True:
            number, apart = self.random.choices(self.choices, self.weights)[0]
            shot = self.shots[number]
            if shot.shape[-2] < height or shot.shape[-1] < width:
                continue
            first = self.random.randrange(len(shot) - apart)
            top, left = (
                self.random.randrange(whole - side + 1)
                for whole, side in zip(shot.shape[-2:], (height, width), strict=True)
            )
            place = (..., slice(top, top + height), slice(left, left + width))
            flow = self.flows[number, apart][first][place].float() / 4
            if flow.abs().amax(1).median() > STILL or self.random.random() > 0.7:
                break
        clip = from_bytes(shot[[first, first + apart]][place])
        for axis in (-1, -2):
            if self.random.random() < 0.5:
                clip, flow = clip.flip(axis), flow.flip(axis)
                flow[:, -1 - axis] *= -1
        return (clip.flip(0), flow.flip(0)) if self.random.random() < 0.5 else (clip, flow)


def trained(flow: FlowPyramid, pairs: Pairs, steps: int) -> FlowPyramid:
    """Averaged over the last steps."""
    average, follow = deepcopy(flow), get_ema_multi_avg_fn(LEARNING.ema)
    adam = torch.optim.Adam(flow.parameters(), betas=(LEARNING.beta1, LEARNING.beta2))
    for step in range(steps):
        for group in adam.param_groups:
            group["lr"] = LEARNING.rate(step, steps)
        clip, true = pairs.batch()
        with torch.autocast("cpu", torch.bfloat16):
            forth, back = flow(clip)
        found = rearrange([forth, back], "way b 1 xy h w -> b way xy h w")
        loss = (found - true).square().sum(2).add(1e-4).sqrt().clamp(max=MOST).mean()
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(flow.parameters(), LEARNING.clip)
        adam.step()
        follow(list(average.parameters()), list(flow.parameters()), None)
        if step % 500 == 499:
            print(f"step {step + 1} of {steps}, loss {loss.item():.3f}", flush=True)
    return average


def seen_in(frames: UInt8[Tensor, "t c H W"]) -> list[tuple[Float[Tensor, "1 2 c h w"], Float[Tensor, "way 2 h w"]]]:
    """Pairs of a held-out shot, eight frames between one and the next, each with its classical flow."""
    height, width = (side // 32 * 32 for side in frames.shape[-2:])  # the network wants the input in eights
    frames = frames[..., :height, :width]
    pairs = [frames[[first, first + 2]] for first in range(0, len(frames) - 2, 8)]
    return [(from_bytes(small(pair))[None], flows_between(pair)[0] / 4) for pair in pairs]


@torch.no_grad()
def error(flow: FlowPyramid, pairs: Sequence[tuple[Tensor, Tensor]]) -> float:
    """Mean over pairs of the median distance of two flows."""
    medians = [(torch.stack(flow(clip)).squeeze(1, 2) - true).square().sum(1).sqrt().median() for clip, true in pairs]
    return torch.stack(medians).mean().item()


if __name__ == "__main__":
    main()
