// What pages can't do without a script: copy, times in the viewer's zone, and the same password shown or hidden.
"use strict";

// As the server writes them, in the viewer's zone.
const parts = {
  year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short",
};
const form = { short: new Intl.DateTimeFormat("en-GB", parts), exact: new Intl.DateTimeFormat("en-GB", { ...parts, second: "2-digit" }) };
const written = (moment, how) => form[how].format(moment).replace("Sept", "Sep");

function localise(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    time.title = written(moment, "exact");
    if (time.dataset.form === "exact") time.textContent = written(moment, "short");
  }
}

// A moment is typed in the viewer's zone, and asked for in UTC.
for (const field of document.querySelectorAll("input[data-utc]")) {
  const asked = document.createElement("input");
  asked.type = "hidden";
  asked.name = field.name;
  field.removeAttribute("name");
  field.after(asked);
  field.labels[0].textContent = field.dataset.utc;
  const given = field.defaultValue && new Date(`${field.defaultValue}Z`);
  if (given && !isNaN(given)) field.value = new Date(given - given.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
  field.form.addEventListener("submit", () => { asked.value = field.value && new Date(field.value).toISOString().slice(0, 16); });
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

// What cannot be taken back is asked once more.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-sure]");
  if (button && !confirm(button.dataset.sure)) event.preventDefault();
});

// What takes a while says that it is under way; a page that comes back from the browser's memory is at rest again. What is
// sent for a frame leaves the page as it is.
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button || event.target.method !== "post" || event.defaultPrevented || button.formTarget) return;
  setTimeout(() => { button.disabled = true; button.setAttribute("aria-busy", "true"); });
});
window.addEventListener("pageshow", (event) => { if (event.persisted) rest(); });

function rest() {
  for (const button of document.querySelectorAll("[aria-busy]")) {
    button.disabled = false;
    button.removeAttribute("aria-busy");
  }
}

// What follows the hub by itself rests while nobody looks, and while somebody marks text in it.
document.addEventListener("htmx:beforeRequest", (event) => {
  const live = event.target.closest("[data-live]");
  const marked = getSelection();
  if (live && (document.hidden || (!marked.isCollapsed && marked.containsNode(live, true)))) event.preventDefault();
});

// A preview follows what is typed and the field that is written in. Each goes into a frame of its own, so that going back is
// not going through all of them; the frame before stays until the new one is there, and while something typed is wrong.
for (const button of document.querySelectorAll("[data-preview]")) {
  const { form } = button;
  const wrong = document.getElementById(button.dataset.preview);
  const view = form.elements.view;
  let shown = document.querySelector(`iframe[name="${button.formTarget}"]`);
  let coming, wait, asked;
  button.hidden = true;
  const show = async () => {
    clearTimeout(wait);
    wait = null;
    asked?.abort();
    asked = new AbortController();
    const { signal } = asked;
    if (form.method === "post") {
      const request = { method: "POST", headers: { "HX-Request": "true" }, body: new FormData(form), signal };
      const answer = await fetch(button.formAction, request).catch(() => null);
      const said = answer?.status === 422 ? await answer.text().catch(() => "") : "";
      if (signal.aborted || wait) return; // more was typed since: that comes next
      if (wrong.innerHTML !== said) wrong.innerHTML = said;
      if (said) return;
    }
    if (coming !== shown) coming?.remove();
    const frame = shown.cloneNode();
    frame.removeAttribute("src");
    frame.name = `preview-${Date.now()}`;
    frame.classList.add("coming");
    shown.after(frame);
    frame.addEventListener("load", () => {
      if (frame !== coming) return;
      frame.classList.remove("coming");
      shown.remove();
      shown = frame;
    });
    coming = frame;
    button.formTarget = frame.name;
    form.requestSubmit(button);
  };
  form.addEventListener("input", () => { clearTimeout(wait); wait = setTimeout(show, 300); });
  form.addEventListener("focusin", (event) => {
    const views = event.target.dataset.seenIn?.split(" ") ?? [view.value];
    if (views.includes(view.value)) return;
    [view.value] = views;
    show();
  });
  form.addEventListener("submit", (event) => {
    if (event.submitter?.formTarget) return;
    clearTimeout(wait);
    asked?.abort();
  });
  button.addEventListener("click", (event) => { event.preventDefault(); show(); });
  if (form.dataset.unsaved === "true") show();
}

// A colour is chosen or typed.
for (const chosen of document.querySelectorAll("[data-writes]")) {
  const typed = document.getElementById(chosen.dataset.writes);
  chosen.parentElement.classList.add("works");
  chosen.addEventListener("input", () => { typed.value = chosen.value; });
  typed.addEventListener("input", () => { if (/^#[0-9a-f]{6}$/i.test(typed.value.trim())) chosen.value = typed.value.trim(); });
}

// Nobody loses what they typed by a click beside the button that saves it.
for (const form of document.querySelectorAll("[data-unsaved]")) {
  let leaves = false;
  const seen = form.querySelector(".looked");
  form.addEventListener("input", (event) => { if (!seen?.contains(event.target)) form.dataset.unsaved = "true"; });
  form.addEventListener("submit", (event) => { leaves ||= !event.submitter?.formTarget; });
  window.addEventListener("beforeunload", (event) => {
    if (form.dataset.unsaved !== "true" || leaves) return;
    event.preventDefault();
    setTimeout(rest); // for whoever stays
  });
}

// Enter does what the button beside the field does.
document.addEventListener("keydown", (event) => {
  const button = event.key === "Enter" && event.target.matches("input") && event.target.closest("[data-enter]")?.querySelector("button");
  if (!button) return;
  event.preventDefault();
  button.click();
});

// On a small screen the page one is on stands in the middle of its bar.
for (const current of document.querySelectorAll("nav [aria-current]")) {
  const bar = current.closest("nav");
  bar.scrollLeft = current.offsetLeft - bar.offsetLeft - (bar.clientWidth - current.offsetWidth) / 2;
}

document.addEventListener("htmx:load", (event) => localise(event.detail.elt));
localise(document);
