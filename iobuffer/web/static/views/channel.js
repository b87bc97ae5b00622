// One channel: is it well, what does it do, and everything that is kept of it.

import { html } from "../vendor.min.js";
import { channelPath } from "../api.js";
import { useAnswer, useLive } from "../live.js";
import { Note, State, Tabs, Trouble, useMe, useView } from "../parts.js";
import { href } from "../place.js";
import { count } from "../words.js";
import { ChannelPlot } from "./channel_plot.js";
import { Flow } from "./flow.js";
import { OperateChannel } from "./operate.js";
import { withLine } from "./standing.js";

// The log comes first: it opens no payload, so that looking at a channel is no line of
// the audit log.
const FIRST = "log";
const TABS = {
  live: ["Live", async () => (await import("./tail.js")).Tail],
  messages: ["Messages", async () => (await import("./messages.js")).Messages],
  parked: ["Parked", async () => (await import("./parked.js")).Parked],
  log: ["Log", async () => (await import("./channel_log.js")).ChannelLog],
  ledger: ["Ledger", async () => (await import("./ledger.js")).Ledger],
  line: ["Line", async () => (await import("./line.js")).Line],
  settings: ["Settings", async () => (await import("./settings.js")).Settings],
};
/** Where the drawing would push what is looked for off the screen. */
const WITHOUT_PLOT = new Set(["settings", "messages", "live", "parked"]);

function parked(channel) {
  return Object.values(channel.parts).reduce((sum, each) => sum + (each.ledger?.parked || 0), 0);
}

export function Channel({ segments, query }) {
  const [name, tab = FIRST, ...rest] = segments;
  const me = useMe();
  const { lines } = useLive();
  const { value, problem, reload } = useAnswer(name ? channelPath(name) : null);
  const { view, problem: missing } = useView(tab, TABS[tab]?.[1]);
  const channel = value && withLine(value, lines[name]);
  if (!channel) {
    return html`<h1>${name || "No channel"}</h1><${Trouble} problem=${problem}><p><a href="#/">To the overview</a></p></${Trouble}>`;
  }
  const set = parked(channel);
  const tabs = Object.entries(TABS).filter(([id]) => id !== "live" || me.mayOperate).map(([id, [title]]) => [
    id, id === "parked" && set > 0 ? html`${title} <span class="badge">${count(set)}</span>` : title, href("channels", name, id),
  ]);
  return html`
    <div class="channel-head row"><div><h1>${name} ${channel.description && html`<span class="muted describes">${channel.description}</span>`}</h1>
      <${State} state=${channel.state.word === "running" ? { ...channel.state, reason: "" } : channel.state} /></div>
      <div class="row-end"><${OperateChannel} channel=${channel} onDone=${reload} /></div></div>
    <${Trouble} problem=${problem} />
    ${!channel.enabled && html`<${Note}>This channel is not enabled: nothing is taken and nothing is sent, what is stored stays.</${Note}>`}
    <${Flow} channel=${channel} onDone=${reload} />
    ${!WITHOUT_PLOT.has(tab) && html`<${ChannelPlot} key=${name} channel=${channel} />`}
    <${Tabs} tabs=${tabs} chosen=${tab} label="Of ${name}" />
    <${Trouble} problem=${missing} />
    ${view && html`<${view} key=${name} channel=${channel} name=${name} segments=${rest} query=${query} reload=${reload} />`}
    ${!TABS[tab] && html`<${Trouble} problem=${{ title: "There is no such view of a channel", detail: "Choose one of those above." }} />`}`;
}
