// How good the line is: one sentence that says what it means, and what it is read from.

import { html } from "../vendor.min.js";
import { useNow } from "../live.js";
import { Clock, Empty, Light, When, useMe } from "../parts.js";
import { TYPES, ago, count, lasting, plural, size } from "../words.js";
import { Masked } from "./reveal.js";

/** A round trip longer than this is felt when each message waits for its answer. */
const SLOW_SECONDS = 0.5;
/** A backlog older than this is not a moment's. */
const LATE_SECONDS = 60;
const SOON_SECONDS = 30 * 86400;
/** A sample is shown in rows of this many bytes. */
const ROW_BYTES = 16;
const ERRORS = {
  parity_errors: "parity errors",
  framing_errors: "framing errors (stop bits)",
  overruns: "overruns",
  buffer_overruns: "buffer overruns",
  breaks: "breaks",
};

const errorsOf = (line) => Object.keys(ERRORS).reduce((sum, name) => sum + (line[name] || 0), 0);

/** What is wrong with one part's line, the gravest first: [word, sentence]. */
function findings(name, part, now) {
  const line = part.line || {};
  const counters = part.counters;
  const found = [];
  const say = (word, text) => found.push([word, name, text]);
  const errors = errorsOf(line);
  if (part.state?.word === "failed") say("failed", part.state.reason);
  if (errors > 0 && part.type === "serial") {
    say("failed", `Cable or baud rate: ${Object.entries(ERRORS).filter(([id]) => line[id]).map(([id, title]) => `${count(line[id])} ${title}`).join(", ")}. `
      + "Compare baud rate, parity and stop bits with the device's; then look at the cable and its ground.");
  }
  const skipped = counters.skipped_bytes_total || 0;
  if (skipped > 0) {
    const share = skipped / Math.max(1, counters.bytes_in_total);
    const much = share > 0.5 ? "Most of what comes" : `${size(skipped)} (${share < 0.01 ? "less than 1" : Math.round(share * 100)} %) of what came`;
    say(share > 0.5 ? "failed" : "waiting", `${much} is no message by the framing ${line.framing || "that is configured"}. `
      + (part.type === "serial" && !errors ? "If the sample below looks garbled, it is the baud rate or the cable; if it reads well, it is the framing."
        : "The sample below shows what it is; try the framing auto."));
  }
  if (line.kernel_drops > 0) {
    say("failed", `The kernel dropped ${plural(line.kernel_drops, "datagram")}: they came faster than they were read. Raise the receive buffer (now ${size(line.receive_buffer_bytes)}) and net.core.rmem_max.`);
  }
  const peers = part.peers || [];
  if (part.kind === "destination") {
    const stuck = peers.filter((each) => each.unacknowledged_bytes > 0 && part.queued > 0);
    if (counters.stalls_total > 0 && part.queued > 0) {
      say("failed", `Peer stalled: it is connected and has taken nothing ${plural(counters.stalls_total, "time")}; ${plural(part.queued, "message")} wait. Look at the receiving system.`);
    } else if (part.state?.word === "running" && part.oldest_queued_age_seconds > LATE_SECONDS) {
      say("waiting", `Destination slow: it takes messages, but the oldest of ${count(part.queued)} has waited for ${lasting(part.oldest_queued_age_seconds)}.`
        + (stuck.length ? ` ${size(stuck[0].unacknowledged_bytes)} are under way and not acknowledged.` : ""));
    }
  }
  const slow = peers.filter((each) => each.round_trip_seconds > SLOW_SECONDS);
  if (slow.length) say("waiting", `The way to ${slow[0].peer} is long: ${lasting(slow[0].round_trip_seconds)} there and back.`);
  const left = line.certificate_expires_at && line.certificate_expires_at - now;
  if (left && left < SOON_SECONDS) {
    say(left < 0 ? "failed" : "waiting", left < 0 ? `The certificate expired ${ago(line.certificate_expires_at, now)}.` : `The certificate expires in ${lasting(left)}.`);
  }
  return found;
}

/** Bytes as Wireshark shows them: the place, hex, and what can be read of it. */
function Sample({ hex }) {
  const bytes = hex.match(/../g) || [];
  const rows = [];
  for (let at = 0; at < bytes.length; at += ROW_BYTES) rows.push(bytes.slice(at, at + ROW_BYTES));
  const read = (some) => some.map((each) => String.fromCharCode(parseInt(each, 16))).join("").replace(/[^ -~\xa1-\xff]/g, "·");
  return html`<pre class="sample" tabindex="0" role="region" aria-label="The last bytes that were skipped">${rows.map((row, index) =>
    `${(index * ROW_BYTES).toString(16).padStart(4, "0")}  ${row.join(" ").padEnd(ROW_BYTES * 3)} ${read(row)}\n`)}</pre>`;
}

function Peers({ name, peers }) {
  if (peers.length === 0) return null;
  const has = (key) => peers.some((each) => each[key] !== undefined);
  const columns = [
    ["framing", "Framing", (each) => each.framing],
    ["messages", "Messages", (each) => count(each.messages)],
    ["bytes", "Bytes", (each) => size(each.bytes)],
    ["round_trip_seconds", "Round trip", (each) => (each.round_trip_seconds < 0.001 ? "under 1 ms" : lasting(each.round_trip_seconds))],
    ["unacknowledged_bytes", "Not acknowledged", (each) => size(each.unacknowledged_bytes)],
    ["retransmits", "Retransmitted", (each) => plural(each.retransmits, "segment")],
  ].filter(([key]) => has(key));
  return html`<div class="table" tabindex="0" role="region" aria-label="Peers of ${name}"><table>
    <thead><tr><th scope="col">Peer</th><th scope="col">Connected</th>${columns.map(([key, title]) => html`<th key=${key} scope="col" class=${key === "framing" ? "" : "number"}>${title}</th>`)}</tr></thead>
    <tbody>${peers.map((each) => html`<tr key=${`${each.peer} ${each.since}`}><th scope="row" class="mono">${each.peer}</th><td><${When} at=${each.since} /></td>
      ${columns.map(([key, , shown]) => html`<td key=${key} class=${key === "framing" ? "" : "number"}>${each[key] === undefined ? "–" : shown(each)}</td>`)}</tr>`)}</tbody></table></div>`;
}

/** What is known of the line, as terms and what they are; what nobody knows is left out. */
function facts(part) {
  const line = part.line || {};
  const counters = part.counters;
  const found = Object.entries(line.framings_found || {}).map(([framing, peers]) => `${framing === "auto" ? "still looking" : framing} on ${plural(peers, "connection")}`);
  return [
    ["Framing", line.framing && [line.framing, found.length ? `found: ${found.join(", ")}` : ""].filter(Boolean).join("; ")],
    ["Bytes in", counters.bytes_in_total !== undefined && size(counters.bytes_in_total)],
    ["Skipped", line.skipped_bytes !== undefined && (line.skipped_bytes ? size(line.skipped_bytes) : "none")],
    ...Object.entries(ERRORS).map(([id, title]) => [title[0].toUpperCase() + title.slice(1), line[id] !== undefined && count(line[id])]),
    ["Check sums that were wrong", counters.bad_check_total > 0 && count(counters.bad_check_total)],
    ["Messages that never ended", counters.quarantined_total > 0 && count(counters.quarantined_total)],
    ["TLS handshakes that failed", counters.handshake_failures_total > 0 && count(counters.handshake_failures_total)],
    ["Turned away", counters.connections_refused_total > 0 && plural(counters.connections_refused_total, "connection")],
    ["Dropped by the kernel", line.kernel_drops !== undefined && plural(line.kernel_drops, "datagram")],
    ["Receive buffer", line.receive_buffer_bytes > 0 && size(line.receive_buffer_bytes)],
    ["Connections", counters.connections_total > 0 && `${count(counters.connections_total)} since it was started`],
    ["Opened again", line.reconnects !== undefined && `${plural(line.reconnects, "time")}`],
    ["Attempts that failed", counters.connect_failures_total > 0 && count(counters.connect_failures_total)],
    ["Stalled", counters.stalls_total > 0 && plural(counters.stalls_total, "time")],
    ["Sent again", counters.resent_messages_total > 0 && plural(counters.resent_messages_total, "message")],
    ["Answers that fit no message", counters.unmatched_answers_total > 0 && count(counters.unmatched_answers_total)],
    ["Certificate until", line.certificate_expires_at && html`<${Clock} at=${line.certificate_expires_at} />`],
  ].filter(([, known]) => known !== false && known !== undefined && known !== "" && known !== 0 && known !== null);
}

function Part({ channel, name, part, reload }) {
  const me = useMe();
  const line = part.line || {};
  return html`<section class="line-part" aria-label="Line of ${name}">
    <h3><${Light} word=${part.state?.word || "stopped"} bare /> ${name} <span class="muted small">${TYPES[part.type] || part.type} ${part.at || ""}</span></h3>
    <dl class="facts">${facts(part).map(([term, known]) => html`<div key=${term}><dt>${term}</dt><dd>${known}</dd></div>`)}</dl>
    ${line.skipped_bytes > 0 && (line.skipped_sample
      ? html`<p class="small muted">The last bytes that no framing could use:</p><${Sample} hex=${line.skipped_sample} />`
      : me.mayOperate ? html`<${Masked} name=${channel} onRevealed=${reload} />`
        : html`<p class="small muted">What was skipped is shown to operators.</p>`)}
    <${Peers} name=${name} peers=${part.peers || []} />
  </section>`;
}

export function Line({ channel, reload }) {
  const now = useNow();
  const parts = Object.entries(channel.parts);
  if (parts.length === 0) return html`<${Empty} title="There is no line"><p>This channel has neither a source nor a destination.</p></${Empty}>`;
  const found = parts.flatMap(([name, part]) => findings(name, part, now)).sort(([a], [b]) => (a === "failed" ? 0 : 1) - (b === "failed" ? 0 : 1));
  return html`<div class="line-quality">
    ${found.length === 0
      ? html`<p class="notice notice-good" role="status"><${Light} word="running" bare /> All well: whatever came was cut into messages, and nothing is lost or stuck on the way.</p>`
      : html`<ul class="findings">${found.map(([word, name, text]) => html`<li key=${`${name} ${text}`} class="notice notice-${word === "failed" ? "bad" : "wait"}">
          <${Light} word=${word} bare /> <strong>${name}</strong>: ${text}</li>`)}</ul>`}
    ${parts.map(([name, part]) => html`<${Part} key=${name} channel=${channel.name} name=${name} part=${part} reload=${reload} />`)}
  </div>`;
}
