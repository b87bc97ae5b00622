// What needs somebody, in sentences, with what can be done about it at once.

import { html, useState } from "../vendor.min.js";
import { api, channelPath, withQuery } from "../api.js";
import { useAnswer } from "../live.js";
import { Dialog, Light, Since, Trouble, useDeed, useMe } from "../parts.js";
import { href } from "../place.js";
import { plural } from "../words.js";

const PARKED_MS = 15_000;
/** Parked messages that one retry takes; the gateway answers when the last is through. */
const RETRIED = 500;
/** Of very many troubles the first are told; the table below has all. */
const MOST = 30;

/** [{word, channel, part, text, at, ...}], the gravest first. */
function found(channels, alarms) {
  const parts = [];
  const refused = [];
  for (const channel of channels) {
    if (!channel.enabled) continue;
    const { name } = channel;
    if (channel.full) parts.push({ word: "failed", channel: name, part: "", text: channel.state.reason || "the buffer is full", at: channel.state.since });
    for (const [part, each] of Object.entries(channel.parts)) {
      const word = each.state?.word;
      if (word === "failed" || (word === "stopped" && each.state.reason)) {
        const verb = each.halted ? "resume" : word === "stopped" ? "start" : "";
        parts.push({ word, channel: name, part, text: each.state.reason || word, at: each.state.since, verb });
      }
      if (each.ledger?.parked > 0) refused.push({ word: "failed", channel: name, part, parked: each.ledger.parked });
    }
  }
  const told = (where, alarm) => where.some((each) => each.channel === alarm.channel && each.part === alarm.part);
  const raised = alarms
    .filter((each) => !(each.alarm === "link_down" && told(parts, each)) && !(each.alarm === "naks" && told(refused, each)))
    .map((each) => ({ word: "failed", channel: each.channel, part: each.part, text: each.text, at: each.raised_at }));
  return [...parts.filter((each) => each.word === "failed"), ...refused, ...raised, ...parts.filter((each) => each.word === "stopped")];
}

/** One button that does one thing, and says there if it could not be done. */
function Verb({ channel, part, verb, onDone }) {
  const [run, busy, problem] = useDeed(async () => {
    await api.post(withQuery(channelPath(channel, verb), { part }));
    onDone();
  });
  const title = verb === "resume" ? "Resume" : "Start";
  return html`<button type="button" disabled=${busy} aria-label="${title} ${part} of ${channel}" onClick=${run}>${title}</button>
    ${problem && html`<${Trouble} problem=${problem} />`}`;
}

function inWords({ delivered, refused, stopped }) {
  const said = [`${plural(delivered, "message has", "messages have")} arrived`];
  if (refused.length) said.push(`${plural(refused.length, "message was", "messages were")} refused again`);
  if (stopped) said.push(`then it went no further: ${stopped}`);
  return `${said.join("; ")}.`;
}

/** Send what is parked again, after it was said what that means. */
function Retry({ channel, part, parked, onClose, onDone }) {
  const [answer, setAnswer] = useState(null);
  const [run, busy, problem] = useDeed(async () => {
    const page = await api.get(channelPath(channel, "parked"), { destination: part, limit: RETRIED });
    const seqs = page.parked.map((each) => each.seq);
    setAnswer(seqs.length ? await api.post(channelPath(channel, "parked", "retry"), { destination: part, seqs })
      : { delivered: 0, refused: [], stopped: "nothing is parked any more" });
    onDone();
  });
  const some = Math.min(parked, RETRIED);
  return html`<${Dialog} title="Send to ${part} again?" onClose=${onClose}>
    ${answer
      ? html`<p role="status">${inWords(answer)}</p>`
      : html`<p>This sends ${parked > some ? "the first " : ""}${plural(some, "message")} of ${channel} to ${part} again. What it takes is parked no more;
          what it refuses stays.</p>`}
    <${Trouble} problem=${problem} />
    <div class="answers">${answer
      ? html`<button type="button" class="primary" autofocus onClick=${onClose}>Close</button>`
      : html`<button type="button" onClick=${onClose}>Cancel</button>
        <button type="button" class="primary" autofocus disabled=${busy} onClick=${run}>${busy ? "Sending…" : "Send again"}</button>`}</div>
  </${Dialog}>`;
}

/** What a destination has refused: how many, since when, and why. */
function Refused({ channel, part, parked }) {
  const path = withQuery(channelPath(channel, "parked"), { destination: part, limit: 1 });
  const first = useAnswer(path, PARKED_MS).value?.parked[0];
  return html`<span class="why">refused ${plural(parked, "message")}${first
    && html` <${Since} at=${first.parked_at} />${first.reason && !first.masked ? ` (${first.reason})` : ""}`}</span>`;
}

function Where({ channel, part }) {
  if (!channel) return html`<strong>gateway</strong>`;
  const where = part === "source" ? " source" : part && ` → ${part}`;
  return html`<a href=${href("channels", channel)}><strong>${channel}</strong>${where}</a>`;
}

function One({ trouble, onRetry, onDone }) {
  const me = useMe();
  const { word, channel, part, text, at, parked, verb } = trouble;
  return html`<li><${Light} word=${word} bare />
    <span class="what"><${Where} channel=${channel} part=${part} /> ${" "}
      ${parked ? html`<${Refused} channel=${channel} part=${part} parked=${parked} />`
        : html`<span class="why">${text}</span> <span class="muted small">(<${Since} at=${at} />)</span>`}</span>
    <span class="deeds">
      ${parked && html`<a class="button" href=${href("channels", channel, "parked")}>See them</a>`}
      ${parked && me.mayOperate && html`<button type="button" aria-label="Retry ${part} of ${channel}" onClick=${() => onRetry(trouble)}>Retry</button>`}
      ${verb && me.mayOperate && html`<${Verb} channel=${channel} part=${part} verb=${verb} onDone=${onDone} />`}
    </span></li>`;
}

export function Troubles({ channels, alarms, onDone }) {
  const [retried, setRetried] = useState(null);
  const all = found(channels, alarms);
  const shown = all.slice(0, MOST);
  // The question stays, with its answer, when the trouble has gone.
  const question = retried && html`<${Retry} ...${retried} onDone=${onDone} onClose=${() => setRetried(null)} />`;
  if (all.length === 0) return question;
  return html`<section class="troubles" aria-labelledby="troubles">
    <h2 id="troubles">Needs attention</h2>
    <ul>${shown.map((each) => html`<${One} key=${[each.channel, each.part, each.parked ? "parked" : each.text.slice(0, 24)].join(" ")}
      trouble=${each} onRetry=${setRetried} onDone=${onDone} />`)}</ul>
    ${all.length > MOST && html`<p class="muted">and ${plural(all.length - MOST, "more", "more")}; the table has all.</p>`}
    ${question}
  </section>`;
}
