// <film-history>: every job that was not deleted, the newest first.

import { alarm, ask, make } from "./words.js";

const STATES = { queued: "waiting", running: "at work", done: "done", failed: "failed", cancelled: "cancelled" };

class FilmHistory extends HTMLElement {
  connectedCallback() {
    this.refresh();
    this.timer = setInterval(() => this.refresh(), 5000);
  }

  disconnectedCallback() {
    clearInterval(this.timer);
  }

  async refresh() {
    const { jobs } = await ask("/jobs").catch(() => ({}));
    const seen = JSON.stringify(jobs?.map(({ id, state }) => [id, state]));
    if (!jobs || seen === this.seen) return; // what has not changed keeps its focus
    this.seen = seen;
    if (!jobs.length) return this.replaceChildren();
    this.replaceChildren(make("h2", { textContent: "Jobs" }), make("ul", {}, ...jobs.map((job) => this.line(job))));
  }

  line(job) {
    const open = make("a", { href: `/?film=${job.id}&job=${job.id}`, textContent: job.name });
    const order = `${job.order.network ?? ""} ×${job.order.scale ?? 4}, ${new Date(job.created).toLocaleString()}`;
    const line = make("li", { className: job.state }, open, make("small", { textContent: order }),
      make("span", { className: "badge", textContent: STATES[job.state] }));
    if (job.state === "done")
      line.append(make("a", { href: `/jobs/${job.id}/result?download=true`, textContent: "Download", ariaLabel: `Download ${job.name}` }));
    if (!["queued", "running"].includes(job.state)) {
      const forget = make("button", { type: "button", className: "plain", textContent: "Delete", ariaLabel: `Delete ${job.name}` });
      forget.onclick = () => this.forget(job, forget);
      line.append(forget);
    }
    return line;
  }

  async forget(job, button) {
    if (!button.classList.contains("sure")) { // a second press: deleting cannot be undone
      button.classList.add("sure");
      button.textContent = "Really delete";
      button.ariaLabel = `Really delete ${job.name}`;
      return;
    }
    try {
      await ask(`/jobs/${job.id}`, "DELETE");
      if (new URLSearchParams(location.search).get("job") === job.id) location.assign("/");
      else await this.refresh();
    } catch (error) { this.append(alarm(error.message)); }
  }
}

customElements.define("film-history", FilmHistory);
