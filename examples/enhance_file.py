"""A file in, a file out, with progress: python examples/enhance_file.py holiday.mp4 [large.mp4]"""

import sys

import stvsr
from stvsr.errors import STVSRError
from stvsr.inference import Target
from stvsr.jobs.plan import EnhanceSettings


def main(source: str, target: str | None = None) -> None:
    settings = EnhanceSettings(scale=2, target=Target(fps=60))
    try:
        result = stvsr.enhance(source, target, settings, progress=lambda done: print(f"\r{done.frames_out}", end=""))
    except STVSRError as error:  # everything that a user can mend; the message says how
        sys.exit(str(error))
    print(f"\r{result.output}: {result.frames_in} frames became {result.frames_out}, proven: {result.verify.ok}")


if __name__ == "__main__":
    main(*sys.argv[1:])
