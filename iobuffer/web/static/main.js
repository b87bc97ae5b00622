// The page as a whole: who is signed in, the bar at the top, and the view of the place.

import { html, render, useCallback, useEffect, useRef, useState } from "./vendor.min.js";
import { api, useSession } from "./api.js";
import { live, useLive } from "./live.js";
import { Light, Me, Trouble, useMe, useView } from "./parts.js";
import { go, href, placeOf, usePlace } from "./place.js";
import { SignIn } from "./views/sign_in.js";
import { Finder } from "./views/finder.js";

// A session that is used in another tab only, or only looked at, is asked to go on while
// somebody is there.
const STAY_MS = 60_000;

// Whether a session may be there: its cookie cannot be seen from here, and asking without
// one is a refusal that the browser complains of. Where nothing can be kept, it is asked.
const HINT = "iobuffer.signed-in";

function hinted() {
  try {
    return localStorage.getItem(HINT) !== null;
  } catch {
    return true;
  }
}

function hint(present) {
  try {
    if (present) localStorage.setItem(HINT, "yes");
    else localStorage.removeItem(HINT);
  } catch {
    // A browser that keeps nothing: every visit asks.
  }
}

// Each view is fetched when it is first gone to.
const VIEWS = {
  "": ["Overview", async () => (await import("./views/overview.js")).Overview],
  channels: ["Channel", async () => (await import("./views/channel.js")).Channel],
  new: ["New channel", async () => (await import("./views/new_channel.js")).NewChannel],
  alarms: ["Alarms", async () => (await import("./views/alarms.js")).Alarms],
  people: ["People", async () => (await import("./views/people.js")).People],
  audit: ["Audit log", async () => (await import("./views/audit_log.js")).AuditLog],
  account: ["Account", async () => (await import("./views/account.js")).Account],
};

function Counts() {
  const { lines, connected } = useLive();
  const words = Object.values(lines).map((each) => each.state.word);
  const trouble = words.filter((each) => each === "failed" || each === "stopped").length;
  const running = words.filter((each) => each === "running" || each === "waiting").length;
  if (connected === false) {
    return html`<span class="counts" role="status"><${Light} word="failed" bare /> no connection to the gateway; trying again</span>`;
  }
  if (connected === null) return null;
  return html`<span class="counts" role="status">
    <span><${Light} word="running" bare /> ${running} running</span>
    ${trouble > 0 && html`<a href="#/"><${Light} word="failed" bare /> ${trouble} ${trouble === 1 ? "needs" : "need"} attention</a>`}
  </span>`;
}

function Bar({ gateway, onFind }) {
  const me = useMe();
  const { alarms } = useLive();
  const here = usePlace().segments[0] || "";
  const at = (name) => (here === name ? "page" : undefined);
  return html`<header class="bar">
    <a class="brand" href="#/" aria-current=${at("")}>iobuffer <span class="muted">· ${gateway}</span></a>
    <${Counts} />
    <nav aria-label="Gateway">
      <a href="#/alarms" aria-current=${at("alarms")}>Alarms${alarms.length > 0 && html` <span class="badge">${alarms.length}<span class="unseen"> on</span></span>`}</a>
      ${me.mayAdminister && html`<a href="#/people" aria-current=${at("people")}>People</a>
        <a href="#/audit" aria-current=${at("audit")}>Audit log</a>`}
    </nav>
    <button type="button" class="quiet find" onClick=${onFind}>Go to… <kbd>Ctrl K</kbd></button>
    <a class="me" href="#/account" aria-current=${at("account")}>${me.name} <span class="muted">${me.role}</span></a>
  </header>`;
}

function View({ place }) {
  const [name = "", ...rest] = place.segments;
  const known = VIEWS[name];
  const { view, problem } = useView(name, known?.[1]);
  const main = useRef(null);
  const title = known ? [rest[0], known[0]].filter(Boolean).join(" · ") : "Not found";
  useEffect(() => { document.title = `${title} – iobuffer`; }, [title]);
  // A reader of the screen is told of a new view; not at the first one.
  const first = useRef(true);
  useEffect(() => {
    if (!first.current) main.current.focus({ preventScroll: true });
    first.current = false;
  }, [name, rest[0]]);
  return html`<main id="main" tabindex="-1" ref=${main}>
    <${Trouble} problem=${problem} />
    ${view && html`<${view} segments=${rest} query=${place.query} />`}
    ${!known && html`<${Trouble} problem=${{ title: "There is no such view", detail: "The address may be from another version." }}>
      <p><a href="#/">To the overview</a></p></${Trouble}>`}
  </main>`;
}

function SignedIn({ gateway }) {
  const place = usePlace();
  const [finding, setFinding] = useState(false);
  useEffect(() => {
    live.start();
    const keys = (event) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        setFinding(true);
      }
    };
    let stayed = Date.now();
    const stay = () => {
      if (Date.now() - stayed > STAY_MS) {
        stayed = Date.now();
        api.get("/api/whoami").catch(() => {});
      }
    };
    addEventListener("keydown", keys);
    addEventListener("keydown", stay);
    addEventListener("pointermove", stay);
    return () => {
      removeEventListener("keydown", keys);
      removeEventListener("keydown", stay);
      removeEventListener("pointermove", stay);
      live.stop();
    };
  }, []);
  return html`
    <a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); document.getElementById("main").focus(); }}>To the content</a>
    <${Bar} gateway=${gateway} onFind=${() => setFinding(true)} />
    <${View} place=${place} />
    ${finding && html`<${Finder} onClose=${() => setFinding(false)} />`}`;
}

function Page() {
  // undefined: not known yet; null: nobody.
  const [me, setMe] = useState(undefined);
  const [gateway, setGateway] = useState("");
  const [ended, setEnded] = useState(false);
  const [problem, setProblem] = useState(null);

  const enter = useCallback((found) => {
    hint(true);
    useSession(found.csrf, () => {
      hint(false);
      setMe((old) => {
        if (old) setEnded(true);
        return null;
      });
    });
    setEnded(false);
    setProblem(null);
    setMe(found);
    // Figures are shown by the gateway's clock: a viewer's may be wrong.
    api.get("/api/status").then((status) => {
      live.skewSeconds = status.now - Date.now() / 1000;
      setGateway(status.name);
    }).catch(setProblem);
  }, []);

  const look = useCallback(() => {
    useSession("", () => {});
    if (!hinted()) {
      setMe(null);
      return;
    }
    api.get("/api/whoami", {}, { signingIn: true }).then(enter, (error) => {
      if (error.status === 401) {
        hint(false);
        setMe(null);
      } else setProblem(error);
    });
  }, []);
  useEffect(look, []);

  const setUp = /^#set-up=([\w-]+)$/.exec(location.hash)?.[1];
  if (me === undefined) {
    return problem
      ? html`<main class="alone"><${Trouble} problem=${problem}>
          <button type="button" onClick=${() => { setProblem(null); look(); }}>Try again</button></${Trouble}></main>`
      : html`<p class="loading">iobuffer</p>`;
  }
  if (me === null || setUp) {
    return html`<${SignIn} setUp=${setUp} ended=${ended} onEnter=${(found) => {
      if (setUp) go("#/", true);
      enter(found);
    }} />`;
  }
  const leave = () => { hint(false); live.stop(); setEnded(false); setMe(null); };
  return html`<${Me.Provider} value=${{ ...me, leave, enter }}>
    <${Trouble} problem=${problem} />
    <${SignedIn} gateway=${gateway} />
  </${Me.Provider}>`;
}

// An address of another kind (an old bookmark) leads to the overview.
if (location.hash && !location.hash.startsWith("#/") && !location.hash.startsWith("#set-up=")) {
  go(href(...placeOf(location.hash).segments), true);
}
const page = document.getElementById("page");
page.replaceChildren();
render(html`<${Page} />`, page);
