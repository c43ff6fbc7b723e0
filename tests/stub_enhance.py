"""Stands in for ``stvsr enhance`` where tests start it many times: SOURCE TARGET --json, in a few milliseconds.

The source says what is to happen: "wait 0.2", "hold" (until the queue's folder has a file ``go``), "forever",
"stubborn", "fail", "die", or nothing in particular. Each completion is noted in the folder's file ``completions``.
"""

import json
import os
import signal
import sys
import time


def main() -> int:
    source, target = sys.argv[1], sys.argv[2]
    with open(source) as file:
        what, *more = file.read().split() or ["nothing"]
    if what == "wait":
        time.sleep(float(more[0]))
    queue = os.path.join(os.path.dirname(target), "..", "..")
    while what == "hold" and not os.path.exists(os.path.join(queue, "go")):
        time.sleep(0.02)
    if what == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with open(os.path.join(os.path.dirname(target), "begun"), "a") as file:
        file.write(f"{os.getpid()}\n")
    if what in ("forever", "stubborn"):
        time.sleep(600)
    if what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "fail":
        print(json.dumps({"error": {"kind": "InputError", "message": f"{source} is not a film."}}))
        return 1
    with open(target, "w") as film:
        film.write("0123456789")
    with open(os.path.join(queue, "completions"), "a") as file:
        file.write(f"{os.environ['STVSR_JOB']}\n")
    print(json.dumps({"output": target, "frames_out": 10}))
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print(json.dumps({"error": {"kind": "Interrupted", "message": "Stopped."}}))
        sys.exit(130)
