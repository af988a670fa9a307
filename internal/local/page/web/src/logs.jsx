// What the functions print, and what the runtime says.
import { useMemo, useState } from "preact/hooks";
import { useStore } from "./store.js";
import { clock } from "./parts.jsx";

export function Logs() {
  const s = useStore();
  const [source, choose] = useState("");
  const [wanted, want] = useState("");
  const [paused, pause] = useState(null);
  const lines = paused ?? s.lines;
  const sources = useMemo(() => [...new Set(lines.filter((l) => l.kind === "logged").map((l) => l.source))].sort(), [lines]);
  const found = lines.filter((l) => (source === "" || (source === "!" ? l.error : l.source === source)) && (wanted === "" || l.text.toLowerCase().includes(wanted.toLowerCase())));
  return (
    <section aria-labelledby="logs">
      <h2 id="logs">Logs</h2>
      <div class="bar">
        <label>
          Source
          <select value={source} onChange={(e) => choose(e.currentTarget.value)}>
            <option value="">all</option>
            <option value="!">errors only</option>
            {sources.map((name) => <option value={name}>{name}</option>)}
          </select>
        </label>
        <label>Find <input type="search" value={wanted} onInput={(e) => want(e.currentTarget.value)} /></label>
        <button type="button" aria-pressed={paused !== null} onClick={() => pause(paused ? null : s.lines)}>{paused ? "Go on" : "Pause"}</button>
        <span class="hint">{found.length} of the last {lines.length} lines</span>
      </div>
      <div class="scroll log" tabIndex={0} role="region" aria-label="Log lines">
        <table>
          <thead><tr><th>Time</th><th>Kind</th><th>Source</th><th>Text</th></tr></thead>
          <tbody>
            {found.slice(-300).reverse().map((l) => (
              <tr key={l.number} class={l.error ? "bad" : ""}>
                <td class="time">{clock(l.time)}</td><td>{l.kind}</td><td>{l.source}</td>
                <td class={"content" + (l.error ? " error" : "")}>{l.text}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
