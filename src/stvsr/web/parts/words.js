// Numbers as people say them, and questions to the server.

export function sizeOf(bytes) {
  const step = Math.min(4, Math.floor(Math.log2(Math.max(bytes, 1)) / 10));
  return `${(bytes / 1024 ** step).toFixed(step && bytes / 1024 ** step < 10 ? 1 : 0)} ${["bytes", "KiB", "MiB", "GiB", "TiB"][step]}`;
}

export function timeOf(seconds) {
  if (seconds >= 5400) return `${(seconds / 3600).toFixed(1)} hours`;
  if (seconds >= 90) return `${Math.round(seconds / 60)} minutes`;
  return `${Math.max(1, Math.round(seconds))} seconds`;
}

/** The server's answer as an object; an Error with its own words otherwise. */
export async function ask(address, method = "GET") {
  const answer = await fetch(address, { method });
  const said = answer.status === 204 ? {} : await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(said.error?.message ?? `The server answered ${answer.status}.`), { status: answer.status });
  return said;
}

/** Look again and again, once a second, until `look` returns true or the element has left the page. */
export async function watch(element, look) {
  while (element.isConnected) {
    try {
      if (await look()) return;
      element.classList.remove("lost");
    } catch (error) {
      if (error.status) { element.replaceChildren(alarm(error.message)); return; }
      element.classList.add("lost"); // the server is away, perhaps only for a moment
    }
    await new Promise((later) => setTimeout(later, 1000));
  }
}

export function alarm(message) {
  return make("p", { className: "trouble", role: "alert", textContent: message });
}

/** A new element with these properties and children. */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}
