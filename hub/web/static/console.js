// What pages can't do without a script: copy, times in the viewer's zone, and the same password shown or hidden.
"use strict";

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "long", timeStyle: "long" });
const short = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

function localise(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    time.title = exact.format(moment);
    if (time.dataset.form === "exact") time.textContent = short.format(moment);
  }
}

function tell(button, text) {
  const before = button.textContent;
  button.textContent = text;
  setTimeout(() => { button.textContent = before; }, 1500);
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent.trim());
    tell(button, "Copied");
  } catch {
    getSelection().selectAllChildren(source);
    tell(button, "Press Ctrl+C");
  }
});

for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
// What takes a while says that it is under way; a page that comes back from the browser's memory is at rest again.
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button || event.target.method !== "post" || event.defaultPrevented) return;
  setTimeout(() => { button.disabled = true; button.setAttribute("aria-busy", "true"); });
});
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const button of document.querySelectorAll("[aria-busy]")) {
    button.disabled = false;
    button.removeAttribute("aria-busy");
  }
});

// What follows the hub by itself rests while nobody looks, and while somebody marks text in it.
document.addEventListener("htmx:beforeRequest", (event) => {
  const live = event.target.closest("[data-live]");
  const marked = getSelection();
  if (live && (document.hidden || (!marked.isCollapsed && marked.containsNode(live, true)))) event.preventDefault();
});

document.addEventListener("htmx:load", (event) => localise(event.detail.elt));
localise(document);
