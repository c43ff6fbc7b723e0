// <film-drop data-most="bytes">: takes one film, by drop or by choice, sends it as it is, and opens its page.

import { sizeOf } from "./words.js";

class FilmDrop extends HTMLElement {
  connectedCallback() {
    if (this.childElementCount) return;
    this.innerHTML = `
      <label class="drop"><strong>Drop a video here</strong><span>or choose one</span>
        <input type="file" accept="video/*,.mkv,.ts,.y4m,.webm" aria-label="Choose a video"></label>
      <div class="sending" hidden><progress max="1" value="0" aria-label="Sending the video"></progress>
        <span></span> <button type="button" class="plain">Stop</button></div>
      <p class="trouble" role="alert" hidden></p>`;
    const label = this.querySelector("label");
    this.querySelector("input").addEventListener("change", (event) => this.send(event.target.files[0]));
    for (const kind of ["dragover", "dragenter", "dragleave", "drop"])
      label.addEventListener(kind, (event) => {
        event.preventDefault();
        label.classList.toggle("over", kind.startsWith("dragover") || kind === "dragenter");
        if (kind === "drop") this.send(event.dataTransfer.files[0]);
      });
  }

  send(file) {
    if (!file) return;
    const most = Number(this.dataset.most);
    if (file.size > most)
      return this.fail(`${file.name} has ${sizeOf(file.size)}; this page takes films of up to ${sizeOf(most)}.`);
    this.fail("");
    const request = new XMLHttpRequest(), sending = this.querySelector(".sending");
    const bar = sending.querySelector("progress"), words = sending.querySelector("span");
    sending.hidden = false;
    words.textContent = file.name;
    sending.querySelector("button").onclick = () => request.abort();
    request.upload.onprogress = ({ loaded, total }) => {
      bar.value = loaded / total;
      words.textContent = `${file.name}: ${sizeOf(loaded)} of ${sizeOf(total)}`;
    };
    request.onloadend = () => {
      sending.hidden = true;
      this.querySelector("input").value = "";
      let answer = {};
      try { answer = JSON.parse(request.responseText); } catch { /* no answer of ours */ }
      if (request.status === 201) location.assign(`/?film=${answer.film}`);
      else this.fail(answer.error?.message ?? `${file.name} did not arrive whole. Try again.`);
    };
    request.open("POST", `/films?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.send(file);
  }

  fail(message) {
    const place = this.querySelector(".trouble");
    place.textContent = message;
    place.hidden = !message;
  }
}

customElements.define("film-drop", FilmDrop);
