// The alarms that are on, and what raises one.

import { html } from "../vendor.min.js";
import { useLive } from "../live.js";
import { Clock, Empty, Light, When } from "../parts.js";
import { href } from "../place.js";

const KINDS = {
  link_down: "link down",
  silence: "silence",
  queue: "queue filling up",
  queue_age: "old messages waiting",
  stalled: "stalled",
  naks: "refusals",
  certificate: "certificate",
  kernel_drops: "datagrams lost",
  damaged: "damaged rows",
  full: "no room",
};

export function Alarms() {
  const { alarms } = useLive();
  return html`<h1>Alarms</h1>
    ${alarms.length === 0
      ? html`<${Empty} title="No alarm is on">
          <p>A link that is down, a device that is silent for longer than its <code>silence</code>, a queue
            that fills up or grows old, refusals, a certificate that ends soon: each raises an alarm once and
            clears it once. <code>[alarms]</code> in the configuration sends them to a webhook or by mail.</p>
        </${Empty}>`
      : html`<div class="table" tabindex="0" role="region" aria-label="Alarms"><table>
          <thead><tr><th scope="col">Since</th><th scope="col">Where</th><th scope="col">Kind</th><th scope="col">What is wrong</th></tr></thead>
          <tbody>${alarms.map((each) => html`<tr key=${`${each.alarm} ${each.channel} ${each.part}`}>
            <td><${Clock} at=${each.raised_at} /><div class="small muted"><${When} at=${each.raised_at} /></div></td>
            <td>${each.channel ? html`<a href=${href("channels", each.channel)}>${each.channel}</a>${each.part && ` → ${each.part}`}` : "gateway"}</td>
            <td><${Light} word="failed" bare /> ${KINDS[each.alarm] || each.alarm}</td>
            <td>${each.text}</td></tr>`)}</tbody>
        </table></div>`}`;
}
