// Figures and times in words. Everything here is pure: value in, text out.

const UNITS = ["", " k", " M", " G", " T"];

/** A count with thin spaces between thousands: 1 234 567. */
export function count(n) {
  if (n === null || n === undefined) return "–";
  return String(Math.round(n)).replace(/\B(?=(\d{3})+(?!\d))/g, "\u2009");
}

/** One significant unit: 1.2 k, 340, 0.3. */
export function short(n) {
  if (n === null || n === undefined) return "–";
  let unit = 0;
  while (n >= 999.5 && unit < UNITS.length - 1) {
    n /= 1000;
    unit += 1;
  }
  const digits = n >= 100 || (unit === 0 && Number.isInteger(n)) ? 0 : n >= 10 ? 0 : 1;
  return n.toFixed(digits) + UNITS[unit];
}

/** A rate per second: "1.2 k/s". Below one in ten seconds it is told per minute or hour. */
export function rate(perSecond) {
  if (perSecond === null || perSecond === undefined) return "–";
  if (perSecond === 0) return "0/s";
  if (perSecond >= 0.1) return `${short(perSecond)}/s`;
  if (perSecond * 60 >= 0.95) return `${short(perSecond * 60)}/min`;
  return `${short(Math.max(perSecond * 3600, 0.1))}/h`;
}

/** A size: 412 B, 1.2 KiB, 3.4 GiB. */
export function size(bytes) {
  if (bytes === null || bytes === undefined) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (bytes >= 1023.5 && unit < units.length - 1) {
    bytes /= 1024;
    unit += 1;
  }
  return `${unit === 0 || bytes >= 99.5 ? Math.round(bytes) : bytes.toFixed(1)} ${units[unit]}`;
}

/** A duration: 4 s, 9 m, 3 h 20 m, 2 d. */
export function lasting(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 1) return `${Math.max(0, Math.round(seconds * 1000))} ms`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} m` : `${hours} h`;
  return `${Math.round(hours / 24)} d`;
}

/** How long ago: "2 s ago". `at` and `now` are epoch seconds. */
export function ago(at, now) {
  if (!at) return "never";
  const seconds = now - at;
  if (seconds < 1) return "now";
  return `${lasting(seconds)} ago`;
}

const two = (n) => String(n).padStart(2, "0");

/** The time of day, and the day unless it is today: 14:02:11, 2026-11-21 14:02:11. */
export function clock(at, now = Date.now() / 1000) {
  const date = new Date(at * 1000);
  const today = new Date(now * 1000);
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return date.toDateString() === today.toDateString() ? time : `${day(at)} ${time}`;
}

/** When, as short as can be read: 14:02, and the day unless it is today. */
export function moment(at, now) {
  const date = new Date(at * 1000);
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return day(at) === day(now) ? time : `${day(at)} ${time}`;
}

/** 2026-11-21, where the reader is. */
export function day(at) {
  const date = new Date(at * 1000);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** To the millisecond, with the zone: for titles. */
export function exactly(at) {
  const date = new Date(at * 1000);
  const zone = -date.getTimezoneOffset();
  const sign = zone < 0 ? "-" : "+";
  const offset = `${sign}${two(Math.floor(Math.abs(zone) / 60))}:${two(Math.abs(zone) % 60)}`;
  const ms = String(date.getMilliseconds()).padStart(3, "0");
  return `${day(at)} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${ms} ${offset}`;
}

/** "1 message", "3 messages". */
export function plural(n, one, many = `${one}s`) {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** Control bytes as their pictures (␋ ␜ ␍), so that one sees how a message is cut. */
export function glyphs(text) {
  return text.replace(/[\x00-\x1f\x7f]/g, (c) =>
    c === "\x7f" ? "\u2421" : String.fromCharCode(0x2400 + c.charCodeAt(0)));
}

/** The order of urgency of states: what needs somebody comes first. */
export const URGENCY = { failed: 0, stopped: 1, paused: 2, waiting: 3, starting: 4, running: 5 };

/** The word that is shown for a state's word. */
export const WORDS = {
  failed: "attention",
  stopped: "stopped",
  paused: "paused",
  waiting: "waiting",
  starting: "starting",
  running: "running",
};

/** What a part's type is called by people. */
export const TYPES = {
  tcp_server: "TCP server",
  tcp_client: "TCP client",
  serial: "serial",
  udp: "UDP",
  remote_icombuffer: "remote iobuffer",
  http: "HTTP",
  file: "file",
};
