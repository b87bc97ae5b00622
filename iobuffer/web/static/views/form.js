// The fields of one source, destination or policy, from what /api/kinds tells of them.

import { html, useId } from "../vendor.min.js";

/** The value at a dotted name: valueAt({tls: {cert: "x"}}, "tls.cert"). */
export function valueAt(object, name) {
  return name.split(".").reduce((found, key) => found?.[key], object);
}

/** A copy with the value at a dotted name; undefined takes it out, and what it emptied. */
export function withValue(object, name, value) {
  const [key, ...rest] = name.split(".");
  const below = rest.length ? withValue(object?.[key] || {}, rest.join("."), value) : value;
  const copy = { ...object };
  if (below === undefined || (rest.length && Object.keys(below).length === 0)) delete copy[key];
  else copy[key] = below;
  return copy;
}

/** A sentence more is shown only where it says more. */
const MORE_CHARACTERS = 60;

/** What was typed, as JSON has it; what is no number is left for the gateway to name. */
function typed(kind, text) {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  if (kind === "number" && /^-?\d+(\.\d+)?$/.test(trimmed)) return Number(trimmed);
  if (kind === "list") return trimmed.split(/\s*,\s*/).filter(Boolean);
  return kind === "secret" ? text : trimmed;
}

function shown(value) {
  if (value === undefined || value === null) return "";
  return Array.isArray(value) ? value.join(", ") : String(value);
}

function hint({ default: usual, example }) {
  if (usual !== null && usual !== undefined && shown(usual) !== "") return shown(usual);
  return example ? `such as ${example}` : "";
}

function Choice({ option, value, onChange, field }) {
  const chosen = value ?? option.default;
  const common = option.common || option.choices;
  const rest = option.choices.filter((each) => !common.includes(each));
  const item = (each) => html`<option value=${String(each)} selected=${String(each) === String(chosen)}>${String(each)}</option>`;
  const choose = (event) => {
    const found = option.choices.find((each) => String(each) === event.target.value);
    onChange(found);
  };
  return html`<select ...${field} onChange=${choose}>
    ${(chosen === null || chosen === undefined) && html`<option value="" selected>as it fits</option>`}
    ${common.map(item)}
    ${rest.length > 0 && html`<optgroup label="Seldom">${rest.map(item)}</optgroup>`}
  </select>`;
}

/** A framing or an acknowledgement: its type, and the options of that type. */
function Typed({ option, value, onChange, field, types, errors, name }) {
  const type = typeof value === "string" ? value : value?.type;
  const chosen = type ?? option.default ?? "";
  const choices = option.choices || types.map((each) => each.name);
  const found = types.find((each) => each.name === chosen);
  const options = (found?.options || []).filter((each) => each.name !== "type");
  const inner = typeof value === "object" && value ? value : {};
  const set = (object) => {
    const { type: _, ...rest } = object;
    const of = type ?? chosen;
    onChange(Object.keys(rest).length ? { type: of, ...rest } : type);
  };
  const needed = options.filter((each) => !each.advanced);
  const more = options.filter((each) => each.advanced);
  return html`
    <select ...${field} onChange=${(event) => onChange(event.target.value || undefined)}>
      ${(option.default === null || option.default === undefined) && html`<option value="" selected=${!type}>as it fits</option>`}
      ${choices.map((each) => html`<option value=${each} selected=${each === chosen}>${types.find((t) => t.name === each)?.title || each}</option>`)}
    </select>
    ${found?.help && html`<p class="help">${found.help}</p>`}
    ${(needed.length > 0 || more.length > 0) && html`<div class="inner">
      <${Fields} options=${needed} object=${inner} onChange=${set} errors=${errors} prefix=${name} />
      ${more.length > 0 && html`<details><summary>Settings of this ${option.kind === "ack" ? "acknowledgement" : "framing"}</summary>
        <${Fields} options=${more} object=${inner} onChange=${set} errors=${errors} prefix=${name} /></details>`}
    </div>`}`;
}

/** One option: its label, its control, its help, and what is wrong with it. */
function Option({ option, value, onChange, errors, prefix, kinds }) {
  const id = useId();
  const name = prefix ? `${prefix}.${option.name}` : option.name;
  const wrong = errors[name];
  const helps = `${id}-help`;
  const field = {
    id, name, required: option.required, "aria-describedby": helps,
    "aria-invalid": wrong ? "true" : undefined,
  };
  const told = (event) => onChange(typed(option.kind, event.target.value));
  const below = html`<div id=${helps}>
    ${wrong && html`<p class="wrong">${wrong}</p>`}
    ${option.help && html`<p class="help">${option.help}</p>`}
    ${option.more?.length > MORE_CHARACTERS && html`<p class="help">${option.more}</p>`}
  </div>`;
  if (option.kind === "boolean") {
    return html`<div class="field"><label class="tick"><input type="checkbox" ...${field}
      checked=${value ?? option.default ?? false} onChange=${(event) => onChange(event.target.checked)} /> ${option.title}</label>${below}</div>`;
  }
  let control;
  if (option.kind === "framing" || option.kind === "ack") {
    control = html`<${Typed} option=${option} value=${value} onChange=${onChange} field=${field} errors=${errors} name=${name}
      types=${option.kind === "framing" ? kinds.framings : kinds.acks} />`;
  } else if (option.choices) {
    control = html`<${Choice} option=${option} value=${value} onChange=${onChange} field=${field} />`;
  } else {
    const list = option.common ? `${id}-common` : undefined;
    control = html`<input ...${field} type=${option.kind === "secret" ? "password" : "text"} list=${list}
      inputmode=${option.kind === "number" ? "numeric" : undefined} value=${shown(value)} placeholder=${hint(option)}
      autocomplete=${option.kind === "secret" ? "new-password" : "off"} spellcheck=${false} onInput=${told} />
      ${list && html`<datalist id=${list}>${option.common.map((each) => html`<option value=${String(each)} />`)}</datalist>`}`;
  }
  return html`<div class="field">
    <label for=${id}>${option.title}${option.required && html` <span class="muted">(required)</span>`}</label>
    ${control}${below}</div>`;
}

/** Whether an option has a say now: those of TLS only while it is spoken. */
function matters(option, object) {
  if (!option.name.startsWith("tls.") || option.name === "tls.enabled") return true;
  // Over HTTP it is the address that says whether TLS is spoken.
  return valueAt(object, "tls.enabled") ?? /^https:/.test(object.url ?? "");
}

/**
 * The fields of these options over one object. `errors` are sentences by full dotted name;
 * `onChange` gets the object as it is then.
 */
export function Fields({ options, object, onChange, errors, prefix = "", kinds }) {
  return options.filter((each) => matters(each, object)).map((option) => html`<${Option} key=${option.name}
    option=${option} prefix=${prefix} errors=${errors} kinds=${kinds} value=${valueAt(object, option.name)}
    onChange=${(value) => onChange(withValue(object, option.name, value))} />`);
}

/** Those that everybody sets, and the others behind a fold. */
export function Folded({ options, title = "More settings", ...rest }) {
  const plain = options.filter((each) => !each.advanced);
  const more = options.filter((each) => each.advanced);
  const open = more.some((each) => rest.errors[`${rest.prefix}.${each.name}`]);
  return html`<${Fields} options=${plain} ...${rest} />
    ${more.length > 0 && html`<details open=${open}><summary>${title}</summary><${Fields} options=${more} ...${rest} /></details>`}`;
}
