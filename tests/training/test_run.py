"""From a recipe's name to a weight file that loads, and a card that says where it comes from."""

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
import torch

import stvsr.training.loop as loop
from stvsr.errors import SettingsError, WeightsError
from stvsr.training.perceptual import Perceptual
from stvsr.training.recipe import Cosine, Optimiser, Recipe
from stvsr.training.recipes import RECIPES, stages_of
from stvsr.training.run import rehearse_recipe, run_recipe
from stvsr.training.step import learning_parts
from stvsr.weights.catalog import load_network
from stvsr.weights.files import Weights, load_weights, save_weights
from stvsr.weights.own import import_weights


def test_a_run_ends_with_weights_that_load_and_a_card_with_the_licences(tiny_recipe: Recipe, tmp_path: Path):
    file = run_recipe("tiny", tmp_path, tmp_path / "run", settings=["steps=3"], report=str)
    held = load_weights(file)
    trained = torch.load(tmp_path / "run" / "checkpoint" / "network.pt", weights_only=True)["average"]
    assert (held.network, held.scale, held.card["steps"]) == (tiny_recipe.network, 4, "3")
    assert all(torch.allclose(held.tensors[name], trained[name], atol=1e-3) for name in trained)
    card = file.with_suffix(".md").read_text()
    assert "| somebody | CC BY 4.0 | 1 |" in card
    assert "nobody" not in card  # held out, so never trained on
    assert "| never seen in training | held |" in card
    assert "| teacher of the flow | classical (DIS) |" in card


def test_a_file_fits_whatever_the_builders_defaults_become(tiny_recipe: Recipe, tmp_path: Path):
    held = load_weights(run_recipe("tiny", tmp_path, tmp_path / "run", settings=["steps=1"], report=str))
    assert tiny_recipe.config == {}
    loop.NETWORKS["unison-s"](scale=4, **held.config).load_state_dict(held.tensors)  # by its defaults, far larger


def test_a_runs_folder_can_be_imported_as_it_is(tiny_recipe: Recipe, tmp_path: Path):
    run_recipe("tiny", tmp_path, tmp_path / "run", settings=["steps=2"], report=str)
    import_weights(tmp_path / "run")
    trained = torch.load(tmp_path / "run" / "checkpoint" / "network.pt", weights_only=True)["average"]
    loaded = load_network(tiny_recipe.network).state_dict()
    assert all(torch.equal(loaded[name], trained[name]) for name in trained)


def test_a_run_can_start_from_a_weight_file(tiny_recipe: Recipe, tmp_path: Path):
    first = run_recipe("tiny", tmp_path, tmp_path / "first", report=str)
    still = ["steps=1", "optimiser.lr=0", "optimiser.decay.lr_end=0"]
    second = run_recipe("tiny", tmp_path, tmp_path / "second", settings=still, initial=first, report=str)
    before, after = load_weights(first), load_weights(second)
    assert all(torch.equal(before.tensors[name], after.tensors[name]) for name in before.tensors)
    assert "started from tiny-x4.safetensors" in after.card["history"]
    assert tiny_recipe.network == after.network


@pytest.mark.usefixtures("tiny_recipe")
def test_a_run_is_repeated_by_the_weight_file_that_it_made(tmp_path: Path):
    """The same batches in the same order, from the same start: the same weights, bit for bit."""
    settings = ["steps=3", "seed=7", "optimiser.decay.lr_end=1e-4", "losses.epsilon=0.02"]
    start = run_recipe("tiny", tmp_path, tmp_path / "start", settings=["steps=1"], report=str)
    first = run_recipe("tiny", tmp_path, tmp_path / "first", settings=settings, initial=start, report=str)
    again = run_recipe(str(first), tmp_path, tmp_path / "again", initial=start, report=str)
    assert load_weights(again).card["recipe"] == load_weights(first).card["recipe"]
    assert sha256(start.read_bytes()).hexdigest() in load_weights(first).card["history"]
    before, after = load_weights(first).tensors, load_weights(again).tensors
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.usefixtures("tiny_recipe")
def test_a_file_from_before_a_setting_existed_is_repeated_as_it_was_made(tmp_path: Path):
    held = load_weights(run_recipe("tiny", tmp_path, tmp_path / "run", settings=["steps=1", "seed=7"], report=str))
    (made,) = stages_of(str(written_with(held, held.card["recipe"], tmp_path)))
    assert (made.seed, made.optimiser.decay) == (7, Cosine())
    recipe = json.loads(held.card["recipe"])
    del recipe["optimiser"]["decay"]["hold"]
    assert stages_of(str(written_with(held, json.dumps(recipe), tmp_path))) == [made]
    recipe["optimiser"]["decay"]["unheard_of"] = 1
    with pytest.raises(WeightsError, match="no recipe that this stvsr could repeat"):
        stages_of(str(written_with(held, json.dumps(recipe), tmp_path)))


def written_with(held: Weights, recipe: str, folder: Path) -> Path:
    """The same weights in a file with this recipe in its header."""
    file = folder / "written.safetensors"
    save_weights(file, replace(held, card=held.card | {"recipe": recipe}))
    return file


def test_a_weight_file_without_a_recipe_is_not_repeated(tmp_path: Path):
    file = tmp_path / "own.safetensors"
    save_weights(file, Weights(network="tiny", scale=4, tensors={}))
    with pytest.raises(WeightsError, match="no recipe that this stvsr could repeat"):
        run_recipe(str(file), tmp_path, tmp_path / "run")


@pytest.mark.parametrize("name", ["unison-m", "unison-s"])
def test_a_larger_network_starts_from_a_smaller_ones_weights(name: str, tmp_path: Path):
    config = {
        "width": 8,
        "tail_width": 16,
        "flow_width": 8,
        "encoder_blocks": 1,
        "backward_blocks": 1,
        "forward_blocks": 1,
    }
    small = loop.NETWORKS["unison-s"](scale=4, **config)
    changes = {"width": 12, "twofold": False}  # a second look would be one more of the smaller network
    recipe = Recipe(network=name, scale=4, config=config | changes, steps=1, batch=1, crop=16)
    large = loop.NETWORKS[name](scale=4, **recipe.config)
    held = Weights(network="unison-s", scale=4, config=config, tensors=small.state_dict())
    loop.begin_from(large, held, recipe, tmp_path)
    clip = torch.rand(1, 2, 3, 16, 16)
    torch.testing.assert_close(large(clip, [0, 1]), small(clip, [0, 1]), rtol=1e-4, atol=1e-5)


def test_weights_of_the_same_build_under_another_name_are_a_start(tiny_recipe: Recipe, tmp_path: Path, monkeypatch):
    build = loop.NETWORKS[tiny_recipe.network]
    monkeypatch.setitem(loop.NETWORKS, "tiny-real", build)
    clean, real = build(scale=4), build(scale=4)
    held = Weights(network=tiny_recipe.network, scale=4, config={}, tensors=clean.state_dict())
    loop.begin_from(real, held, replace(tiny_recipe, network="tiny-real"), tmp_path)
    assert all(torch.equal(real.state_dict()[name], tensor) for name, tensor in held.tensors.items())


def test_an_unknown_recipe_is_refused_with_the_list(tmp_path: Path):
    with pytest.raises(SettingsError, match="unison_s"):
        run_recipe("unison_xl", tmp_path, tmp_path / "run")


def test_a_training_in_stages_hands_its_weights_on(
    tiny_recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    first = replace(tiny_recipe, steps=2)
    second = replace(tiny_recipe, steps=1, parts=("head",), optimiser=Optimiser(warmup=1, ema=0))
    monkeypatch.setitem(RECIPES, "tiny", (lambda: first, lambda: second))
    file = run_recipe("tiny", tmp_path, tmp_path / "run", report=str)
    before, after = load_weights(tmp_path / "run/stage1/tiny-x4.safetensors").tensors, load_weights(file).tensors
    assert {name.split(".")[0] for name in after if not torch.equal(before[name], after[name])} == {"head"}

    lines: list[str] = []
    stopped = run_recipe("tiny", tmp_path, tmp_path / "stopped", minutes=1e-9, report=lines.append)
    assert stopped.parent.name == "stage1"
    assert "stopped in stage 1 of 2" in lines[-1]
    gone_on = run_recipe("tiny", tmp_path, tmp_path / "stopped", report=str)
    assert all(torch.equal(after[name], tensor) for name, tensor in load_weights(gone_on).tensors.items())


def test_weights_of_another_network_are_refused_as_a_start(tiny_recipe: Recipe, tmp_path: Path):
    file = run_recipe("tiny", tmp_path, tmp_path / "run", settings=["steps=1"], report=str)
    with pytest.raises(WeightsError, match="does not fit the recipe"):
        loop.train(replace(tiny_recipe, config={"width": 4}), tmp_path, tmp_path / "other", initial=file, report=str)


def test_a_rehearsal_resolves_every_field_and_counts_what_learns(tiny_recipe: Recipe):
    ((shown, will_take),) = rehearse_recipe("tiny", settings=["batch=8"])
    assert (shown["batch"], shown["optimiser"]["warmup"]) == (8, tiny_recipe.optimiser.warmup)
    assert will_take.samples == 8 * tiny_recipe.steps
    network = loop.NETWORKS["tiny"](scale=4)
    assert will_take.parameters == sum(weight.numel() for weight in network.parameters())
    assert will_take.hours > 0
    assert will_take.memory_bytes > 4 * 4 * will_take.parameters


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_every_recipe_builds_its_network_and_fits_its_loss(name: str):
    for recipe in stages_of(name):
        with torch.device("meta"):
            network = loop.NETWORKS[recipe.network](scale=recipe.scale, **recipe.config)
            learning_parts(network, recipe.parts)
        assert recipe.steps > 0
        assert recipe.batch % recipe.accumulate == 0
        spec = network.spec
        assert all(spec.min_frames <= cadence.keys <= (spec.max_frames or 9) for cadence in recipe.cadences)
        if spec.step is not None:
            assert all(time % spec.step == 0 for cadence in recipe.cadences for time in cadence.times)


def test_the_papers_epochs_are_passes_over_their_training_sets():
    (cycmunet,), (yogo,) = stages_of("cycmunet_paper"), stages_of("yogo_paper")
    assert cycmunet.steps * cycmunet.batch == pytest.approx(70 * 51_312, rel=1e-3)
    assert cycmunet.optimiser.rate(cycmunet.steps - 1, cycmunet.steps) == pytest.approx(4e-4 / 1000)  # three falls
    assert yogo.optimiser.rate(yogo.steps - 1, yogo.steps) == pytest.approx(1e-4 / 100)  # two
    tp = stages_of("tp_paper")
    assert [stage.parts for stage in tp] == [("tpsrm",), ("fsm",), ()]
    assert {stage.steps for stage in tp} == {4 * 64_612}


def test_stinets_enlargement_learns_alone_and_then_stands_still(tmp_path: Path):
    first, second = stages_of("stinet_frozen_paper")
    narrow = {"width": 8, "motion_width": 8, "stages": 1, "blocks": 1, "graph_width": 8}
    networks = [loop.NETWORKS["stinet"](scale=4, **narrow, **stage.config) for stage in (first, second)]
    learns = [
        {parameter.data_ptr() for parameter in learning_parts(network, stage.parts)}
        for network, stage in zip(networks, (first, second), strict=True)
    ]
    own = [{parameter.data_ptr() for parameter in network.enlarge.parameters()} for network in networks]
    assert learns[0] == own[0]
    assert not learns[1] & own[1]
    held = Weights(network="stinet", scale=4, config={}, tensors=networks[0].state_dict())
    loop.begin_from(networks[1], held, second, tmp_path)
    assert torch.equal(networks[0].enlarge.exit.weight, networks[1].enlarge.exit.weight)
    assert first.losses.frames == first.losses.motion == 0 < first.losses.space


@pytest.mark.parametrize("name", ["tp_paper", "stinet_paper"])
def test_papers_with_a_perceptual_term_ask_for_vgg(name: str):
    assert stages_of(name)[-1].perceptual.weight > 0


def test_without_vgg_a_run_stops_at_its_start_or_says_loudly_what_it_lacks(
    tiny_recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    perceptual = Perceptual(weight=0.1, file=str(tmp_path / "none.pth"))
    monkeypatch.setitem(RECIPES, "tiny", (lambda: replace(tiny_recipe, steps=1, perceptual=perceptual),))
    with pytest.raises(WeightsError, match=r"perceptual\.weight=0"):
        run_recipe("tiny", tmp_path, tmp_path / "run", report=str)
    lines: list[str] = []
    run_recipe("tiny", tmp_path, tmp_path / "run", settings=["perceptual.weight=0"], report=lines.append)
    assert "WITHOUT THE PERCEPTUAL TERM" in lines[0]
