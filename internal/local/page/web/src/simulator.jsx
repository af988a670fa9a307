// Simulated devices: start, stop and disturb them.
import { useEffect, useState } from "preact/hooks";
import { ask } from "./api.js";
import { Problem, useAnswer } from "./parts.jsx";

const words = {
  offline: "offline for 30 s", drift: "drift", burst: "burst of 50", malformed: "5 malformed", clock: "clock wrong", recover: "recover",
};

export function Simulator() {
  const [again, reload] = useState(0);
  const [problem, say] = useState("");
  const [seconds, setSeconds] = useState("5");
  const [busy, work] = useState(false);
  const { data, error } = useAnswer("simulator", again);
  const [known, keep] = useState(null);
  useEffect(() => {
    if (data) keep(data);
  }, [data]);
  useEffect(() => {
    const timer = setInterval(() => reload((n) => n + 1), 2000);
    return () => clearInterval(timer);
  }, []);
  const tell = async (what) => {
    work(true);
    try {
      const got = await ask("simulator", what);
      keep({ ...known, ...got });
      say("");
    } catch (e) {
      say(e.message);
    }
    work(false);
  };
  if (!known) return error ? <Problem text={error} /> : <p>Loading …</p>;
  const devices = known.devices.slice(0, 200);
  return (
    <section aria-labelledby="simulator">
      <h2 id="simulator">Simulator</h2>
      <p class="hint">Simulated devices connect with the credentials that the pipeline stored, and publish believable telemetry.</p>
      <Problem text={problem} />
      <div class="bar">
        <button type="button" class="main" disabled={busy} onClick={() => tell({ do: "start" })}>Start {known.devices.length > 200 ? "200" : "all"}</button>
        <button type="button" disabled={busy} onClick={() => tell({ do: "stop" })}>Stop all</button>
        <label>Seconds between messages <input type="number" min="0.01" max="3600" step="any" value={seconds} onInput={(e) => setSeconds(e.currentTarget.value)} /></label>
        <button type="button" disabled={busy} onClick={() => tell({ do: "interval", seconds: Number(seconds) })}>Set for all</button>
      </div>
      {known.keyless?.length > 0 && <p class="note" role="note">{known.keyless.length} devices have their own keys, which the pipeline does not know: {known.keyless.slice(0, 10).join(", ")}</p>}
      {known.devices.length > devices.length && <p class="note" role="note">The first {devices.length} of {known.devices.length} devices are listed.</p>}
      <div class="scroll tall" tabIndex={0} role="region" aria-label="Simulated devices">
        <table>
          <thead><tr><th>Device</th><th>State</th><th>Every</th><th>Disturb</th></tr></thead>
          <tbody>
            {devices.map((d) => (
              <tr key={d.name}>
                <td><a href={"#/devices/" + encodeURIComponent(d.name)}>{d.name}</a></td>
                <td>
                  <button type="button" disabled={busy} aria-label={`${d.playing ? "Stop" : "Start"} ${d.name}`} onClick={() => tell({ do: d.playing ? "stop" : "start", devices: [d.name] })}>{d.playing ? "Stop" : "Start"}</button>
                  {d.disturbances.map((name) => <span class="badge">{words[name] ?? name}</span>)}
                </td>
                <td class="number">{d.seconds} s</td>
                <td>
                  {known.disturbances.map((how) => (
                    <button type="button" disabled={busy || !d.playing} aria-label={`${words[how] ?? how} ${d.name}`} onClick={() => tell({ do: "disturb", devices: [d.name], how })}>{words[how] ?? how}</button>
                  ))}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
