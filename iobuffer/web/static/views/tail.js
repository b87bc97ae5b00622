// The live tail: messages as they are stored, newest first, with how they were cut.

import { html, useEffect, useRef, useState } from "../vendor.min.js";
import { api, channelPath, stream } from "../api.js";
import { Clock, Empty, Note, Trouble, useMe } from "../parts.js";
import { href } from "../place.js";
import { count, plural, size } from "../words.js";
import { trailOf } from "./outcomes.js";
import { Seen, Text } from "./payload.js";
import { ForOperators, Masked } from "./reveal.js";

/** So many are listed; older ones are let go of. */
const MOST = 100;
/** What was there before the view was opened. */
const BEFORE = 20;
const DRAW_MS = 250;

// How a message is cut out of the bytes, by the framing's name.
const CUTS = {
  mllp: "MLLP: each message stands between \x0b and \x1c\r, which are taken off",
  line: "lines: each message ends with its line",
  delimiter: "a mark that ends each message",
  start_end: "marks around each message",
  stx_etx: "STX/ETX: each message stands between \x02 and \x03",
  length_prefix: "length: each message tells its length first",
  netstring: "netstrings: each message tells its length in digits first",
  fixed: "fixed length: all messages are equally long",
  idle: "pauses: a message ends where nothing comes for a while",
  syslog: "syslog: by the length in front, or by the end of the line",
  datagram: "datagrams: each one is a message",
  raw: "nothing: what is read at once is a message",
  auto: "what is found in the bytes of each connection",
};

/** The last messages and what comes, at most MOST; what comes while it is paused waits. */
function useTail(name, wanted, paused, revision) {
  const [state, setState] = useState({ rows: [], waiting: 0, connected: null, ended: false, problem: null });
  const kept = useRef({ rows: [], waiting: 0, paused: false });
  const drawn = useRef(null);
  kept.current.paused = paused;

  const draw = (change = {}) => {
    const { rows, waiting } = kept.current;
    setState((old) => ({ ...old, ...(kept.current.paused ? {} : { rows }), waiting: kept.current.paused ? waiting : 0, ...change }));
  };
  const soon = () => {
    drawn.current ??= setTimeout(() => { drawn.current = null; draw(); }, DRAW_MS);
  };
  const take = (messages) => {
    const known = new Set(kept.current.rows.map((each) => each.seq));
    const fresh = messages.filter((each) => !known.has(each.seq));
    const rows = [...fresh, ...kept.current.rows].sort((a, b) => b.seq - a.seq).slice(0, MOST);
    kept.current = { ...kept.current, rows, waiting: kept.current.paused ? kept.current.waiting + fresh.length : 0 };
    soon();
  };

  useEffect(() => {
    if (!paused) {
      kept.current.waiting = 0;
      draw();
    }
  }, [paused]);
  useEffect(() => {
    if (!wanted) return undefined;
    kept.current = { ...kept.current, rows: [], waiting: 0 };
    let close = null;
    const look = () => api.get(channelPath(name, "messages"), { limit: BEFORE })
      .then((page) => take(page.messages), (problem) => draw({ problem }));
    const follow = () => {
      if (!document.hidden && !close) {
        close = stream(channelPath(name, "tail"), { message: (found) => take([found]) }, (connected, ended) => {
          draw({ connected, ended: Boolean(ended), ...(connected ? { problem: null } : {}) });
          // What came before, or while it was cut off.
          if (connected) look();
          if (ended) api.get("/api/whoami").catch(() => {});
        });
      } else if (document.hidden && close) {
        close();
        close = null;
      }
    };
    follow();
    document.addEventListener("visibilitychange", follow);
    return () => {
      document.removeEventListener("visibilitychange", follow);
      close?.();
      clearTimeout(drawn.current);
      drawn.current = null;
    };
  }, [name, wanted, revision]);
  return state;
}

/** How it is cut: the framing that is set, what was found, and what fitted none. */
function Cut({ name, channel }) {
  const source = channel?.config?.source;
  if (!source) return null;
  const framing = source.framing?.type || source.framing || "auto";
  const skipped = channel.parts?.source?.counters?.skipped_bytes_total || 0;
  return html`<p class="muted">Cut by <${Seen} text=${CUTS[framing] || framing} />.
    ${skipped > 0 && html` ${size(skipped)} fitted no message and were skipped: <a href=${href("channels", name, "line")}>see the line</a>.`}</p>`;
}

function Came({ name, message, gap }) {
  const { sender } = trailOf(message.peer);
  return html`<li><div class="came small"><${Clock} at=${message.received_at} />
      <a href=${href("channels", name, "messages", message.seq)} aria-label="Message ${message.seq}">${count(message.seq)}</a>
      <span class="muted">${size(message.size_bytes)}</span><span class="muted">${sender}</span></div>
    <div><${Text} text=${message.text || ""} />
      ${message.truncated && html`<p class="muted small">The beginning of ${size(message.size_bytes)}.</p>`}</div>
    ${gap > 0 && html`<p class="gap muted small">${plural(gap, "message")} not shown: they came too fast to be read, or while nobody looked</p>`}</li>`;
}

export function Tail({ channel, name }) {
  const me = useMe();
  const [paused, setPaused] = useState(false);
  const [revision, setRevision] = useState(0);
  const { rows, waiting, connected, ended, problem } = useTail(name, me.mayOperate, paused, revision);
  if (!me.mayOperate) return html`<${ForOperators} />`;
  const said = ended ? "The gateway ended the live view" : connected === false ? "Cut off; trying again" : paused ? `Paused; ${count(waiting)} came since` : connected ? "Live" : "Connecting…";
  return html`<div class="row toolbar"><h2 class="unseen">Live</h2>
      <button type="button" aria-pressed=${paused ? "true" : "false"} onClick=${() => setPaused(!paused)}>${paused ? "Go on" : "Pause the view"}</button>
      <span role="status" class="muted">${said}</span></div>
    <${Cut} name=${name} channel=${channel} />
    <${Trouble} problem=${problem} />
    ${ended && html`<${Note} kind="wait"><p>There may be too many live views at once; close one of them.</p>
      <button type="button" onClick=${() => setRevision(revision + 1)}>Try again</button></${Note}>`}
    ${rows.some((each) => each.masked) && html`<${Masked} name=${name} onRevealed=${() => setRevision(revision + 1)} />`}
    ${connected && rows.length === 0 && html`<${Empty} title="Waiting for the first message">
      <p>${channel?.parts?.source?.state?.reason ? `The source is ${channel.parts.source.state.reason}. ` : ""}What comes is shown here as soon as it is on disk.</p></${Empty}>`}
    <ol class="tail" aria-label="Messages as they come">${rows.map((each, index) => html`<${Came} key=${each.seq} name=${name} message=${each}
      gap=${index + 1 < rows.length ? each.seq - rows[index + 1].seq - 1 : 0} />`)}</ol>`;
}
