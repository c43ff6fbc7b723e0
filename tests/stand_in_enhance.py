"""Stands in for ``stvsr enhance`` where the page is tested: SOURCE TARGET options --json.

Asked for 60 frames per second it works for ever, and tells how far it is; asked for no enlargement it hands the source
back at once; for all else it is the real command.
"""

import json
import os
import shutil
import sys
import time


def main() -> None:
    source, target, *options = sys.argv[1:]
    if "--fps=60" in options:
        for done in range(1, 10_000):
            with open(f"{os.environ['STVSR_PROGRESS']}.part", "w") as file:
                json.dump({"frames_out": done, "frames_expected": 10_000, "seconds": done / 10}, file)
            os.replace(file.name, os.environ["STVSR_PROGRESS"])
            time.sleep(0.1)
    if "--scale=1" in options:
        shutil.copyfile(source, target)
        network = next(option for option in options if option.startswith("--network")).partition("=")[2]
        print(json.dumps({"output": target, "frames_in": 1, "frames_out": 1, "seconds": 0.5, "network": network}))
        return
    os.execv(sys.executable, [sys.executable, "-P", "-m", "stvsr", "enhance", *sys.argv[1:]])


if __name__ == "__main__":
    main()
