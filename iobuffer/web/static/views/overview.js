// Every channel in one table: what needs somebody first, then by name.

import { html, useCallback, useMemo, useRef, useState } from "../vendor.min.js";
import { live, useAnswer, useLive } from "../live.js";
import { Empty, Light, Trouble, When, useMe } from "../parts.js";
import { Spark } from "../plot.js";
import { go, href } from "../place.js";
import { TYPES, URGENCY, WORDS, count, lasting, moment, plural, rate } from "../words.js";
import { fill, pace, pressure, withLine } from "./standing.js";
import { Troubles } from "./troubles.js";

const HISTORY_MS = 15_000;
/** A prefix that this many channels share is a group that folds. */
const GROUP = 3;
/** From so many channels on they are looked for by a part of their name. */
const MANY = 12;

const NONE = [];
const byName = new Intl.Collator(undefined, { numeric: true });

/** Where a source listens or dials, in a few characters. */
function whereabouts(part) {
  return [TYPES[part.type] || part.type, part.at].filter(Boolean).join(" ");
}

/** withLine for all of them; a channel of which nothing is new stays the same object. */
function useMerged(channels, lines) {
  const known = useRef(new Map());
  return useMemo(() => {
    const before = known.current;
    known.current = new Map(channels.map((channel) => {
      const line = lines[channel.name];
      const old = before.get(channel.name);
      const same = old && old.channel === channel && old.line === line;
      return [channel.name, same ? old : { channel, line, merged: withLine(channel, line) }];
    }));
    return [...known.current.values()].map((each) => each.merged)
      .sort((a, b) => URGENCY[a.state.word] - URGENCY[b.state.word] || byName.compare(a.name, b.name));
  }, [channels, lines]);
}

/** chem-1, chem-2, chem-3 -> chem; where a name does not share its beginning: "". */
function grouped(channels) {
  const prefix = (name) => /^(.+?)(?:[-_.][^-_.]*|\d+)$/.exec(name)?.[1] || "";
  const sizes = new Map();
  for (const { name } of channels) sizes.set(prefix(name), (sizes.get(prefix(name)) || 0) + 1);
  return (name) => (sizes.get(prefix(name)) >= GROUP ? prefix(name) : "");
}

/** What waits, as a bar against the limit and in figures. */
function Buffer({ channel }) {
  const { waiting, share } = fill(channel);
  if (!waiting && !channel.full) return html`<span class="muted">empty</span>`;
  const ages = Object.values(channel.parts).map((each) => each.oldest_queued_age_seconds || 0);
  const age = Math.max(0, ...ages);
  const wide = channel.full ? 64 : Math.max(3, Math.round(share * 64));
  return html`<span class="gauge"><svg width="64" height="10" aria-hidden="true"><rect class="pipe-tube" width="64" height="10" rx="2" />
    <rect class="pipe-${pressure(share, channel.full)}" width=${wide} height="10" rx="2" /></svg>
    <span title=${`${plural(waiting, "message")} wait${age ? `, the oldest for ${lasting(age)}` : ""}`}>${channel.full && html`<strong class="why-bad">full</strong> · `}${count(waiting)}${age > 1 ? ` · ${lasting(age)}` : ""}</span></span>`;
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

function Row({ channel, history, now }) {
  // Drawn again when something of this channel is new, whatever happens to the others.
  return useMemo(() => {
    const { source } = channel.parts;
    const destinations = Object.entries(channel.parts).filter(([name]) => name !== "source");
    const relays = Object.keys(channel.relays || {});
    const last = source?.counters.last_message_at;
    const arriving = pace(channel.rates, "messages_in");
    const open = (event) => {
      if (!event.target.closest("a, button")) go(href("channels", channel.name));
    };
    return html`<tr class="opens" onClick=${open}>
      <th scope="row"><span class="row"><${Light} word=${channel.state.word} bare />
        <a href=${href("channels", channel.name)}>${channel.name}</a></span>
        ${channel.description && html`<div class="small muted describes">${channel.description}</div>`}</th>
      <td>${source ? html`${whereabouts(source)} <${Light} word=${source.state?.word || "stopped"} bare />` : html`<span class="muted">${channel.enabled ? "pushed to" : "none"}</span>`}</td>
      <td class="rates">${history && html`<${Spark} values=${history.in} label="in, the last 15 minutes" />`}
        <span>${arriving > 0 ? rate(arriving) : html`<span class="muted">${last ? `quiet since ${moment(last, now)}` : "nothing yet"}</span>`}</span></td>
      <td><${Buffer} channel=${channel} /></td>
      <td>${destinations.map(([name, part]) => html`<span class="part">${name} <${Light} word=${part.state?.word || "stopped"} bare /></span> `)}
        ${relays.map((name) => html`<span class="part">${name} <span class="muted small">fetches</span></span> `)}
        ${destinations.length + relays.length === 0 && html`<span class="muted">none</span>`}</td>
      <td class="number">${last ? html`<${When} at=${last} />` : html`<span class="muted">–</span>`}</td>
    </tr>`;
  }, [channel, history]);
}

/** How many are how: each is a button that shows those alone. */
function Counts({ channels, shown, onShow }) {
  const words = Object.keys(URGENCY).filter((word) => channels.some((each) => each.state.word === word));
  if (words.length < 2) return null;
  return html`<div class="row counted" role="group" aria-label="Show">
    <button type="button" aria-pressed=${shown === ""} onClick=${() => onShow("")}>all ${count(channels.length)}</button>
    ${words.map((word) => html`<button type="button" key=${word} aria-pressed=${shown === word} onClick=${() => onShow(shown === word ? "" : word)}>
      <${Light} word=${word} bare /> ${count(channels.filter((each) => each.state.word === word).length)} <span aria-hidden="true">${WORDS[word]}</span></button>`)}
  </div>`;
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
  const { value, problem, reload } = useAnswer("/api/channels");
  const history = useAnswer("/api/history?points=30", HISTORY_MS).value;
  const [shown, setShown] = useState("");
  const [text, setText] = useState("");
  const channels = useMerged(value?.channels || NONE, lines);
  const done = useCallback(reload, []);
  if (!value) return html`<h1 class="unseen">Overview</h1><${Trouble} problem=${problem} />`;
  const wanted = text.toLowerCase();
  const some = channels.filter((each) => (!shown || each.state.word === shown)
    && `${each.name} ${each.description}`.toLowerCase().includes(wanted));
  const group = grouped(channels);
  const groups = new Map([["", []]]);
  for (const channel of some) {
    // What needs somebody stands outside of the folds.
    const name = channel.state.word === "failed" ? "" : group(channel.name);
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(channel);
  }
  const head = html`<thead><tr><th scope="col">Channel</th><th scope="col">Source</th><th scope="col">In (15 min)</th>
    <th scope="col">Buffer</th><th scope="col">Destinations</th><th scope="col" class="number">Last</th></tr></thead>`;
  const rows = (those) => those.map((each) => html`<${Row} key=${each.name} channel=${each} history=${history?.channels[each.name]} now=${live.now()} />`);
  return html`
    <div class="row overview-head"><h1 class=${channels.length ? "" : "unseen"}>Channels</h1>
      <${Counts} channels=${channels} shown=${shown} onShow=${setShown} />
      ${channels.length >= MANY && html`<input class="seek" type="search" aria-label="Channels containing" placeholder="containing…"
        value=${text} onInput=${(event) => setText(event.target.value)} />`}
      ${me.mayAdminister && channels.length > 0 && html`<a class="button row-end" href="#/new">New channel</a>`}</div>
    <${Trouble} problem=${problem} />
    <${Troubles} channels=${channels} alarms=${alarms} onDone=${done} />
    ${channels.length === 0 && html`<${First} />`}
    ${channels.length > 0 && html`<div class="table" tabindex="0" role="region" aria-label="Channels"><table class="channels">${head}
      ${[...groups].map(([name, those]) => (name && those.length >= GROUP
        ? html`<${Fold} key=${name} name=${name} channels=${those}>${rows(those)}</${Fold}>`
        : html`<tbody key=${name || "-"}>${rows(those)}</tbody>`))}
    </table></div>`}
    ${channels.length > 0 && some.length === 0 && html`<p class="muted">No channel is like that. <button type="button" class="link"
      onClick=${() => { setShown(""); setText(""); }}>Show all</button></p>`}`;
}
