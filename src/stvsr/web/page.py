"""The page itself: what is on it, from top to bottom, and what happens when someone touches it."""

from html import escape

import gradio as gr
from gradio.themes import Default

from stvsr.errors import NoSuchJobError, STVSRError
from stvsr.inference import Target
from stvsr.jobs.plan import FALLBACK, PREFERRED, EnhanceSettings, make_plan
from stvsr.queue import Order, Queue, Workers
from stvsr.queue.order import CONTAINERS
from stvsr.video import probe
from stvsr.web.desk import Desk, Film
from stvsr.web.pace import Pace
from stvsr.web.previews import Previews
from stvsr.web.words import about_film, about_plan, network_words, rate_choices, size_choices
from stvsr.weights.catalog import everyday_networks

THEME = Default(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
"""Fonts of the reader's own machine: nothing is fetched."""
HEAD = """<link rel="stylesheet" href="/parts/page.css">
<script type="module" src="/parts/drop.js"></script>
<script type="module" src="/parts/compare.js"></script>
<script type="module" src="/parts/preview.js"></script>
<script type="module" src="/parts/job.js"></script>
<script type="module" src="/parts/history.js"></script>"""
TITLE = "<header><h1><a href='/'>stvsr</a></h1><p>Makes a small, choppy video large and smooth.</p></header>"


def make_page(desk: Desk, queue: Queue, workers: Workers, previews: Previews, *, max_upload: int) -> gr.Blocks:
    """Lay out the page. Which film and which job it shows stands in its address: ``?film=ID&job=ID``."""
    form = Form(desk, queue, workers, previews)
    networks = everyday_networks()
    with gr.Blocks(title="stvsr", analytics_enabled=False) as page:
        part(TITLE)
        film_id = gr.Textbox(visible=False)
        part(f"<film-drop data-most='{max_upload}'></film-drop>")
        facts = part()
        with gr.Column(visible=False, elem_id="choices") as choices:
            network = gr.Radio(
                [(network_words(name), name) for name in networks],
                value=PREFERRED if PREFERRED in networks else FALLBACK,
                label="Which network",
            )
            size = gr.Radio([], label="How large")
            rate = gr.Radio([], label="How smooth")
            estimate = part()
            with gr.Row():
                show = gr.Button("Preview the hardest two seconds", elem_id="preview-button")
                start = gr.Button("Enhance the whole film", variant="primary", elem_id="start-button")
        preview = part()
        job = part()
        part("<film-history></film-history>")

        asked = [film_id, network, size, rate]
        shown = [film_id, facts, choices, network, size, rate, preview, job]
        # Not through Gradio's queue: it loses answers that are ready while the stream of the last one is closing.
        page.load(form.open, None, shown, show_progress="hidden", queue=False).then(
            form.estimate, asked, estimate, show_progress="hidden", queue=False
        )
        gr.on(
            [network.input, size.input, rate.input],
            form.estimate,
            asked,
            estimate,
            show_progress="hidden",
            trigger_mode="always_last",
            queue=False,
        )
        show.click(form.preview, asked, preview, show_progress="minimal", queue=False)
        start.click(form.start, asked, job, show_progress="minimal", queue=False)
    return page


def part(html: str = "") -> gr.HTML:
    """A place for HTML of our own."""
    return gr.HTML(html, apply_default_css=False, padding=False)


class Form:
    """What the form does. Errors become messages on the page."""

    def __init__(self, desk: Desk, queue: Queue, workers: Workers, previews: Previews) -> None:
        self._desk, self._queue, self._workers, self._previews = desk, queue, workers, previews
        self._pace = Pace()

    def open(self, request: gr.Request) -> tuple[object, ...]:
        """What a page that is opened, or opened again, shows."""
        film_id, job_id = request.query_params.get("film", ""), request.query_params.get("job", "")
        hidden = gr.Column(visible=False), gr.Radio(), gr.Radio(), gr.Radio()
        job, order = "", Order()
        if job_id:
            try:
                order = self._queue.job(job_id).order
                job = job_part(job_id)
            except NoSuchJobError as error:
                job = trouble(error)
        if not film_id:
            return "", "", *hidden, "", job
        try:
            film = self._desk.film(film_id)
            info = probe(film.path)
        except STVSRError as error:
            return "", "" if job else trouble(error), *hidden, "", job
        return (
            film.id,
            about_film(film.name, info),
            gr.Column(visible=True),
            gr.Radio(value=order.network) if order.network in everyday_networks() else gr.Radio(),
            gr.Radio(size_choices(info), value=order.scale or (4 if max(info.width, info.height) <= 960 else 2)),
            gr.Radio(rate_choices(info.average_rate), value=rate_of(order)),
            preview_part(film) if self._previews.state(film)["networks"] else "",
            job,
        )

    def estimate(self, film_id: str, network: str, size: int, rate: str) -> str:
        """What will come out, and how long it will take."""
        if not film_id:
            return ""
        try:
            film = self._desk.film(film_id)
            info = probe(film.path)
            settings = EnhanceSettings(network=network, scale=size, target=target_of(rate))
            plan = make_plan(film.path, info, film.path.with_name("result.mkv"), settings)
            return about_plan(plan, info, self._pace.seconds(plan, info))
        except STVSRError as error:
            return trouble(error)

    def preview(self, film_id: str, network: str, size: int, rate: str) -> str:
        """Put the hardest moment in line for every network."""
        try:
            film = self._desk.film(film_id)
            self._previews.ask(film, order_of(film, network, size, rate))
            return preview_part(film)
        except STVSRError as error:
            return trouble(error)

    def start(self, film_id: str, network: str, size: int, rate: str) -> str:
        """Put the whole film in line."""
        try:
            film = self._desk.film(film_id)
            job = self._desk.submit(film, order_of(film, network, size, rate))
        except STVSRError as error:
            return trouble(error)
        self._workers.wake()
        return job_part(job.id)


def order_of(film: Film, network: str, size: int, rate: str) -> Order:
    """What the form asks for."""
    known = film.path.suffix.removeprefix(".") in CONTAINERS
    container = None if known else "mp4"
    if rate == "keep":
        return Order(network=network, scale=size, keep_fps=True, container=container)
    if rate == "60":
        return Order(network=network, scale=size, fps="60", container=container)
    return Order(network=network, scale=size, times=int(rate), container=container)


def rate_of(order: Order) -> str:
    """Which choice of the form an order came from."""
    return "keep" if order.keep_fps else order.fps or str(order.times or 2)


def target_of(rate: str) -> Target:
    """The same choice, for the plan."""
    return Target(fps=60) if rate == "60" else Target(factor=1 if rate == "keep" else int(rate))


def job_part(id: str) -> str:
    return f"<film-job data-job='{escape(id)}'></film-job>"


def preview_part(film: Film) -> str:
    return f"<film-preview data-film='{film.id}'></film-preview>"


def trouble(error: STVSRError) -> str:
    return f"<p class='trouble' role='alert'>{escape(str(error))}</p>"
