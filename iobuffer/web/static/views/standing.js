// How a channel stands: its view with what is live laid over it, how fast, and how full.

/** From here on a second is told; below it, the mean of a minute is what can be read. */
const FAST = 10;

/** The newer of two states; what only the older one tells (the receiver's words) stays. */
function newest(live, known) {
  if (!live) return known;
  return known?.word === live.word && known.reason.startsWith(live.reason) ? known : live;
}

/** A channel's view with what is live laid over it. */
export function withLine(channel, line) {
  if (!line) return channel;
  const parts = { ...channel.parts };
  for (const [name, part] of Object.entries(parts)) {
    parts[name] = { ...part, state: newest(line.parts[name], part.state) };
    if (name in line.queued) parts[name].queued = line.queued[name];
  }
  return { ...channel, state: newest(line.state, channel.state), rates: { ...channel.rates, last_second: line.rates }, parts };
}

/** A rate that can be read: the last second of what is fast, else the last minute. */
export function pace(rates, name) {
  const second = rates.last_second?.[name] || 0;
  return second >= FAST ? second : rates.last_minute?.[name] ?? second;
}

/**
 * How full a channel is: what waits (messages, about how many bytes, and its share of the
 * limit from 0 to 1), and the share of all that is kept.
 */
export function fill(channel) {
  const { store, limits } = channel;
  const queues = Object.values(channel.parts).map((each) => each.queued || 0);
  const relays = Object.values(channel.relays || {}).map((each) => each.queued);
  const waiting = Math.max(0, ...queues, ...relays);
  const messages = store?.stored_messages || 0;
  const bytes = messages ? (store.stored_bytes * Math.min(waiting, messages)) / messages : 0;
  const share = (some, all) => (all ? Math.min(1, some / all) : 0);
  return {
    waiting,
    bytes,
    share: Math.max(share(bytes, limits.max_bytes), share(waiting, limits.max_messages)),
    kept: Math.max(share(store?.stored_bytes || 0, limits.max_bytes), share(messages, limits.max_messages)),
  };
}

/** The colour of a backlog: nothing to worry about, filling up, or full. */
export function pressure(share, full = false) {
  if (full || share >= 0.95) return "bad";
  return share >= 0.5 ? "wait" : "plain";
}
