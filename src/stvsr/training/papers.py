"""The papers' own recipes. Every number stands beside the sentence it comes from; what a paper leaves open says so.

"Epochs" are passes over Vimeo-90K: 51,312 triplets (CycMu-Net, section 4.1) or 64,612 septuplets, the length of its
list ``sep_trainlist.txt`` (the papers write "around 60,000" and "more than 60,000").
None of the papers averages weights, warms up or limits gradients, so these are off. All train on the whole list, so
nothing of it is held out.
"""

from dataclasses import replace

from stvsr.data.sampler import Augmentation, Cadence
from stvsr.training.losses import CycMuLoss, MBLoss, StinetLoss, TPLoss, YogoLoss
from stvsr.training.perceptual import Perceptual
from stvsr.training.recipe import Optimiser, Recipe, Stairs

TRIPLETS, SEPTUPLETS = 51_312, 64_612
TRIPLET = (Cadence(keys=2, factor=2, probability=1.0),)
SEPTUPLET = (Cadence(keys=4, factor=2, probability=1.0),)
PLAIN = {"warmup": 0, "clip": 0.0, "ema": 0.0}


def cycmunet_paper() -> Recipe:
    """Section 3.3 and 4.1."""
    batch = 10  # "The batch size is set to 10
    epoch = TRIPLETS // batch
    return Recipe(
        network="cycmunet",
        scale=4,
        batch=batch,
        crop=64,  # with image resolution of 64 x 64."
        steps=70 * epoch,  # "for a total of 70 epochs"
        precision="32-true",
        flow=False,
        cadences=TRIPLET,  # "many triplets with different scenes"
        hold_out=False,
        augmentation=Augmentation(turn=False),  # "horizontal and vertical flipping or reverse the order"
        optimiser=Optimiser(
            kind="adamax",  # "using AdaMax optimizer
            beta1=0.9,  # with a momentum of 0.9"
            beta2=0.999,  # open: PyTorch's default
            lr=4e-4,  # "The initial learning rate is set to 4e-4
            decay=Stairs(every=20 * epoch, factor=0.1),  # and reduced by a factor of 10 every 20 epochs"
            **PLAIN,
        ),
        losses=CycMuLoss(),  # "the constant w and weights ... to 1e-3, 1, 1, 0.5 and 0.5" (Eq. 4)
    )


def yogo_paper() -> Recipe:
    """Section 3.5 and 4.1."""
    batch = 10  # "the batch size is set to 10"
    epoch = SEPTUPLETS // batch
    return Recipe(
        network="yogo-64",
        scale=4,
        batch=batch,
        crop=64,
        crop_width=112,  # "small patches with a fixed size of 112 x 64"
        steps=70 * epoch,  # "till 70 epochs"
        precision="32-true",
        flow=False,
        cadences=SEPTUPLET,  # "the odd-indexed 4 frames as ... inputs, and the corresponding consecutive HR 7-frame"
        hold_out=False,
        augmentation=Augmentation(backwards=False),  # "randomly rotated and flipped"; by 90° only what is square
        optimiser=Optimiser(
            kind="adamax",  # "adopt AdaMax optimizer,
            beta2=0.999,  # open: PyTorch's default
            lr=1e-4,  # where the initial learning is set to 1e-4
            decay=Stairs(every=30 * epoch, factor=0.1),  # with the decay rate of 0.1 at every 30 epochs"
            **PLAIN,
        ),
        losses=YogoLoss(),  # "constant w is set to 1e-3"; frame, structure and detail weigh the same
    )


def stinet_paper() -> Recipe:
    """Section IV-B. The DBPN trains along; that the authors' comes trained and is held still is not in the paper."""
    return Recipe(
        network="stinet",
        scale=4,
        batch=30,  # "with the batch size being 30"
        crop=32,  # "the input LR frames are randomly cropped to 32 x 32 image patches"
        steps=500_000,  # "The total number of iterations is 5 x 10^5"
        precision="32-true",
        flow=False,
        cadences=SEPTUPLET,  # "each sequence contains 7 HR frames ... we downsample the odd-index frames"
        hold_out=False,
        augmentation=Augmentation(turn=False, backwards=False),  # "randomly flipping, rotating (180°) and mirroring"
        optimiser=Optimiser(
            kind="adam",  # "optimized by the Adam optimizer
            beta1=0.9,  # with a momentum of 0.9"
            beta2=0.999,  # open: PyTorch's default
            lr=1e-4,  # "We initialize the learning rate as 1 x 10^-4
            decay=Stairs(every=100_000, factor=0.25),  # and decrease it by a factor of 4 for every 10^5 iterations"
            **PLAIN,
        ),
        losses=StinetLoss(),  # "Loss weights lambda_1 and lambda_2 are both 0.1": lambda_2, motion;
        perceptual=Perceptual(weight=0.1, layers=("relu5_4",)),  # lambda_1. Open: the layer; the last one, as SRGAN's
    )


def stinet_frozen_paper(stage: int) -> Recipe:
    """As the authors do: the DBPN learns to enlarge single frames, and then stands still while all else learns."""
    paper = stinet_paper()
    if stage == 1:  # open: the paper takes it from elsewhere and says nothing of its training; the network's own rate
        return replace(
            paper,
            config={"local_passes": 0, "refinement": "none"},
            parts=("enlarge",),
            losses=StinetLoss(frames=0.0, auxiliary=0.0, motion=0.0),
            perceptual=Perceptual(),
        )
    return replace(paper, config={"frozen": True})


def mbnet_paper() -> Recipe:
    """Section 4.1. The paper gives no schedule; 70 passes at one rate are ours."""
    batch = 16  # "and the batch size is set to 16"
    return Recipe(
        network="mbnet",
        scale=4,
        batch=batch,
        crop=32,  # "The input frames are cropped into patches of size 32 x 32"
        steps=70 * (SEPTUPLETS // batch),
        precision="32-true",
        cadences=TRIPLET,  # two input frames, one between; from septuplets "the training set of Vimeo-90K"
        hold_out=False,
        augmentation=Augmentation(backwards=False),  # "augmented by rotating and flipping randomly"
        teacher="raft",  # "we use the pre-trained optical flow network RAFT"
        optimiser=Optimiser(
            kind="adam",  # "The Adam optimizer is used for training
            beta2=0.999,  # open: PyTorch's default
            lr=1e-4,  # with an initial learning rate of 1e-4"
            decay=Stairs(every=10**9, factor=1.0),
            **PLAIN,
        ),
        losses=MBLoss(),  # "lambda_1 = 1.0, lambda_2 = 0.5, lambda_a = lambda_b = 0.01"
    )


def tp_paper(stage: int) -> Recipe:
    """Section 4.1: "we first train TPSRM ... Then, we freeze its parameters and train FSM ... Finally, we optimize all
    the three modules together"."""
    batch = 1  # "The batch size is set to 1,
    epoch = SEPTUPLETS // batch
    config, parts = {
        1: ({"fsm": False, "rm": False}, ("tpsrm",)),
        2: ({"rm": False}, ("fsm",)),
        3: ({}, ()),
    }[stage]
    return Recipe(
        network="tp",
        scale=4,
        config=config,
        parts=parts,
        batch=batch,
        crop=64,
        crop_width=112,  # open: whole frames of Vimeo-90K
        steps=4 * epoch,  # "Each module is trained for 4 epochs,
        precision="32-true",
        flow=False,
        cadences=SEPTUPLET,  # "odd-indexed frames as LFR and LR inputs"
        hold_out=False,
        augmentation=Augmentation(backwards=False),  # "Rotation and flipping are applied"; by 90° only what is square
        optimiser=Optimiser(
            kind="adam",  # "We utilize the Adam optimizer
            beta1=0.9,  # with parameters beta_1 = 0.9
            beta2=0.999,  # and beta_2 = 0.999"
            lr=1e-4,  # "the initial learning rate is 1e-4"
            decay=Stairs(every=2 * epoch, factor=0.2),  # "by a factor of 0.2 for every 2 epochs"
            **PLAIN,
        ),
        losses=TPLoss(stage=stage),  # "lambda_1 = 0.1 ... and lambda_3 = 1"
        perceptual=Perceptual(
            weight=0.01 if stage == 3 else 0.0,  # "lambda_2 = 0.01", a term of Eq. 10 alone
            layers=("relu1_1", "relu3_1", "relu5_1"),  # "j = 1, 3, 5"; open: which of a stage's features
        ),
    )
