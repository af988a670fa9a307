import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { takeToken } from "./api.js";
import { follow, useStore } from "./store.js";
import { rate } from "./parts.jsx";
import { Flow } from "./flow.jsx";
import { Devices } from "./devices.jsx";
import { Device } from "./device.jsx";
import { Rules } from "./rules.jsx";
import { Alerts } from "./alerts.jsx";
import { Letters } from "./letters.jsx";
import { Logs } from "./logs.jsx";
import { Archive } from "./archive.jsx";
import { Simulator } from "./simulator.jsx";
import { Follow } from "./message.jsx";

const views = [
  ["flow", "Flow", Flow],
  ["devices", "Devices", ({ rest }) => (rest[0] ? <Device key={rest[0]} name={rest[0]} /> : <Devices />)],
  ["rules", "Rules", Rules],
  ["alerts", "Alerts", Alerts],
  ["letters", "Dead letters", Letters],
  ["logs", "Logs", Logs],
  ["archive", "Archive", Archive],
  ["simulator", "Simulator", Simulator],
];

/** The place in the page is behind #: "#/devices/soil-001". */
function usePlace() {
  const [hash, set] = useState(location.hash);
  useEffect(() => {
    const moved = () => set(location.hash);
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);
  const [view = "flow", ...rest] = hash.replace(/^#\//, "").split("/").map(decodeURIComponent);
  return [view, rest];
}

const states = {
  connecting: "connecting …",
  live: "live",
  lost: "iot-local is not running; trying again …",
  refused: "not allowed: open the address that iot-local printed",
};

function App() {
  const s = useStore();
  const [view, rest] = usePlace();
  const found = views.find(([id]) => id === view);
  const View = view === "message" ? Follow : (found?.[2] ?? Flow);
  useEffect(() => {
    document.title = (found?.[1] ?? "Message") + " · " + (s.pipeline?.name ?? "iot-local");
  }, [view, s.pipeline?.name]);
  return (
    <>
      <header>
        <h1>{s.pipeline?.name ?? "iot-local"}</h1>
        <nav aria-label="Views">
          {views.map(([id, label]) => (
            <a href={"#/" + id} aria-current={id === view ? "page" : undefined}>
              {label}
            </a>
          ))}
        </nav>
        <p class="status">
          <span class="number">{s.received.toLocaleString("en")}</span> messages,{" "}
          <span class="number">{rate(s.rate)}</span>{" "}
          <span class={"connection " + s.connection} role="status">
            {states[s.connection]}
          </span>
        </p>
      </header>
      <main>
        {s.problem && <p class="problem" role="alert">{s.problem}</p>}
        {s.connection === "refused" ? <p class="problem">{states.refused}</p> : <View rest={rest} />}
      </main>
    </>
  );
}

takeToken();
follow();
const root = document.getElementById("page");
root.replaceChildren();
render(<App />, root);
