// Start, stop, pause, resume and restart: a channel by its buttons, a part by its menu.
// What closes connections is asked about before.

import { html, useEffect, useRef, useState } from "../vendor.min.js";
import { api, channelPath, withQuery } from "../api.js";
import { Dialog, Trouble, useDeed, useMe } from "../parts.js";
import { plural } from "../words.js";

const TITLES = { start: "Start", resume: "Resume", pause: "Pause", restart: "Restart", stop: "Stop" };
const ASKED = new Set(["stop", "restart"]);
/** Peers that a question names; of more it tells how many. */
const NAMED = 5;

/** What can be done with parts of these states, in the order of the buttons. */
function verbs(parts) {
  const words = parts.map((each) => each.state?.word || "stopped");
  const some = (...wanted) => words.some((each) => wanted.includes(each));
  const runs = words.some((each) => each !== "stopped");
  return [
    some("stopped") && "start",
    (some("paused") || parts.some((each) => each.halted)) && "resume",
    some("running", "waiting", "starting", "failed") && !parts.every((each) => each.halted) && "pause",
    runs && "restart",
    runs && "stop",
  ].filter(Boolean);
}

/** What a verb does to whom, before it is done: sentences. */
function consequences(channel, part, verb) {
  const parts = part ? { [part]: channel.parts[part] } : channel.parts;
  const said = [];
  for (const [name, each] of Object.entries(parts)) {
    const peers = each.peers || [];
    if (name === "source" && peers.length > 0) {
      const named = peers.slice(0, NAMED).map((one) => one.peer).join(", ");
      const more = peers.length > NAMED ? ` and ${peers.length - NAMED} more` : "";
      said.push(`${plural(peers.length, "sender is", "senders are")} disconnected: ${named}${more}.`);
    } else if (name === "source" && each.state?.word !== "stopped") {
      said.push("No sender is connected now.");
    } else if (name !== "source" && each.state?.word === "running") {
      said.push(`The connection to ${name} is closed.`);
    }
    if (each.queued > 0) said.push(`${plural(each.queued, "message")} for ${name} wait here until it takes them.`);
  }
  if (verb === "stop") {
    said.push(part && part !== "source"
      ? "It stays stopped until it is started, or the gateway is started again."
      : "Until it is started again (or the gateway is), nothing can be sent to it.");
  } else {
    said.push("It is opened again at once.");
  }
  return said;
}

function Question({ channel, part, verb, busy, problem, onYes, onClose }) {
  const what = part ? `${part} of ${channel.name}` : channel.name;
  return html`<${Dialog} title="${TITLES[verb]} ${what}?" onClose=${onClose}>
    ${consequences(channel, part, verb).map((each) => html`<p>${each}</p>`)}
    <p class="muted">What is stored stays stored.</p>
    <${Trouble} problem=${problem} />
    <div class="answers"><button type="button" onClick=${onClose}>Cancel</button>
      <button type="button" class="primary" autofocus disabled=${busy} onClick=${onYes}>${TITLES[verb]}</button></div>
  </${Dialog}>`;
}

/** [ask(verb), what to draw, busy] for a channel, or a part of it. */
function useVerb(channel, part, onDone) {
  const [asked, setAsked] = useState(null);
  const [run, busy, problem] = useDeed(async (verb) => {
    await api.post(withQuery(channelPath(channel.name, verb), { part }));
    setAsked(null);
    onDone();
  });
  const ask = (verb) => (ASKED.has(verb) ? setAsked(verb) : run(verb));
  const drawn = asked
    ? html`<${Question} channel=${channel} part=${part} verb=${asked} busy=${busy} problem=${problem}
        onYes=${() => run(asked)} onClose=${() => setAsked(null)} />`
    : html`<${Trouble} problem=${problem} />`;
  return [ask, drawn, busy];
}

/** The buttons of a channel as a whole. */
export function OperateChannel({ channel, onDone }) {
  const me = useMe();
  const [ask, drawn, busy] = useVerb(channel, "", onDone);
  if (!me.mayOperate || !channel.enabled) return null;
  return html`<div class="row operate" role="group" aria-label="Operate ${channel.name}">
    ${verbs(Object.values(channel.parts)).map((verb) => html`<button type="button" key=${verb} disabled=${busy}
      onClick=${() => ask(verb)}>${TITLES[verb]}</button>`)}</div>
    ${drawn}`;
}

/** The menu of one part. */
export function Operate({ channel, part, onDone }) {
  const me = useMe();
  const [open, setOpen] = useState(false);
  const place = useRef(null);
  const [ask, drawn, busy] = useVerb(channel, part, onDone);
  useEffect(() => {
    if (!open) return undefined;
    place.current.querySelector(":scope > ul button")?.focus();
    const elsewhere = (event) => { if (!place.current.contains(event.target)) setOpen(false); };
    document.addEventListener("pointerdown", elsewhere);
    document.addEventListener("focusin", elsewhere);
    return () => {
      document.removeEventListener("pointerdown", elsewhere);
      document.removeEventListener("focusin", elsewhere);
    };
  }, [open]);
  if (!me.mayOperate || !channel.enabled) return null;
  const close = () => {
    setOpen(false);
    place.current.querySelector(":scope > button").focus();
  };
  return html`<div class="menu" ref=${place} onKeyDown=${(event) => { if (event.key === "Escape" && open) close(); }}>
    <button type="button" class="quiet" aria-expanded=${open} aria-label="Operate ${part}" disabled=${busy}
      onClick=${() => setOpen(!open)}>⋯</button>
    ${open && html`<ul>${verbs([channel.parts[part]]).map((verb) => html`<li key=${verb}><button type="button" class="quiet"
      onClick=${() => { close(); ask(verb); }}>${TITLES[verb]}</button></li>`)}</ul>`}
    ${drawn}
  </div>`;
}
