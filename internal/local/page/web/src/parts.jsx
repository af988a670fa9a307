// Small parts that several views use.
import { useEffect, useState } from "preact/hooks";
import { ask } from "./api.js";

const two = (n) => String(n).padStart(2, "0");

/** Clock is a time of day, with milliseconds. */
export function clock(text) {
  if (!text) return "";
  const t = new Date(text);
  return `${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}.${String(t.getMilliseconds()).padStart(3, "0")}`;
}

/** Ago says how long ago something was. */
export function ago(text) {
  const t = Date.parse(text ?? "");
  if (!t || t < 0) return "never";
  const s = Math.max(0, Math.round((Date.now() - t) / 1000));
  if (s < 60) return `${s} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ago`;
  return `${Math.floor(s / 86400)} d ago`;
}

export function rate(n) {
  if (!n) return "0/s";
  return n >= 10 ? `${Math.round(n)}/s` : `${n.toFixed(1)}/s`;
}

export function ms(n) {
  if (!n) return "";
  return n >= 100 ? `${Math.round(n)} ms` : `${n.toFixed(1)} ms`;
}

/** Pretty indents JSON, and leaves other text as it is. */
export function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** Spark is a line of the latest values. */
export function Spark({ values }) {
  if (!values || values.length < 2) return <span class="spark" />;
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  const points = values.map((v, i) => `${((i / (values.length - 1)) * 78 + 1).toFixed(1)},${(19 - ((v - low) / span) * 18).toFixed(1)}`);
  return (
    <svg class="spark" viewBox="0 0 80 20" aria-hidden="true">
      <polyline points={points.join(" ")} />
    </svg>
  );
}

/** Answer loads something and renders it; again(n) loads it anew when n changes. */
export function useAnswer(path, again = 0) {
  const [got, set] = useState({ loading: true });
  useEffect(() => {
    let current = true;
    if (path === null) {
      set({});
      return;
    }
    ask(path).then(
      (data) => current && set({ data }),
      (e) => current && set({ error: e.message }),
    );
    return () => {
      current = false;
    };
  }, [path, again]);
  return got;
}

export function Problem({ text }) {
  return text ? (
    <p class="problem" role="alert">
      {text}
    </p>
  ) : null;
}

/** Code shows text as it is. A scrollable region can be reached with the keyboard. */
export function Code({ text, label = "text" }) {
  return (
    <pre class="code" tabIndex={0} aria-label={label}>
      {text}
    </pre>
  );
}
