// <film-compare>: films of the same scene in step with each other, two of them under a wipe, all of them side by side.
// Set `films` to [{label, film, profile?, note?}]; the first is shown on the left, the last on the right.
// Keys: arrows, Home and End move the wipe; space plays and stops; comma and point step through the pictures.

import { make } from "./words.js";

const APART = 0.04, STEP = 1 / 60; // seconds: how far films may drift apart; a step

class FilmCompare extends HTMLElement {
  connectedCallback() {
    if (this.stage || !this.films) return;
    this.left = this.video(this.films[0]);
    this.right = this.video(this.films.at(-1));
    this.handle = make("div", { className: "handle", tabIndex: 0 });
    for (const [name, value] of Object.entries({ role: "slider", "aria-label": "Wipe between left and right", "aria-valuemin": 0, "aria-valuemax": 100 }))
      this.handle.setAttribute(name, value);
    this.names = [make("span", { className: "name left" }), make("span", { className: "name right" })];
    this.stage = make("div", { className: "stage" }, this.right, this.left, this.handle, ...this.names);
    this.append(this.stage, this.controls());
    if (this.films.length > 2) this.append(...this.everyFilm());
    this.choose("left", 0);
    this.choose("right", this.films.length - 1);
    this.wipe(50);
    this.stage.addEventListener("pointerdown", (event) => this.drag(event));
    this.stage.addEventListener("pointermove", (event) => event.buttons && this.drag(event));
    this.addEventListener("keydown", (event) => this.key(event));
  }

  video({ film }) {
    const video = make("video", { src: film, muted: true, loop: true, playsInline: true, preload: "auto" });
    video.addEventListener("error", () => this.cannotPlay(video));
    video.addEventListener("loadedmetadata", () => this.toScale());
    return video;
  }

  controls() {
    this.button = make("button", { type: "button", className: "play", textContent: "Play" });
    this.button.onclick = () => this.play(this.right.paused);
    this.seek = make("input", { type: "range", min: 0, max: 1, step: "any", value: 0, ariaLabel: "Position in the film" });
    this.seek.oninput = () => { this.play(false); this.goTo(Number(this.seek.value) * this.right.duration); };
    const pace = make("select", { ariaLabel: "Speed" }, ...[[1, "full speed"], [0.5, "half speed"], [0.25, "quarter speed"]].map(([value, text]) => make("option", { value, textContent: text })));
    pace.onchange = () => this.all().forEach((video) => (video.playbackRate = Number(pace.value)));
    const chosen = this.films.length > 2 ? ["left", "right"].map((side) => this.chooser(side)) : [];
    this.remark = make("p", { className: "remark" });
    return make("div", { className: "controls" }, this.button, this.seek, pace, ...chosen, this.remark);
  }

  chooser(side) {
    const select = make("select", { className: side, ariaLabel: `Film on the ${side}` },
      ...this.films.map(({ label }, value) => make("option", { value, textContent: label })));
    select.onchange = () => this.choose(side, Number(select.value));
    return select;
  }

  everyFilm() {
    this.small = this.films.map((film) => this.video(film));
    const figures = this.films.map(({ label, note, profile }, number) => {
      const name = make("button", { type: "button", className: "plain", textContent: label, title: "Show on the right" });
      name.onclick = () => this.choose("right", number);
      const figure = make("figure", {}, this.small[number], make("figcaption", {}, name, make("small", { textContent: note ?? "" })));
      if (profile) figure.append(make("img", { src: profile, alt: `Temporal profile of ${label}`, loading: "lazy" }));
      return figure;
    });
    const words = "Below each film: one column of its pixels through time, from left to right. Smooth motion draws smooth lines, choppy motion draws stairs.";
    return [make("div", { className: "every" }, ...figures), make("p", { className: "remark", textContent: words })];
  }

  choose(side, number) {
    const { film, label } = this.films[number], video = this[side];
    if (!video.src.endsWith(film)) {
      const time = this.right.currentTime, playing = !this.right.paused;
      video.src = film;
      video.addEventListener("loadeddata", () => { this.goTo(time); this.play(playing); }, { once: true });
    }
    this.names[side === "left" ? 0 : 1].textContent = label;
    const select = this.querySelector(`select.${side}`);
    if (select) select.value = number;
  }

  all() {
    return [this.right, this.left, ...(this.small ?? [])];
  }

  async play(on) {
    this.button.textContent = on ? "Pause" : "Play";
    if (!on) {
      this.all().forEach((video) => video.pause());
      return this.goTo(this.right.currentTime);
    }
    await Promise.allSettled(this.all().map((video) => video.play()));
    const keepStep = () => {
      if (this.right.paused || !this.isConnected) return;
      for (const video of this.all().slice(1))
        if (!video.seeking && Math.abs(video.currentTime - this.right.currentTime) > APART) video.currentTime = this.right.currentTime;
      this.showTime();
      requestAnimationFrame(keepStep);
    };
    keepStep();
  }

  goTo(time) {
    if (!Number.isFinite(time)) return;
    this.all().forEach((video) => (video.currentTime = time));
    this.showTime(time);
  }

  showTime(time = this.right.currentTime) {
    if (this.right.duration) this.seek.value = time / this.right.duration;
  }

  wipe(percent) {
    this.at = Math.min(100, Math.max(0, percent));
    this.left.style.clipPath = `inset(0 ${100 - this.at}% 0 0)`;
    this.handle.style.left = `${this.at}%`;
    this.handle.setAttribute("aria-valuenow", Math.round(this.at));
  }

  drag(event) {
    event.preventDefault();
    this.handle.focus({ preventScroll: true });
    const { left, width } = this.stage.getBoundingClientRect();
    this.wipe((100 * (event.clientX - left)) / width);
    if (event.type === "pointerdown") this.stage.setPointerCapture(event.pointerId);
  }

  key(event) {
    const onHandle = event.target === this.handle, step = event.shiftKey ? 10 : 2;
    const moves = { ArrowLeft: this.at - step, ArrowDown: this.at - step, ArrowRight: this.at + step, ArrowUp: this.at + step, Home: 0, End: 100 };
    if (onHandle && event.key in moves) this.wipe(moves[event.key]);
    else if (onHandle && event.key === " ") this.play(this.right.paused);
    else if (event.key === "." || event.key === ",") {
      this.play(false);
      this.goTo(Math.max(0, this.right.currentTime + (event.key === "." ? STEP : -STEP)));
    } else return;
    event.preventDefault();
  }

  toScale() {
    const { videoWidth: width, videoHeight: height } = this.right;
    if (width) this.stage.style.aspectRatio = `${width} / ${height}`;
  }

  cannotPlay(video) {
    const side = video === this.left ? "the film on the left" : video === this.right ? "the film on the right" : "one of the films";
    video.style.visibility = "hidden";
    this.remark.textContent = `This browser cannot play ${side}. Download it to watch it with another player.`;
  }
}

customElements.define("film-compare", FilmCompare);
