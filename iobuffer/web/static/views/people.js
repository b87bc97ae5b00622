// Users and API tokens: who may come in, and as what.

import { html, useCallback, useState } from "../vendor.min.js";
import { api } from "../api.js";
import { useAnswer, useLive } from "../live.js";
import { Clock, Copy, Dialog, Empty, Field, Note, Trouble, When, useDeed, useMe } from "../parts.js";
import { day } from "../words.js";

const ROLES = [
  ["viewer", "sees states and figures, not what messages say"],
  ["operator", "sees messages, replays them, starts and stops"],
  ["admin", "also changes channels and people"],
  ["relay", "another iobuffer: only takes and gives the messages of its channels"],
];
const DAYS = [[30, "30 days"], [90, "90 days"], [365, "a year"], [1095, "three years"]];

const userPath = (name) => `/api/users/${encodeURIComponent(name)}`;

function Role({ value, onChange, field }) {
  return html`<select ...${field} value=${value} onChange=${(event) => onChange(event.target.value)}>
    ${ROLES.map(([name, means]) => html`<option value=${name}>${name}: ${means}</option>`)}</select>`;
}

/** Channels by name, one tick each; a relay reaches those that are ticked. */
function Channels({ chosen, onChange }) {
  const { lines } = useLive();
  const names = [...new Set([...Object.keys(lines), ...chosen])].sort();
  const toggle = (name) => onChange(chosen.includes(name) ? chosen.filter((each) => each !== name) : [...chosen, name]);
  return html`<fieldset class="ticks"><legend>Its channels</legend>
    ${names.length === 0 && html`<p class="muted">There is no channel yet.</p>`}
    ${names.map((name) => html`<label key=${name}><input type="checkbox" checked=${chosen.includes(name)}
      onChange=${() => toggle(name)} /> ${name}</label>`)}</fieldset>`;
}

/** Adds a user (`user` null), or changes one. */
function UserDialog({ user, onDone, onClose }) {
  const [name, setName] = useState(user?.name || "");
  const [password, setPassword] = useState("");
  const [role, setRole] = useState(user?.role || "viewer");
  const [channels, setChannels] = useState(user?.channels || []);
  const [save, busy, problem] = useDeed(useCallback(async () => {
    const given = {};
    if (password) given.password = password;
    if (!user || role !== user.role) given.role = role;
    if (role === "relay") given.channels = channels;
    await api.put(userPath(name.trim()), given);
    onDone();
  }, [name, password, role, channels, user]));
  const submit = (event) => { event.preventDefault(); save(); };
  return html`<${Dialog} title=${user ? user.name : "Add a user"} onClose=${onClose}><form onSubmit=${submit}>
    <${Trouble} problem=${problem} />
    ${!user && html`<${Field} label="Name" required>${(field) => html`<input ...${field} value=${name} maxlength="64"
      autocomplete="off" autocapitalize="none" spellcheck=${false} onInput=${(event) => setName(event.target.value)} />`}</${Field}>`}
    <${Field} label=${user ? "New password" : "Password"} required=${!user}
      help=${user ? "Leave it empty to keep the one there is. A change ends all sessions of this user." : "12 characters or more; a sentence is fine."}>
      ${(field) => html`<input ...${field} type="password" minlength="12" autocomplete="new-password" value=${password}
        onInput=${(event) => setPassword(event.target.value)} />`}</${Field}>
    <${Field} label="Role">${(field) => html`<${Role} field=${field} value=${role} onChange=${setRole} />`}</${Field}>
    ${role === "relay" && html`<${Channels} chosen=${channels} onChange=${setChannels} />`}
    <div class="answers"><button type="button" onClick=${onClose}>Cancel</button>
      <button type="submit" class="primary" disabled=${busy}>${user ? "Save" : "Add"}</button></div>
  </form></${Dialog}>`;
}

/** Asks before something is done that cannot be taken back. */
function Sure({ title, children, verb, deed, onDone, onClose }) {
  const [run, busy, problem] = useDeed(useCallback(async () => { await deed(); onDone(); }, [deed, onDone]));
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <${Trouble} problem=${problem} />
    ${children}
    <div class="answers"><button type="button" onClick=${onClose} autofocus>Cancel</button>
      <button type="button" class="danger" onClick=${run} disabled=${busy}>${verb}</button></div>
  </${Dialog}>`;
}

function TokenDialog({ onDone, onClose }) {
  const [name, setName] = useState("");
  const [role, setRole] = useState("viewer");
  const [days, setDays] = useState(365);
  const [channels, setChannels] = useState([]);
  const [made, setMade] = useState(null);
  const [make, busy, problem] = useDeed(useCallback(async () => {
    const given = { name: name.trim(), role, days: Number(days) };
    if (role === "relay") given.channels = channels;
    setMade(await api.post("/api/tokens", given));
    onDone();
  }, [name, role, days, channels]));
  if (made) {
    return html`<${Dialog} title="The token ${made.name}" onClose=${onClose}>
      <p>This is shown now and never again. Programs send it as <code>Authorization: Bearer …</code>.</p>
      <p class="row"><code class="secret">${made.token}</code> <${Copy} text=${made.token} /></p>
      <div class="answers"><button type="button" class="primary" onClick=${onClose}>I have it</button></div>
    </${Dialog}>`;
  }
  const submit = (event) => { event.preventDefault(); make(); };
  return html`<${Dialog} title="Make a token" onClose=${onClose}><form onSubmit=${submit}>
    <${Trouble} problem=${problem} />
    <${Field} label="Name" required help="What uses it: a script, a dashboard, the other site.">${(field) => html`<input ...${field}
      value=${name} maxlength="64" autocomplete="off" onInput=${(event) => setName(event.target.value)} />`}</${Field}>
    <${Field} label="Role">${(field) => html`<${Role} field=${field} value=${role} onChange=${setRole} />`}</${Field}>
    ${role === "relay" && html`<${Channels} chosen=${channels} onChange=${setChannels} />`}
    <${Field} label="Good for">${(field) => html`<select ...${field} value=${days} onChange=${(event) => setDays(event.target.value)}>
      ${DAYS.map(([number, title]) => html`<option value=${number}>${title}</option>`)}</select>`}</${Field}>
    <div class="answers"><button type="button" onClick=${onClose}>Cancel</button>
      <button type="submit" class="primary" disabled=${busy}>Make it</button></div>
  </form></${Dialog}>`;
}

function Users({ onAsk }) {
  const me = useMe();
  const { value, problem, reload } = useAnswer("/api/users");
  const [change, , failed] = useDeed(useCallback(async (user, given) => {
    await api.put(userPath(user.name), given);
    reload();
  }, []));
  const done = () => { onAsk(null); reload(); };
  const close = () => onAsk(null);
  return html`<section aria-labelledby="users">
    <div class="row"><h2 id="users">Users</h2><button type="button" class="row-end"
      onClick=${() => onAsk(html`<${UserDialog} onDone=${done} onClose=${close} />`)}>Add a user</button></div>
    <${Trouble} problem=${failed || problem} />
    ${value && html`<div class="table" tabindex="0" role="region" aria-label="Users"><table>
      <thead><tr><th scope="col">Name</th><th scope="col">Role</th><th scope="col">Channels</th><th scope="col">Changed</th><th scope="col"><span class="unseen">What to do</span></th></tr></thead>
      <tbody>${value.users.map((user) => html`<tr key=${user.name}>
        <th scope="row">${user.name}${user.name === me.name && html` <span class="muted">(you)</span>`}</th>
        <td>${user.role}${user.disabled && html` <span class="muted">· disabled</span>`}</td>
        <td>${user.channels.join(", ")}</td>
        <td><${When} at=${user.changed_at} /></td>
        <td class="deeds"><button type="button" class="quiet" aria-label="Change ${user.name}"
            onClick=${() => onAsk(html`<${UserDialog} user=${user} onDone=${done} onClose=${close} />`)}>Change</button>
          <button type="button" class="quiet" aria-label="${user.disabled ? "Enable" : "Disable"} ${user.name}"
            onClick=${() => change(user, { disabled: !user.disabled })}>${user.disabled ? "Enable" : "Disable"}</button>
          <button type="button" class="quiet danger" aria-label="Remove ${user.name}"
            onClick=${() => onAsk(html`<${Sure} title="Remove ${user.name}?" verb="Remove" onDone=${done} onClose=${close}
              deed=${() => api.remove(userPath(user.name))}><p>The sessions of ${user.name} end at once. What the audit log says of
              ${user.name} stays.</p></${Sure}>`)}>Remove</button></td>
      </tr>`)}</tbody></table></div>`}
  </section>`;
}

function Tokens({ onAsk }) {
  const { value, problem, reload } = useAnswer("/api/tokens");
  const done = () => { onAsk(null); reload(); };
  const close = () => onAsk(null);
  const now = Date.now() / 1000;
  return html`<section aria-labelledby="tokens">
    <div class="row"><h2 id="tokens">API tokens</h2><button type="button" class="row-end"
      onClick=${() => onAsk(html`<${TokenDialog} onDone=${reload} onClose=${close} />`)}>Make a token</button></div>
    <p class="muted">For programs: a script, Prometheus, another iobuffer.</p>
    <${Trouble} problem=${problem} />
    ${value?.tokens.length === 0 && html`<${Note}>There is none yet.</${Note}>`}
    ${value?.tokens.length > 0 && html`<div class="table" tabindex="0" role="region" aria-label="API tokens"><table>
      <thead><tr><th scope="col">Name</th><th scope="col">Role</th><th scope="col">Channels</th><th scope="col">Made</th><th scope="col">Good until</th><th scope="col"><span class="unseen">What to do</span></th></tr></thead>
      <tbody>${value.tokens.map((token) => html`<tr key=${token.id}>
        <th scope="row">${token.name}</th><td>${token.role}</td><td>${token.channels.join(", ")}</td>
        <td><${Clock} at=${token.created_at} /></td>
        <td>${day(token.expires_at)}${token.expires_at < now && html` <span class="muted">· expired</span>`}</td>
        <td class="deeds"><button type="button" class="quiet danger" aria-label="Revoke ${token.name}"
          onClick=${() => onAsk(html`<${Sure} title="Revoke ${token.name}?" verb="Revoke" onDone=${done} onClose=${close}
            deed=${() => api.remove(`/api/tokens/${encodeURIComponent(token.id)}`)}><p>Whatever uses it is refused from now on.</p></${Sure}>`)}>Revoke</button></td>
      </tr>`)}</tbody></table></div>`}
  </section>`;
}

export function People() {
  const me = useMe();
  const [asked, onAsk] = useState(null);
  if (!me.mayAdminister) {
    return html`<${Empty} title="People are for administrators"><p>You are signed in as ${me.role}.</p></${Empty}>`;
  }
  return html`<h1>People</h1>
    <${Users} onAsk=${onAsk} />
    <${Tokens} onAsk=${onAsk} />
    ${asked}`;
}
