// <film-job data-job="id">: how far a job is, how to stop it, and what came of it.

import { alarm, ask, make, timeOf, watch } from "./words.js";

class FilmJob extends HTMLElement {
  connectedCallback() {
    const address = new URL(location.href);
    address.searchParams.set("job", this.dataset.job);
    history.replaceState(null, "", address); // a reload finds the job again
    if (!this.childElementCount) this.scrollIntoView({ behavior: "smooth", block: "nearest" });
    document.querySelector("film-history")?.refresh();
    watch(this, async () => {
      const job = await ask(`/jobs/${this.dataset.job}`);
      const over = !["queued", "running"].includes(job.state);
      over ? this.showEnd(job) : this.showWork(job);
      return over;
    });
  }

  showWork(job) {
    if (!this.bar) {
      this.bar = make("progress", { max: 1, ariaLabel: "Progress" });
      this.words = make("p", { className: "state" });
      this.words.setAttribute("role", "status");
      const stop = make("button", { type: "button", className: "plain", textContent: "Cancel" });
      stop.onclick = () => ask(`/jobs/${job.id}/cancel`, "POST").catch((error) => this.append(alarm(error.message)));
      this.replaceChildren(make("h2", { textContent: `Enhancing ${job.name}` }), this.bar, this.words, stop);
    }
    const { frames_out: done, frames_expected: all, seconds } = job.progress ?? {};
    if (done && all) this.bar.value = done / all;
    else this.bar.removeAttribute("value");
    const left = done && all ? `, about ${timeOf((seconds / done) * (all - done))} left` : "";
    this.words.textContent = job.cancelling ? "Stopping …"
      : job.state === "queued" ? "Waiting for its turn …"
      : done ? `${done} of ${all ?? "an unknown number of"} pictures${left}`
      : "Looking at the film …";
  }

  showEnd(job) {
    this.bar = null;
    const again = make("p", { className: "state" });
    if (job.state === "cancelled") again.textContent = "Cancelled. Nothing of it is left; choose again above, or drop another video.";
    const heading = make("h2", { textContent: { done: `${job.name} is done`, failed: `${job.name} failed`, cancelled: job.name }[job.state] });
    this.replaceChildren(heading, again);
    if (job.state === "failed") this.append(alarm(job.error?.message ?? "It is not known why."));
    if (job.state === "done") {
      again.textContent = `${job.result.frames_in ?? ""} pictures became ${job.result.frames_out}; every check of the result passed.`;
      const films = [
        { label: "Original", film: `/jobs/${job.id}/source` },
        { label: job.result.network ?? "Enhanced", film: `/jobs/${job.id}/result` },
      ];
      const player = document.createElement("film-compare");
      player.films = films;
      const download = make("a", { className: "button", href: `/jobs/${job.id}/result?download=true`, textContent: "Download" });
      this.append(player, download);
    }
    document.querySelector("film-history")?.refresh();
  }
}

customElements.define("film-job", FilmJob);
