"""The page for people: drop a video, see what it is, preview its hardest moment, enhance it, watch, download.

    page.py (Gradio: the form)      parts/ (the browser's side: drop zone, wipe player, progress, history)
    routes.py (films and jobs)      gate.py (who may come in)
    desk.py   (films dropped here)  previews.py, pace.py (what it would look like, how long it would take)

All that lasts is in the queue and on disk; a page that is reloaded reads it back.
"""

import os

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read by Gradio as it is imported: nothing is told to anyone
