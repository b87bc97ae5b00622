// A new channel: by form, from the documentation's JSON, or by listening first.

import { html, useState } from "../vendor.min.js";
import { useAnswer } from "../live.js";
import { Empty, Field, Tabs, Trouble, useMe } from "../parts.js";
import { go, href } from "../place.js";
import { ChannelForm } from "./channel_form.js";

const EXAMPLE = `{
  "type": "tcp_server",
  "host": "0.0.0.0",
  "port": 5000,
  "tls": {
    "enabled": false
  }
}`;

const EMPTY = { id: "", source: {}, destinations: {} };

/** A pasted text as a channel: a whole one, or a source alone as the documentation has it. */
export function pasted(text) {
  const found = JSON.parse(text);
  if (found === null || typeof found !== "object" || Array.isArray(found)) {
    throw new Error("Expected an object in { }.");
  }
  if (found.source || found.destinations || found.id) return { ...EMPTY, ...found };
  if (found.type) return { ...EMPTY, source: found };
  throw new Error("Expected a \"type\", as the documentation's examples have it, or a channel with a \"source\".");
}

function Paste({ onRead }) {
  const [text, setText] = useState("");
  const [problem, setProblem] = useState(null);
  const read = (event) => {
    event.preventDefault();
    try {
      onRead(pasted(text));
    } catch (error) {
      setProblem({ title: "This cannot be read as JSON of a channel", detail: error.message });
    }
  };
  return html`<form onSubmit=${read} class="paste"><${Trouble} problem=${problem} />
    <${Field} label="JSON of a source, or of a whole channel" help="As the documentation prints it. You go on in the form, with everything filled in.">${(field) => html`<textarea
      ...${field} class="code" rows="14" spellcheck=${false} placeholder=${EXAMPLE} value=${text} onInput=${(event) => setText(event.target.value)} />`}</${Field}>
    <button type="submit" class="primary" disabled=${!text.trim()}>Go on</button></form>`;
}

export function NewChannel({ query }) {
  const me = useMe();
  const { value: kinds, problem } = useAnswer(me.mayAdminister ? "/api/kinds" : null, 0);
  const [read, setRead] = useState(null);
  if (!me.mayAdminister) {
    return html`<${Empty} title="Channels are made by administrators"><p>You are signed in as ${me.role}.</p></${Empty}>`;
  }
  const by = ["json", "listening"].includes(query.by) ? query.by : "form";
  const saved = (name) => go(href("channels", name));
  return html`<h1>New channel</h1>
    <${Tabs} label="How to make it" chosen=${by} tabs=${[
      ["form", "Fill in a form", "#/new"],
      ["json", "Paste JSON", href("new", { by: "json" })],
      ["listening", "Listen and see what comes", href("new", { by: "listening" })],
    ]} />
    <${Trouble} problem=${problem} />
    ${kinds && by === "json" && !read && html`<${Paste} onRead=${setRead} />`}
    ${kinds && by === "json" && read && html`<${ChannelForm} key="json" kinds=${kinds} initial=${read} isNew onSaved=${saved} />`}
    ${kinds && by === "form" && html`<${ChannelForm} key="form" kinds=${kinds} initial=${EMPTY} isNew onSaved=${saved} />`}
    ${kinds && by === "listening" && html`<p>Say where the device sends to, and open it for a minute. You see what arrives and how it is cut into
        messages, before there is a channel.</p>
      <${ChannelForm} key="listening" kinds=${kinds} initial=${EMPTY} isNew trialFirst onSaved=${saved} />`}`;
}
