// <film-preview data-film="id">: the hardest two seconds by every network, as they become ready.

import { ask, make, timeOf, watch } from "./words.js";

class FilmPreview extends HTMLElement {
  connectedCallback() {
    watch(this, async () => {
      const { original, networks } = await ask(`/films/${this.dataset.film}/preview`);
      const waiting = networks.filter(({ state }) => ["queued", "running"].includes(state));
      waiting.length ? this.showWork(networks) : this.showEnd(original, networks);
      return !waiting.length;
    });
  }

  showWork(networks) {
    const lines = networks.map((one) => {
      const { frames_out: done, frames_expected: all } = one.progress ?? {};
      const words = { queued: "waiting", running: done ? `${done} of ${all} pictures` : "starting", done: "ready", failed: "failed", cancelled: "stopped" };
      const bar = make("progress", { max: 1, ariaLabel: one.network });
      if (one.state !== "running" || done) bar.value = one.state === "done" ? 1 : (done ?? 0) / (all ?? 1);
      return make("li", {}, make("span", { textContent: `${one.network}: ${words[one.state]}` }), bar);
    });
    const stop = make("button", { type: "button", className: "plain", textContent: "Stop the preview" });
    stop.onclick = () => ask(`/films/${this.dataset.film}/preview/cancel`, "POST").catch(() => {});
    if (!this.list) this.replaceChildren(make("h2", { textContent: "The hardest two seconds" }), (this.list = make("ul")), stop);
    this.list.replaceChildren(...lines);
  }

  showEnd(original, networks) {
    this.list = null;
    const ready = networks.filter(({ state }) => state === "done");
    const failed = networks.filter(({ state }) => state === "failed");
    const heading = make("h2", { textContent: "The hardest two seconds" });
    this.replaceChildren(heading);
    if (ready.length) {
      const player = document.createElement("film-compare");
      player.films = [
        { label: "Original", film: `/${original.film}`, profile: `/${original.profile}` },
        ...ready.map((one) => ({
          label: one.network, film: `/${one.film}`, profile: `/${one.profile}`, note: `took ${timeOf(one.seconds)}`,
        })),
      ];
      this.append(player);
    } else if (!failed.length) this.append(make("p", { textContent: "The preview was stopped." }));
    for (const one of failed) this.append(make("p", { className: "trouble", textContent: `${one.network}: ${one.error}` }));
  }
}

customElements.define("film-preview", FilmPreview);
