// The one plot of a channel: in, out per destination, and what waits on a second axis.

import { html, useEffect, useMemo, useRef, useState } from "../vendor.min.js";
import { channelPath, withQuery } from "../api.js";
import { live, useAnswer } from "../live.js";
import { Trouble } from "../parts.js";
import { Plot } from "../plot.js";
import { clock, count, rate, short } from "../words.js";

const SPANS = [["15m", "15 min"], ["1h", "1 h"], ["24h", "24 h"]];
const AGAIN_MS = 30_000;
const SECOND_MS = 1000;
/** The newest seconds are the mean of this many: one message in five seconds is no peak. */
const SMOOTHED = 5;
/** Of fewer there is no mean yet. */
const LEAST = 3;
/** Seconds that are kept until history has them. */
const KEPT = 300;
const COLOURS = ["--plot-2", "--plot-3", "--plot-4", "--plot-1"];
const DASHES = [undefined, [6, 3], [2, 3]];

/** The last seconds of one channel as they were sent live, oldest first. */
function useSeconds(name) {
  const kept = useRef({ name, samples: [] });
  if (kept.current.name !== name) kept.current = { name, samples: [] };
  const [, draw] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => {
      const line = live.lines[name];
      if (document.hidden || !line) return;
      const { samples } = kept.current;
      samples.push({ at: live.now(), rates: line.rates, queued: line.queued });
      if (samples.length > KEPT) samples.shift();
      draw((n) => n + 1);
    }, SECOND_MS);
    return () => clearInterval(timer);
  }, [name]);
  return kept.current.samples;
}

/** uPlot's columns: [times, in, out of each destination, most that waits]. */
function columns(history, destinations, samples) {
  const { series, step_seconds: step, end_at: end } = history;
  const times = series.in.map((_, index) => end - step * (series.in.length - 1 - index));
  const found = [times, [...series.in], ...destinations.map((each) => [...series.out[each] || times.map(() => null)])];
  found.push(times.map((_, index) => worst(destinations.map((each) => series.queued[each]?.[index] ?? null))));
  samples.forEach((sample, index) => {
    if (sample.at <= end || index + 1 < LEAST) return;
    const recent = samples.slice(Math.max(0, index - SMOOTHED + 1), index + 1);
    const mean = (name) => recent.reduce((sum, each) => sum + (each.rates[name] || 0), 0) / recent.length;
    times.push(sample.at);
    found[1].push(mean("messages_in"));
    destinations.forEach((each, at) => found[2 + at].push(mean(`messages_out:${each}`)));
    found[found.length - 1].push(worst(destinations.map((each) => sample.queued[each] ?? null)));
  });
  return found;
}

function worst(values) {
  const known = values.filter((each) => each !== null);
  return known.length ? Math.max(...known) : null;
}

/** Of each series: its last value (or the one that is pointed at) and its greatest, which
    is also the plot in words. */
function Legend({ series, data, point }) {
  const at = point !== null && point < data[0].length ? point : null;
  return html`<table class="legend"><thead><tr><th scope="col"><span class="unseen">Series</span></th>
      <th scope="col" class="number at">${at === null ? "last" : clock(data[0][at], live.now())}</th><th scope="col" class="number">most</th></tr></thead>
    <tbody>${series.map((each, index) => {
      const known = data[index + 1].filter((value) => value !== null);
      return html`<tr key=${each.label}><th scope="row"><svg width="20" height="8" aria-hidden="true"><line x1="0" x2="20" y1="4" y2="4"
          stroke="var(${each.stroke})" stroke-width="2" stroke-dasharray=${each.dash?.join(" ")} /></svg> ${each.label}</th>
        <td class="number">${each.shown(at === null ? known.at(-1) : data[index + 1][at])}</td><td class="number">${each.shown(known.length ? Math.max(...known) : null)}</td></tr>`;
    })}</tbody></table>`;
}

export function ChannelPlot({ channel }) {
  const { name } = channel;
  const [span, setSpan] = useState("15m");
  const [point, setPoint] = useState(null);
  const { value: answered, problem } = useAnswer(withQuery(channelPath(name, "history"), { span }), AGAIN_MS);
  // What was drawn stays until there is something else to draw.
  const drawn = useRef(answered);
  if (answered) drawn.current = answered;
  const value = drawn.current;
  const samples = useSeconds(name);
  const destinations = Object.keys(channel.parts).filter((each) => channel.parts[each].kind === "destination");
  const key = destinations.join(" ");
  const newest = samples.at(-1);
  const data = useMemo(() => value && columns(value, destinations, samples), [value, newest, key]);
  const series = useMemo(() => [
    { label: "in", stroke: "--plot-1", scale: "rate", width: 2, shown: rate },
    ...destinations.map((each, index) => ({
      label: `to ${each}`, stroke: COLOURS[index % COLOURS.length], scale: "rate",
      dash: DASHES[Math.floor(index / COLOURS.length) % DASHES.length], shown: rate,
    })),
    { label: "waiting", stroke: "--plot-5", scale: "waiting", dash: [3, 3], shown: count },
  ].map((each) => ({ ...each, value: (_, number) => each.shown(number) })), [key]);
  const axes = [
    { scale: "rate", values: (_, numbers) => numbers.map((n) => `${n < 1 ? +n.toFixed(3) : short(n)}/s`) },
    { scale: "waiting", side: 1, grid: { show: false }, values: (_, numbers) => numbers.map((n) => (Number.isInteger(n) ? short(n) : "")) },
  ];
  return html`<section class="plotted" aria-label="Rates and queue">
    <div class="row"><h2>Messages per second, and how many wait</h2>
      <div class="spans row-end" role="group" aria-label="How far back">${SPANS.map(([id, title]) => html`<button type="button" key=${id}
        aria-pressed=${id === span} onClick=${() => setSpan(id)}>${title}</button>`)}</div></div>
    <${Trouble} problem=${problem} />
    ${data && html`<div class="plot-and-legend"><${Plot} data=${data} series=${series} axes=${axes} onPoint=${setPoint} label="Rates of ${name}; the table beside it has the figures" />
      <${Legend} series=${series} data=${data} point=${point} /></div>`}
  </section>`;
}
