// A channel drawn as what it is, left to right: the source with its peers, the buffer as a
// tank, and a pipe to each destination with what waits for it.

import { html } from "../vendor.min.js";
import { useNow } from "../live.js";
import { Light, Since, When } from "../parts.js";
import { href } from "../place.js";
import { TYPES, count, lasting, moment, plural, rate, size } from "../words.js";
import { Operate } from "./operate.js";
import { fill, pace, pressure } from "./standing.js";

/** Peers that are named in the drawing; the Line tab has all of them. */
const PEERS = 3;
/** What is there is seen, however small its share. */
const LEAST_SHARE = 0.04;

/** What happens when the buffer is full, by `when_full`. */
const WHEN_FULL = {
  block: "the source waits, and the sender keeps its messages",
  drop_oldest: "the oldest messages are lost",
  drop_newest: "new messages are lost",
};

/** The inside of a pipe, up to its arrow, and so much of it from there backwards. */
const INSIDE = "(100% - 11px)";
function backlog(share) {
  const part = Math.min(1, Math.max(LEAST_SHARE, share)).toFixed(3);
  return { x: `calc(${INSIDE} * ${(1 - part).toFixed(3)})`, width: `calc(${INSIDE} * ${part})` };
}

function Pace({ perSecond, last, never }) {
  const now = useNow();
  if (perSecond > 0) return html`<strong>${rate(perSecond)}</strong>`;
  return html`<span class="muted">${last ? `quiet since ${moment(last, now)}` : never}</span>`;
}

/** A pipe: open, or shut by whoever stopped or paused what it leads to. */
function Pipe({ word, share = 0, level = "plain" }) {
  const shut = word === "stopped" || word === "paused" || !word;
  return html`<svg class="pipe pipe-${shut ? "shut" : "open"}" width="100%" height="20" aria-hidden="true">
    <rect class="pipe-tube" y="4" height="12" style=${{ width: `calc${INSIDE}` }} />
    ${share > 0 && html`<rect class="pipe-${level}" y="4" height="12" style=${backlog(share)} />`}
    ${shut
      ? html`<svg x="50%" overflow="visible"><path class="pipe-valve" d="M-8 0v20M8 0v20" /></svg>`
      : html`<svg x="100%" overflow="visible"><path class="pipe-arrow" d="M-11 0 -1 10-11 20z" /></svg>`}
  </svg>`;
}

/** A part's sentence; what only repeats that it runs is said by its light. */
function Sentence({ state }) {
  if (!state) return html`<p class="muted small">Not running.</p>`;
  return html`<p class="small ${state.word === "failed" ? "why-bad" : "muted"}">${state.reason || state.word}
    ${state.word !== "running" && html` (<${Since} at=${state.since} />)`}</p>`;
}

function Title({ name, part, children }) {
  return html`<div class="flow-title"><${Light} word=${part.state?.word || "stopped"} />
    <h3>${name}</h3> <span class="muted small flow-type">${TYPES[part.type] || part.type}</span>${children}</div>`;
}

function Peers({ channel, peers }) {
  if (peers.length === 0) return null;
  const shown = peers.slice(0, PEERS);
  return html`<ul class="peers small" aria-label="Connected">
    ${shown.map((each) => html`<li key=${each.peer}>${each.peer} <span class="muted">since <${When} at=${each.since} /></span></li>`)}
    ${peers.length > PEERS && html`<li><a href=${href("channels", channel, "line")}>and ${count(peers.length - PEERS)} more</a></li>`}
  </ul>`;
}

function Source({ channel, onDone }) {
  const { source } = channel.parts;
  if (!source) {
    return html`<div class="flow-card flow-source flow-none" role="group" aria-label="Source"><h3>No source</h3>
      <p class="small muted">${channel.enabled ? "Another iobuffer pushes messages to this channel, as a user of the role relay."
        : "Nothing comes in. What is stored is kept, and can be read and sent again."}</p>
      ${channel.enabled && html`<p class="flow-pace"><${Pace} perSecond=${pace(channel.rates, "messages_in")} never="" /></p>`}</div>`;
  }
  const counters = source.counters;
  return html`<div class="flow-card flow-source" role="group" aria-label="Source">
    <${Title} name="source" part=${source}><${Operate} channel=${channel} part="source" onDone=${onDone} /></${Title}>
    <${Sentence} state=${source.state} />
    <p class="flow-pace"><${Pace} perSecond=${pace(channel.rates, "messages_in")} last=${counters.last_message_at} never="nothing has come yet" />
      ${counters.messages_in_total > 0 && html`<br /><span class="muted small">${plural(counters.messages_in_total, "message")} since it was started</span>`}</p>
    <${Peers} channel=${channel.name} peers=${source.peers || []} />
    ${counters.skipped_bytes_total > 0 && html`<p class="small"><a href=${href("channels", channel.name, "line")}>▲ ${size(counters.skipped_bytes_total)} could not be framed</a></p>`}
  </div>`;
}

/** What is kept, and within it what still waits for a destination. */
function Tank({ kept, waiting, level }) {
  const tall = 96;
  const high = (share) => (share > 0 ? Math.max(3, share * (tall - 4)) : 0);
  const keptHigh = Math.max(high(kept), high(waiting));
  return html`<svg class="tank" viewBox="0 0 64 ${tall}" width="64" height=${tall} aria-hidden="true">
    <rect class="tank-wall" x="1" y="1" width="62" height=${tall - 2} rx="6" />
    <rect class="tank-kept" x="3" y=${tall - 2 - keptHigh} width="58" height=${keptHigh} />
    <rect class="pipe-${level}" x="3" y=${tall - 2 - high(waiting)} width="58" height=${high(waiting)} />
    <path class="tank-mark" d="M63 ${2 + (tall - 4) * 0.2}h-10" />
  </svg>`;
}

function oldest(channel) {
  return Math.max(0, ...Object.values(channel.parts).map((each) => each.oldest_queued_age_seconds || 0));
}

function Buffer({ channel }) {
  const { store, limits, full } = channel;
  const { waiting, bytes, share, kept } = fill(channel);
  const age = oldest(channel);
  const most = [size(limits.max_bytes), limits.max_messages && plural(limits.max_messages, "message")].filter(Boolean).join(" or ");
  return html`<div class="flow-card flow-buffer" role="group" aria-label="Buffer">
    <h3>buffer</h3>
    <div class="flow-tank"><${Tank} kept=${kept} waiting=${share} level=${pressure(share, full)} />
      <div>
        <p class=${full ? "why-bad" : ""}>${full ? html`<${Light} word="failed" bare /> <strong>full</strong>` : waiting > 0
          ? html`<strong>${plural(waiting, "message")}</strong> ${waiting === 1 ? "waits" : "wait"}` : html`<strong>Nothing waits</strong>`}
          ${waiting > 0 && html`<br /><span class="small muted">${size(bytes)}${age > 1 ? `, the oldest for ${lasting(age)}` : ""}</span>`}</p>
        ${store && html`<p class="small muted">${plural(store.stored_messages, "message")} kept: ${size(store.stored_bytes)} of ${most}</p>`}
        <p class="small muted">When full, ${WHEN_FULL[limits.when_full]}.</p>
      </div>
    </div>
    ${store?.damaged_messages > 0 && html`<p class="small why-bad">▲ ${plural(store.damaged_messages, "message")} cannot be read: the disk or the file is damaged.</p>`}
  </div>`;
}

function Destination({ channel, name, part, onDone }) {
  const { store, limits } = channel;
  const share = Math.max(
    limits.max_messages ? part.queued / limits.max_messages : 0,
    store?.stored_messages ? (Math.min(1, part.queued / store.stored_messages) * store.stored_bytes) / limits.max_bytes : 0,
  );
  const age = part.oldest_queued_age_seconds;
  const parked = part.ledger?.parked || 0;
  return html`<li class="flow-out">
    <div class="flow-pipe">
      <div class="small"><${Pace} perSecond=${pace(channel.rates, `messages_out:${name}`)} last=${part.counters.last_delivery_at} never="nothing yet" /></div>
      <${Pipe} word=${part.state?.word} share=${share} level=${pressure(share, channel.full)} />
      <div class="small ${part.queued > 0 ? "" : "muted"}">${part.queued > 0
        ? html`${count(part.queued)} ${part.queued === 1 ? "waits" : "wait"}${age > 1 ? `, ${lasting(age)}` : ""}` : "nothing waits"}</div>
    </div>
    <div class="flow-card" role="group" aria-label="Destination ${name}">
      <${Title} name=${name} part=${part}><${Operate} channel=${channel} part=${name} onDone=${onDone} /></${Title}>
      <${Sentence} state=${part.state} />
      ${parked > 0 && html`<p class="small"><a href=${href("channels", channel.name, "parked")}>▲ ${plural(parked, "message")} refused and parked</a></p>`}
    </div>
  </li>`;
}

/** Another gateway that fetches from here, with a cursor of its own. */
function Relay({ name, relay }) {
  return html`<li class="flow-out">
    <div class="flow-pipe"><${Pipe} word="running" />
      <div class="small ${relay.queued > 0 ? "" : "muted"}">${relay.queued > 0 ? `${count(relay.queued)} wait` : "nothing waits"}</div></div>
    <div class="flow-card" role="group" aria-label="Relay ${name}"><div class="flow-title"><h3>${name}</h3>
      <span class="muted small flow-type">another iobuffer</span></div>
      <p class="small muted">It fetches from here as the user ${name}, up to message ${count(relay.cursor)}.</p></div>
  </li>`;
}

export function Flow({ channel, onDone }) {
  const destinations = Object.entries(channel.parts).filter(([, part]) => part.kind === "destination");
  const relays = Object.entries(channel.relays || {});
  return html`<section class="flow" aria-label="Flow">
    <${Source} channel=${channel} onDone=${onDone} />
    <div class="flow-pipe flow-in"><${Pipe} word=${channel.parts.source ? channel.parts.source.state?.word : channel.enabled && "running"} /></div>
    <${Buffer} channel=${channel} />
    <ul class="flow-outs">
      ${destinations.map(([name, part]) => html`<${Destination} key=${name} channel=${channel} name=${name} part=${part} onDone=${onDone} />`)}
      ${relays.map(([name, relay]) => html`<${Relay} key=${name} name=${name} relay=${relay} />`)}
      ${destinations.length + relays.length === 0 && html`<li class="flow-out"><div class="flow-pipe"><${Pipe} /></div>
        <div class="flow-card flow-none"><h3>No destination</h3><p class="small muted">Messages are kept here as long as they fit, until
          another iobuffer fetches them or a destination is added in <a href=${href("channels", channel.name, "settings")}>Settings</a>.</p></div></li>`}
    </ul>
  </section>`;
}
