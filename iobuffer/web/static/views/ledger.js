// Where every message is: the sum of each destination, spelled out, and that of the bytes.
// It prints as a document.

import { html } from "../vendor.min.js";
import { live, useAnswer } from "../live.js";
import { Empty } from "../parts.js";
import { href } from "../place.js";
import { count, exactly, plural, size } from "../words.js";

const DELIVERED = {
  acknowledged: "delivered: the receiving system said so",
  received: "delivered: its machine, or the disk, has it",
  sent: "delivered: given to the network, nobody confirms it",
};
const DROPPED = {
  full: "the buffer was full",
  damaged: "they cannot be read any more",
  orphaned: "their destination was removed",
};

/** One line of a sum: what, how many; `of` is the sign before it. */
function Line({ sign = "", what, amount, total = false, help }) {
  return html`<tr class=${total ? "total" : ""}><td class="sign" aria-hidden="true">${sign}</td>
    <td>${what}${help && html` <span class="muted small">${help}</span>`}</td><td class="number">${count(amount)}</td></tr>`;
}

/** A tick, or the difference in words. */
function Verdict({ difference, missing, over, what }) {
  if (difference === 0) return html`<p class="verdict good">✓ It adds up: ${what}.</p>`;
  return html`<p class="verdict bad" role="alert">▲ ${difference > 0 ? missing(difference) : over(-difference)}${" "}
    Run <code>iobuffer audit</code> on the gateway, and keep its output for the report of this fault.</p>`;
}

function Sum({ title, note, children, verdict }) {
  return html`<section class="card sum" aria-label=${title}><h3>${title}</h3>
    ${note && html`<p class="small muted">${note}</p>`}
    <table>${children}</table>${verdict}</section>`;
}

function Messages({ title, ledger, note }) {
  const delivered = Object.entries(ledger.delivered).filter(([, amount]) => amount > 0);
  const dropped = Object.entries(ledger.dropped).filter(([, amount]) => amount > 0);
  return html`<${Sum} title=${title} note=${note} verdict=${html`<${Verdict} difference=${ledger.balance}
      what="received = delivered + queued + parked + dropped"
      missing=${(n) => `Nobody accounts for ${plural(n, "message")}.`}
      over=${(n) => `${plural(n, "message is", "messages are")} counted twice.`} />`}>
    <tbody>
      <${Line} what="received" amount=${ledger.received} total help=${ledger.start_seq > 0 ? `since message ${count(ledger.start_seq + 1)}, when it was added` : ""} />
      ${delivered.length === 0 && html`<${Line} sign="=" what="delivered" amount=${0} />`}
      ${delivered.map(([confidence, amount], index) => html`<${Line} key=${confidence} sign=${index ? "+" : "="} what=${DELIVERED[confidence] || confidence} amount=${amount} />`)}
      <${Line} sign="+" what="queued" amount=${ledger.queued} help="wait to be delivered" />
      <${Line} sign="+" what="parked" amount=${ledger.parked} help="refused, and kept for a decision" />
      ${dropped.length === 0 && html`<${Line} sign="+" what="dropped" amount=${0} />`}
      ${dropped.map(([reason, amount]) => html`<${Line} key=${reason} sign="+" what="dropped: ${DROPPED[reason] || reason}" amount=${amount} />`)}
    </tbody>
    ${ledger.replayed > 0 && html`<tbody class="beside"><${Line} what="replayed" amount=${ledger.replayed} help="sent once more on request; counted above when they were first delivered" /></tbody>`}
  </${Sum}>`;
}

function Bytes({ source, tallies }) {
  const { bytes_in: came = 0, bytes_framed: framed = 0, bytes_skipped: skipped = 0, oversize = 0, kernel_drops: drops = 0 } = tallies;
  const held = source?.counters.partial_bytes || 0;
  return html`<${Sum} title="Bytes of the source" note="Since the channel is kept, over all starts of the gateway."
    verdict=${html`<${Verdict} difference=${came - framed - skipped} what="bytes in = framed + skipped"
      missing=${(n) => `${plural(n, "byte")} came in and ${n === 1 ? "is" : "are"} neither in a message nor skipped.`}
      over=${(n) => `${plural(n, "byte is", "bytes are")} counted that did not come in.`} />`}>
    <tbody><${Line} what="bytes in" amount=${came} total />
      <${Line} sign="=" what="framed" amount=${framed} help="within messages, with what frames them" />
      <${Line} sign="+" what="skipped" amount=${skipped} help="no framing could use them" /></tbody>
    ${(held > 0 || oversize > 0 || drops > 0) && html`<tbody class="beside">
      ${held > 0 && html`<${Line} what="bytes of messages that have not ended yet" amount=${held} help="counted when they have" />`}
      ${oversize > 0 && html`<${Line} what="messages longer than max_message_bytes" amount=${oversize} />`}
      ${drops > 0 && html`<${Line} what="datagrams that the kernel dropped" amount=${drops} help="they never arrived here" />`}</tbody>`}
  </${Sum}>`;
}

/** What a missing ledger (the store has not been asked yet) and an empty one look like. */
function nothingYet(channel) {
  return Object.values(channel.parts).every((each) => !each.ledger?.received) && !(channel.store?.tallies.bytes_in > 0);
}

export function Ledger({ channel, name }) {
  const gateway = useAnswer("/api/status", 0).value?.name;
  const { store, parts, relays = {} } = channel;
  if (!store) return html`<${Empty} title="The store has not answered yet"><p>It is asked again in a few seconds.</p></${Empty}>`;
  const destinations = Object.entries(parts).filter(([, each]) => each.ledger);
  const fetching = Object.entries(relays).filter(([, each]) => each.ledger);
  const orphans = Object.entries(store.orphans);
  const balanced = [...destinations, ...fetching].every(([, each]) => each.ledger.balance === 0);
  return html`<div class="ledger">
    <div class="row"><div><h2>Ledger of ${name}</h2>
      <p class="muted">${gateway ? `iobuffer ${gateway}, as` : "As"} of ${exactly(live.now())}. ${plural(store.stored_messages, "message")}, ${size(store.stored_bytes)} kept${store.stored_messages > 0
        ? `: ${count(store.first_seq)} to ${count(store.last_seq)}` : ""}.</p></div>
      <button type="button" class="row-end" onClick=${() => print()}>Print</button></div>
    ${nothingYet(channel) && html`<p>Nothing has been received yet; every message will be in one of these lines.</p>`}
    ${!balanced && html`<p class="verdict bad">▲ One of the sums does not add up.</p>`}
    <div class="sums">
      ${destinations.map(([each, part]) => html`<${Messages} key=${each} title="Messages for ${each}" ledger=${part.ledger} />`)}
      ${fetching.map(([each, relay]) => html`<${Messages} key=${each} title="Messages for ${each}" note="Another iobuffer that fetches them." ledger=${relay.ledger} />`)}
      ${parts.source && html`<${Bytes} source=${parts.source} tallies=${store.tallies} />`}
    </div>
    ${orphans.length > 0 && html`<p>${orphans.map(([each, amount]) => html`<span key=${each}><strong>${each}</strong> is no longer configured and had not got ${plural(amount, "message")}. </span>`)}
      Configure it again under this name to go on, or <a href=${href("channels", name, "settings")}>remove it for good</a>.</p>`}
    ${store.damaged_messages > 0 && html`<p class="verdict bad">▲ ${plural(store.damaged_messages, "message")} in the store cannot be read. See the log, and restore from a backup what is needed.</p>`}
  </div>`;
}
