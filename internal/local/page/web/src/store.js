// What the page knows, and who wants to hear of changes.
import { useEffect, useState } from "preact/hooks";
import { ask, listen } from "./api.js";

const keptLines = 2000;
const keptMessages = 200;
const keptValues = 24;

export const state = {
  connection: "connecting", // "live", "lost", "refused"
  pipeline: null,
  problem: "",
  edges: new Map(), // from + "\n" + to → flow, with rate
  received: 0,
  rate: 0,
  messages: [], // the latest first
  skipped: 0, // of the last second
  lines: [],
  notices: [],
  devices: new Map(), // name → device
  order: [], // names
  devicesLoaded: false,
  version: 0,
};

const listeners = new Set();
let planned = false;

/** Tells the components of a change, at most once a frame. */
export function changed() {
  state.version++;
  if (planned) return;
  planned = true;
  setTimeout(() => {
    planned = false;
    for (const f of [...listeners]) f(state.version);
  }, 16);
}

/** Makes a component render after every change. */
export function useStore() {
  const [, set] = useState(0);
  useEffect(() => {
    listeners.add(set);
    return () => listeners.delete(set);
  }, []);
  return state;
}

const edgeKey = (f) => f.from + "\n" + f.to;

async function loadPipeline() {
  const p = await ask("pipeline");
  state.pipeline = p;
  state.lines = p.lines ?? [];
  state.notices = p.notices ?? [];
  const before = state.edges;
  state.edges = new Map(p.edges.map((f) => [edgeKey(f), { ...f, rate: before.get(edgeKey(f))?.rate ?? 0 }]));
  const recent = await ask("messages");
  state.messages = recent.messages;
  changed();
}

export async function loadDevices() {
  const { devices } = await ask("devices");
  state.devices = new Map(devices.map((d) => [d.name, { ...d, values: d.values ?? [] }]));
  state.order = devices.map((d) => d.name);
  state.devicesLoaded = true;
  changed();
}

let last = null;
let unknown = 0;

function tick(t) {
  const now = Date.parse(t.time);
  const seconds = last ? Math.max(0.2, (now - last.at) / 1000) : 1;
  state.rate = last ? (t.received - last.received) / seconds : 0;
  last = { at: now, received: t.received };
  state.received = t.received;
  for (const f of state.edges.values()) f.rate = 0;
  let strange = false;
  for (const f of t.edges) {
    const known = state.edges.get(edgeKey(f));
    if (!known) strange = true;
    state.edges.set(edgeKey(f), { ...f, rate: known ? (f.count - known.count) / seconds : f.count / seconds });
  }
  state.skipped = t.skipped ?? 0;
  if (t.messages) state.messages = [...t.messages.reverse(), ...state.messages].slice(0, keptMessages);
  if (t.lines) state.lines = [...state.lines, ...t.lines].slice(-keptLines);
  if (t.notices) state.notices = [...state.notices, ...t.notices].slice(-keptMessages);
  for (const b of t.devices ?? []) {
    const d = state.devices.get(b.name);
    if (!d) {
      unknown++;
      continue;
    }
    const values = b.count !== d.count && b.values ? [...d.values, ...b.values].slice(-keptValues) : d.values;
    Object.assign(d, { seen: b.seen, connected: b.connected, count: b.count, values });
    if (b.count) d.status = d.status === "silent" || !d.status ? "online" : d.status;
  }
  if (unknown > 0 && state.devicesLoaded) {
    unknown = 0;
    loadDevices().catch(() => {});
  }
  if (strange || t.changes !== state.pipeline?.changes) loadPipeline().catch(() => {});
  changed();
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Follows iot-local for as long as the page is open, over its restarts. */
export async function follow() {
  for (;;) {
    try {
      await listen((name, data) => {
        if (name === "hello") {
          state.connection = "live";
          last = null;
          loadPipeline().catch((e) => {
            state.problem = e.message;
            changed();
          });
          if (state.devicesLoaded) loadDevices().catch(() => {});
          changed();
        } else {
          tick(data);
        }
      });
      state.connection = "lost";
    } catch (e) {
      state.connection = e.status === 401 || e.status === 403 ? "refused" : "lost";
    }
    changed();
    await pause(1000);
  }
}
