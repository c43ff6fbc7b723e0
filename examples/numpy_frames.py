"""Pictures in memory: a made-up clip as a NumPy array (t h w 3, uint8) becomes twice as large and smooth."""

import numpy as np

import stvsr


def main() -> np.ndarray:
    clip = np.zeros((6, 48, 64, 3), np.uint8)
    for index in range(len(clip)):
        clip[index, 16:32, 8 * index : 8 * index + 16] = (250, 200, 60)  # a square on its way to the right
    large = np.stack(list(stvsr.enhance_frames(clip, "bicubic", scale=2, times=2)))
    print(f"{clip.shape} became {large.shape}, {large.dtype}")
    return large


if __name__ == "__main__":
    main()
