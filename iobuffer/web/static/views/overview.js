// Every channel in one table: what needs somebody first, then by name.

import { html, useMemo, useState } from "../vendor.min.js";
import { useAnswer, useLive, useNow } from "../live.js";
import { Empty, Light, State, Trouble, When, useMe } from "../parts.js";
import { Spark } from "../plot.js";
import { go, href } from "../place.js";
import { TYPES, URGENCY, ago, count, exactly, lasting, plural, rate } from "../words.js";

const HISTORY_MS = 15_000;
/** A prefix that this many channels share is a group that folds. */
const GROUP = 3;

/** Where a source listens or dials, in a few characters. */
export function whereabouts(part) {
  return [TYPES[part.type] || part.type, part.at].filter(Boolean).join(" ");
}

/** The channels' views, with what is live laid over them. */
function merged(channels, lines) {
  return channels.map((channel) => {
    const line = lines[channel.name];
    if (!line) return channel;
    const parts = { ...channel.parts };
    for (const [name, part] of Object.entries(parts)) {
      parts[name] = { ...part, state: line.parts[name] || part.state };
      if (name in line.queued) parts[name].queued = line.queued[name];
    }
    return { ...channel, state: line.state, rates: { ...channel.rates, last_second: line.rates }, parts };
  });
}

/** chem-1, chem-2, chem-3 -> chem; where a name does not share its beginning: "". */
function grouped(channels) {
  const prefix = (name) => /^(.*?)[-_.\d]+[^-_.]*$/.exec(name)?.[1] || "";
  const sizes = new Map();
  for (const { name } of channels) sizes.set(prefix(name), (sizes.get(prefix(name)) || 0) + 1);
  return (name) => (sizes.get(prefix(name)) >= GROUP ? prefix(name) : "");
}

function Buffer({ channel }) {
  const queues = Object.values(channel.parts).filter((each) => each.kind === "destination");
  const worst = queues.reduce((most, each) => (each.queued > (most?.queued || 0) ? each : most), null);
  if (channel.full) {
    return html`<span class="light-failed">full</span>`;
  }
  if (!worst) return html`<span class="muted">empty</span>`;
  const age = worst.oldest_queued_age_seconds;
  return html`<span>${count(worst.queued)}${age ? html` · <span title="age of the oldest">${lasting(age)}</span>` : ""}</span>`;
}

/** Channels of one prefix, behind one row. Folded, it shows how many and how they are. */
function Fold({ name, channels, children }) {
  const [open, setOpen] = useState(true);
  const words = [...new Set(channels.map((each) => each.state.word))];
  return html`<tbody class="fold">
    <tr><th colspan="6" scope="rowgroup"><button type="button" class="quiet" aria-expanded=${open}
      onClick=${() => setOpen(!open)}><span aria-hidden="true">${open ? "▾" : "▸"}</span>
      ${name} <span class="muted">${plural(channels.length, "channel")}</span>
      ${!open && words.map((word) => html`<${Light} word=${word} bare />`)}</button></th></tr>
    ${open && children}
  </tbody>`;
}

function Row({ channel, history }) {
  const now = useNow();
  const { source } = channel.parts;
  const destinations = Object.entries(channel.parts).filter(([name]) => name !== "source");
  const last = source?.counters.last_message_at;
  const arriving = channel.rates.last_minute?.messages_in;
  const open = (event) => {
    if (!event.target.closest("a, button")) go(href("channels", channel.name));
  };
  return html`<tr class="opens" onClick=${open}>
    <th scope="row"><span class="row"><${Light} word=${channel.state.word} bare />
      <a href=${href("channels", channel.name)}>${channel.name}</a></span>
      ${channel.description && html`<div class="small muted describes">${channel.description}</div>`}</th>
    <td>${source ? html`${whereabouts(source)} <${Light} word=${source.state?.word || "stopped"} bare />` : html`<span class="muted">pushed to</span>`}</td>
    <td class="rates">${history && html`<${Spark} values=${history.in} label="in, the last 15 minutes" />`}
      <span>${arriving > 0 ? rate(arriving) : html`<span class="muted">${last ? `quiet since ${new Date(last * 1000).toTimeString().slice(0, 5)}` : "nothing yet"}</span>`}</span></td>
    <td><${Buffer} channel=${channel} /></td>
    <td>${destinations.map(([name, part]) => html`<span class="part">${name} <${Light} word=${part.state?.word || "stopped"} bare /></span> `)}
      ${destinations.length === 0 && html`<span class="muted">none</span>`}</td>
    <td class="number">${last ? html`<span title=${exactly(last)}>${ago(last, now)}</span>` : html`<span class="muted">–</span>`}</td>
  </tr>`;
}

/** What needs somebody, in sentences: one a channel's part, and the alarms. */
function Troubles({ channels, alarms }) {
  const found = [];
  for (const channel of channels) {
    if (!channel.enabled) continue;
    for (const [name, part] of Object.entries(channel.parts)) {
      const word = part.state?.word;
      if (word !== "failed" && !(word === "stopped" && part.state.reason)) continue;
      found.push({
        word,
        channel: channel.name,
        part: name === "source" ? "" : name,
        text: part.state.reason || "stopped",
        at: part.state.since,
        parked: part.ledger?.parked || 0,
      });
    }
  }
  for (const alarm of alarms) {
    if (alarm.alarm === "link_down" && found.some((each) => each.channel === alarm.channel)) continue;
    found.push({ word: "failed", channel: alarm.channel, part: alarm.part === "source" ? "" : alarm.part, text: alarm.text, at: alarm.raised_at, parked: 0 });
  }
  if (found.length === 0) return null;
  return html`<section class="troubles" aria-labelledby="troubles">
    <h2 id="troubles">Needs attention</h2>
    <ul>${found.map((each) => html`<li>
      <${Light} word=${each.word} bare />
      <span>${each.channel ? html`<a href=${href("channels", each.channel)}><strong>${each.channel}</strong>${each.part && ` → ${each.part}`}</a>` : html`<strong>gateway</strong>`}
        <span class="why"> ${each.text}</span> <span class="muted small">since <${When} at=${each.at} /></span></span>
      ${each.parked > 0 && html`<a class="button row-end" href=${href("channels", each.channel, "parked")}>See ${plural(each.parked, "parked message")}</a>`}
    </li>`)}</ul>
  </section>`;
}

function First() {
  const me = useMe();
  return html`<${Empty} title="No channel yet">
    <p>A channel takes messages from one device or system and delivers them to others.</p>
    ${me.mayAdminister
      ? html`<div class="row first">
          <a class="button primary" href="#/new">Fill in a form</a>
          <a class="button" href=${href("new", { by: "json" })}>Paste the JSON of the documentation</a>
          <a class="button" href=${href("new", { by: "listening" })}>Listen on a port and see what comes</a>
        </div>`
      : html`<p>An administrator makes the first one.</p>`}
  </${Empty}>`;
}

export function Overview() {
  const me = useMe();
  const { lines, alarms } = useLive();
  const { value, problem } = useAnswer("/api/channels");
  const history = useAnswer("/api/history?points=30", HISTORY_MS).value;
  const channels = useMemo(() => {
    const found = merged(value?.channels || [], lines);
    return found.sort((a, b) => URGENCY[a.state.word] - URGENCY[b.state.word] || a.name.localeCompare(b.name, undefined, { numeric: true }));
  }, [value, lines]);
  if (!value) return html`<h1 class="unseen">Overview</h1><${Trouble} problem=${problem} />`;
  const group = grouped(channels);
  const groups = new Map();
  for (const channel of channels) {
    // What needs somebody stands outside of the folds.
    const name = channel.state.word === "failed" ? "" : group(channel.name);
    groups.set(name, [...(groups.get(name) || []), channel]);
  }
  const head = html`<thead><tr><th scope="col">Channel</th><th scope="col">Source</th><th scope="col">In (15 min)</th>
    <th scope="col">Buffer</th><th scope="col">Destinations</th><th scope="col" class="number">Last</th></tr></thead>`;
  const rows = (some) => some.map((each) => html`<${Row} key=${each.name} channel=${each} history=${history?.channels[each.name]} />`);
  return html`
    <div class="row"><h1 class=${channels.length ? "" : "unseen"}>Channels</h1>
      ${me.mayAdminister && channels.length > 0 && html`<a class="button row-end" href="#/new">New channel</a>`}</div>
    <${Trouble} problem=${problem} />
    <${Troubles} channels=${channels} alarms=${alarms} />
    ${channels.length === 0 && html`<${First} />`}
    ${channels.length > 0 && html`<div class="table" tabindex="0" role="region" aria-label="Channels"><table class="channels">${head}
      ${[...groups].map(([name, some]) => (name && some.length >= GROUP
        ? html`<${Fold} key=${name} name=${name} channels=${some}>${rows(some)}</${Fold}>`
        : html`<tbody key=${name || "-"}>${rows(some)}</tbody>`))}
    </table></div>`}`;
}
