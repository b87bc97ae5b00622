// What became of a message, in signs, words and sentences.

import { html } from "../vendor.min.js";
import { plural } from "../words.js";

export const SIGNS = {
  acknowledged: "✓✓",
  received: "✓",
  sent: "·",
  delivered: "✓",
  queued: "queued",
  parked: "▲",
  dropped: "✕",
};

// What an answer was, by the way in which the destination acknowledges.
const ANSWERS = {
  hl7: "the application said AA (or CA)",
  mllp2: "the other side said that it has stored it (MLLP commit ACK)",
  bytes: "the other side sent the answer that was agreed on",
  snmp: "the other side answered with a Response",
};
const TYPES = {
  http: "the server answered with success (HTTP 2xx)",
  remote_icombuffer: "the other iobuffer has it on disk",
};

/** A list's entry has `outcomes`, or bare `states`. */
export function outcomesOf(message) {
  if (message.outcomes) return message.outcomes;
  return Object.fromEntries(Object.entries(message.states || {}).map(([name, state]) => [name, { state }]));
}

/** "acknowledged", "received", "sent", "queued", "parked", "dropped". */
export function wordOf(outcome) {
  return outcome.state === "delivered" ? outcome.confidence || "delivered" : outcome.state;
}

/** A destination and what became of the message there: a sign, and the word on hover. */
export function Chip({ destination, outcome }) {
  const word = wordOf(outcome);
  return html`<span class="chip chip-${word}" title="${destination}: ${word}">${destination}${" "}<span aria-hidden="true">${SIGNS[word]}</span><span class="unseen">${word}</span></span>`;
}

/** How sure we are, in a sentence. `config` is the destination's, `part` its view. */
export function sentence(outcome, config, part) {
  const word = wordOf(outcome);
  if (outcome.answer) return `${word}: the answer was ${outcome.answer}`;
  switch (word) {
    case "acknowledged":
      return `acknowledged: ${TYPES[config?.type] || ANSWERS[config?.ack?.type] || "the other side said that it has it"}`;
    case "received":
      return config?.type === "file"
        ? "received: it is written to the file"
        : "received: the other side's TCP has every byte of it; no application has said so";
    case "sent":
      return "sent: given to the network or the line; nobody says whether it arrived";
    case "queued":
      return `queued: it waits for its turn${part?.state?.reason ? `; ${part.state.reason}` : ""}`;
    case "parked":
      return `parked: refused after ${plural(outcome.attempts || 1, "attempt")}`;
    case "dropped":
      return `dropped: given up, and counted in the ledger${outcome.reason ? ` (${outcome.reason})` : ""}`;
    default:
      return word;
  }
}

/** "10.0.0.5:4711 via GATEWAY/CHANNEL" as the sender and the stops on the way, oldest first. */
export function trailOf(peer) {
  const [sender, ...stops] = (peer || "").split(" via ");
  return {
    sender,
    stops: stops.map((each) => {
      const at = each.indexOf("/");
      return at < 0 ? { gateway: each, channel: "" } : { gateway: each.slice(0, at), channel: each.slice(at + 1) };
    }),
  };
}
