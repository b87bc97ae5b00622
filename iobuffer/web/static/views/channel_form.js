// A channel as a form: its name, source, destinations and policy; beside it the same as
// JSON and INI, and what saving would do, as the gateway tells while one types.

import { html, useCallback, useEffect, useMemo, useState } from "../vendor.min.js";
import { api } from "../api.js";
import { Copy, Dialog, Field, Note, Trouble, useDeed } from "../parts.js";
import { Folded } from "./form.js";
import { DestinationTrial, SourceTrial } from "./trial.js";

const TYPING_MS = 400;
/** What the form itself asks for at the top, and the policy need not ask again. */
const ASKED = new Set(["description"]);

/** "FILE: source.port: expected…" -> {"source.port": "expected…"}; the rest as they are. */
export function placed(errors) {
  const byName = {};
  const rest = [];
  for (const error of errors) {
    const text = error.replace(/^\S+\.json(:\d+)?: /, "");
    const found = /^([a-z_]+(?:\.[\w-]+)*): (.*)$/s.exec(text);
    if (found) byName[found[1]] = found[2];
    else rest.push(text);
  }
  return { byName, rest };
}

/** The sentences of a refusal: one a fault, or what it says as a whole. */
function faults(problem) {
  if (!problem) return [];
  return problem.errors?.length ? problem.errors : [problem.title];
}

/** The gateway's plan for an object, asked for a moment after the last change. */
export function usePlan(object) {
  const [found, setFound] = useState({ plan: null, problem: null, of: null });
  const text = JSON.stringify(object);
  useEffect(() => {
    // Without a source (null) others push to it; {} is a type that is not chosen yet.
    if (!object.id || (object.source && !object.source.type)) return undefined;
    const controller = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const plan = await api.post("/api/plan", { channel: object }, { signal: controller.signal });
        setFound({ plan, problem: null, of: text });
      } catch (problem) {
        if (problem.name !== "AbortError") setFound({ plan: null, problem, of: text });
      }
    }, TYPING_MS);
    return () => { clearTimeout(timer); controller.abort(); };
  }, [text]);
  return { ...found, current: found.of === text };
}

/** What a plan says: the effects in sentences, and the warnings. */
export function Effects({ plan }) {
  const effects = plan.changes.flatMap((each) => each.effects);
  return html`<section aria-labelledby="effects"><h3 id="effects">What saving does</h3>
    ${effects.length ? html`<ul>${effects.map((each) => html`<li>${each}</li>`)}</ul>` : html`<p class="muted">Nothing: it is as it runs now.</p>`}
    ${plan.warnings?.length > 0 && html`<${Note} kind="wait"><strong>Worth a look</strong><ul>${plan.warnings.map((each) => html`<li>${each}</li>`)}</ul></${Note}>`}
  </section>`;
}

/** The same channel as JSON and as INI. */
export function Spellings({ config, ini }) {
  const [spelling, setSpelling] = useState("json");
  const text = spelling === "json" ? JSON.stringify(config, null, 2) : ini;
  return html`<section aria-label="As text"><div class="row spellings">
      ${[["json", "JSON"], ["ini", "INI"]].map(([name, title]) => html`<button type="button" class="quiet" aria-pressed=${spelling === name}
        onClick=${() => setSpelling(name)}>${title}</button>`)}
      <span class="row-end"><${Copy} text=${text || ""} /></span></div>
    <pre class="mono spelled" tabindex="0" aria-label=${spelling === "json" ? "JSON" : "INI"}>${text}</pre></section>`;
}

/** The source's type, as cards with when to use which. */
function Cards({ kinds, chosen, onChoose }) {
  return html`<fieldset class="cards"><legend>Where do the messages come from?</legend>
    ${kinds.map((kind) => html`<label key=${kind.type} class="kind">
      <input type="radio" name="source-type" value=${kind.type} checked=${chosen === kind.type} onChange=${() => onChoose(kind.type)} />
      <span><strong>${kind.title}</strong><span class="help">Use when: ${kind.use_when}</span></span></label>`)}
    <label class="kind"><input type="radio" name="source-type" value="" checked=${chosen === null} onChange=${() => onChoose(null)} />
      <span><strong>No source</strong><span class="help">Use when: another iobuffer pushes its messages to this channel.</span></span></label>
  </fieldset>`;
}

function Destination({ name, object, channel, kinds, errors, onChange, onRename, onRemove }) {
  const kind = kinds.destinations.find((each) => each.type === object.type);
  return html`<section class="card" aria-label="Destination ${name}">
    <div class="row"><h3>${kind?.title || object.type}</h3><button type="button" class="quiet danger row-end" aria-label="Remove destination ${name}"
      onClick=${onRemove}>Remove</button></div>
    <p class="help">${kind?.about}</p>
    <${Field} label="Name" help="How it is called in the log, the ledger and here.">${(field) => html`<input ...${field} value=${name} maxlength="64"
      autocomplete="off" spellcheck=${false} onChange=${(event) => onRename(event.target.value.trim())} />`}</${Field}>
    ${kind && html`<${Folded} options=${kind.options} object=${object} onChange=${onChange} errors=${errors} prefix="destinations.${name}" kinds=${kinds} />
      <${DestinationTrial} destination=${object} channel=${channel} name=${name} />`}
  </section>`;
}

/** A name that no other destination has. */
function fresh(type, taken) {
  const base = type === "remote_icombuffer" ? "remote" : type.replace(/^tcp_/, "");
  let name = base;
  for (let number = 2; name in taken; number += 1) name = `${base}-${number}`;
  return name;
}

function Destinations({ object, channel, kinds, errors, onChange }) {
  const found = object.destinations || {};
  const set = (destinations) => onChange({ ...object, destinations });
  const rename = (from, to) => {
    if (!to || to === from || to in found) return;
    set(Object.fromEntries(Object.entries(found).map(([name, each]) => [name === from ? to : name, each])));
  };
  return html`<h2>Destinations</h2>
    ${Object.keys(found).length === 0 && html`<p class="muted">None yet: messages are kept, and can be read and replayed once there is one.</p>`}
    ${Object.entries(found).map(([name, each], index) => html`<${Destination} key=${index} name=${name} object=${each} channel=${channel} kinds=${kinds} errors=${errors}
      onChange=${(changed) => set({ ...found, [name]: changed })} onRename=${(to) => rename(name, to)}
      onRemove=${() => { const { [name]: _, ...rest } = found; set(rest); }} />`)}
    <${Field} label="Add a destination">${(field) => html`<select ...${field} onChange=${(event) => {
        const type = event.target.value;
        event.target.value = "";
        if (type) set({ ...found, [fresh(type, found)]: { type } });
      }}><option value="">Choose a type…</option>${kinds.destinations.map((kind) => html`<option value=${kind.type}>${kind.title}</option>`)}</select>`}</${Field}>`;
}

/**
 * The whole form. `isNew`: the name may still be chosen. `trialFirst`: only the source,
 * and its trial, until somebody goes on. `onSaved(name)` once it runs.
 */
export function ChannelForm({ kinds, initial, isNew, trialFirst = false, onSaved }) {
  const [object, setObject] = useState(initial);
  const [whole, setWhole] = useState(!trialFirst);
  const [tried, setTried] = useState(false);
  const { plan, problem, current } = usePlan(object);
  const { byName, rest } = useMemo(() => placed(faults(problem)), [problem]);
  // What is only missing is no fault until somebody wants to save.
  const errors = useMemo(() => (tried ? byName : Object.fromEntries(Object.entries(byName)
    .filter(([, text]) => !text.startsWith("required")))), [byName, tried]);
  const missing = Object.values(byName).every((text) => text.startsWith("required"));
  const kind = kinds.sources.find((each) => each.type === object.source?.type);
  const chosen = object.source === null || kind !== undefined;

  const [save, busy, refused] = useDeed(useCallback(async () => {
    setTried(true);
    await api.put(`/api/channels/${encodeURIComponent(object.id)}`, object);
    onSaved(object.id);
  }, [object, onSaved]));
  const refusal = refused && (refused.errors?.length ? { title: "It cannot be saved like this", errors: placed(refused.errors).rest, detail: "What is wrong stands beside its field." } : refused);
  const submit = (event) => { event.preventDefault(); save(); };
  const cards = html`<${Cards} kinds=${kinds.sources} chosen=${object.source === null ? null : object.source?.type}
    onChoose=${(type) => setObject({ ...object, source: type === null ? null : { type } })} />`;

  return html`<form class="form" onSubmit=${submit} noValidate><div class="form-fields">
    ${isNew ? cards : html`<details><summary>Another type of source</summary>${cards}</details>`}
    ${chosen && whole && html`<section class="card" aria-label="Channel">
      <${Field} label="Name" required help=${errors.id || "Letters, digits, - _ and . It cannot be changed later: what is stored is kept under it."}>${(field) => html`<input ...${field}
        value=${object.id} maxlength="64" autocomplete="off" spellcheck=${false} readonly=${!isNew} placeholder="such as chem-1"
        onInput=${(event) => setObject({ ...object, id: event.target.value.trim() })} />`}</${Field}>
      <${Field} label="Description" help="For people: the device and where it stands.">${(field) => html`<input ...${field}
        value=${object.description || ""} onInput=${(event) => setObject({ ...object, description: event.target.value || undefined })} />`}</${Field}>
    </section>`}
    ${kind && html`<section class="card" aria-label="Source"><h2>${kind.title}</h2><p class="help">${kind.about}</p>
      ${kind.tip && html`<${Note}>${kind.tip}</${Note}>`}
      <${Folded} options=${kind.options} object=${object.source} errors=${errors} prefix="source" kinds=${kinds}
        onChange=${(source) => setObject({ ...object, source })} />
      <${SourceTrial} source=${object.source} channel=${isNew ? undefined : object.id}
        onTake=${(framing) => setObject({ ...object, source: { ...object.source, framing } })} />
    </section>`}
    ${kind && !whole && html`<p><button type="button" class="primary" onClick=${() => setWhole(true)}>Go on with this source</button></p>`}
    ${chosen && whole && html`
      <${Destinations} object=${object} channel=${isNew ? undefined : object.id} kinds=${kinds} errors=${errors} onChange=${setObject} />
      <${Folded} title="How long to keep, limits, alarms" options=${kinds.policy.filter((each) => !ASKED.has(each.name)).map((each) => ({ ...each, advanced: true }))}
        object=${object} onChange=${setObject} errors=${errors} prefix="" kinds=${kinds} />
      <${Trouble} problem=${refusal} />
      ${tried && rest.length > 0 && !refusal && html`<${Trouble} problem=${{ title: "It cannot be saved like this", errors: rest }} />`}
      <div class="row"><button type="submit" class="primary" disabled=${busy || !object.id || !chosen}>${isNew ? "Make this channel" : "Save the change"}</button>
        ${!object.id && html`<span class="help">It needs a name.</span>`}</div>`}
  </div>
  ${whole && html`<aside class="form-aside" aria-label="What it comes down to">
    ${plan ? html`<div class=${current ? "" : "stale"}><${Effects} plan=${plan} /><${Spellings} config=${plan.config} ini=${plan.ini} /></div>`
      : html`<p class="muted">${!problem ? "Here stands what it comes down to, as JSON and as INI." : missing ? "Once the required fields are there, what it comes down to stands here, as JSON and as INI." : "Something is wrong; it stands beside its field."}</p>
        ${problem && tried && html`<ul class="wrong">${Object.entries(byName).map(([name, text]) => html`<li><code>${name}</code>: ${text}</li>`)}</ul>`}`}
  </aside>`}</form>`;
}

/** Asks before a channel is removed, with what that does. */
export function RemoveDialog({ name, onGone, onClose }) {
  const [plan, setPlan] = useState(null);
  const [look, , unknown] = useDeed(useCallback(async () => setPlan(await api.post("/api/plan", { remove: name })), [name]));
  useEffect(() => { look(); }, []);
  const [remove, busy, problem] = useDeed(useCallback(async () => {
    await api.remove(`/api/channels/${encodeURIComponent(name)}`);
    onGone();
  }, [name, onGone]));
  return html`<${Dialog} title="Remove ${name}?" onClose=${onClose}>
    <${Trouble} problem=${problem || unknown} />
    ${plan && html`<ul>${plan.changes.flatMap((each) => each.effects).map((each) => html`<li>${each}</li>`)}</ul>`}
    <p>What is stored of it stays on disk; a channel of the same name goes on with it.</p>
    <div class="answers"><button type="button" onClick=${onClose} autofocus>Cancel</button>
      <button type="button" class="danger" disabled=${busy || !plan} onClick=${remove}>Remove</button></div>
  </${Dialog}>`;
}
