// The list of devices: only the rows in sight exist, so that 10,000 are no burden.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { loadDevices, useStore } from "./store.js";
import { ago, Problem, Spark } from "./parts.jsx";

const rowHeight = 36;

/** What a device is, from what the runtime sees and the device table says. */
export function statusOf(d) {
  if (d.connected) return d.status === "silent" ? "silent" : "online";
  return d.status === "online" && !d.count ? "online" : d.status || "offline";
}

const orders = {
  name: (a, b) => (a.name < b.name ? -1 : 1),
  seen: (a, b) => (Date.parse(b.seen ?? 0) || 0) - (Date.parse(a.seen ?? 0) || 0),
  status: (a, b) => (statusOf(a) < statusOf(b) ? -1 : statusOf(a) > statusOf(b) ? 1 : a.name < b.name ? -1 : 1),
};

function useVirtual(count) {
  const ref = useRef(null);
  const [view, set] = useState({ top: 0, height: 600 });
  useEffect(() => {
    const box = ref.current;
    if (!box) return;
    const measure = () => set({ top: box.scrollTop, height: box.clientHeight });
    measure();
    box.addEventListener("scroll", measure, { passive: true });
    const watch = new ResizeObserver(measure);
    watch.observe(box);
    return () => {
      box.removeEventListener("scroll", measure);
      watch.disconnect();
    };
  }, [ref.current]);
  const from = Math.max(0, Math.floor(view.top / rowHeight) - 5);
  const to = Math.min(count, Math.ceil((view.top + view.height) / rowHeight) + 5);
  return { ref, from, to };
}

export function Devices() {
  const s = useStore();
  const [error, fail] = useState("");
  const [wanted, want] = useState("");
  const [order, sort] = useState("name");
  useEffect(() => {
    loadDevices().catch((e) => fail(e.message));
  }, []);
  const list = useMemo(() => {
    const found = s.order.filter((n) => n.toLowerCase().includes(wanted.toLowerCase())).map((n) => s.devices.get(n));
    return order === "name" ? found : found.sort(orders[order]);
  }, [s.order, wanted, order, order === "name" ? 0 : Math.floor(s.version / 5)]);
  const { ref, from, to } = useVirtual(list.length);
  const online = list.filter((d) => statusOf(d) === "online").length;
  return (
    <section aria-labelledby="devices">
      <h2 id="devices">Devices</h2>
      <Problem text={error} />
      <div class="bar">
        <label>Find <input type="search" value={wanted} onInput={(e) => want(e.currentTarget.value)} /></label>
        <label>
          Order
          <select value={order} onChange={(e) => sort(e.currentTarget.value)}>
            <option value="name">name</option>
            <option value="seen">last seen</option>
            <option value="status">status</option>
          </select>
        </label>
        <span class="number" role="status">{list.length.toLocaleString("en")} devices, {online.toLocaleString("en")} online</span>
      </div>
      <div class="list" role="table" aria-label="Devices" aria-rowcount={list.length + 1}>
        <div role="rowgroup">
          <div class="row head" role="row">
            <span role="columnheader">Device</span><span role="columnheader">Status</span>
            <span role="columnheader">Last seen</span><span role="columnheader">Messages</span>
            <span role="columnheader">Latest values</span>
          </div>
        </div>
        <div class="rows" role="rowgroup" tabIndex={0} ref={ref} aria-label="Rows">
          <div style={{ height: list.length * rowHeight + "px", position: "relative" }} role="presentation">
            {list.slice(from, to).map((d, i) => (
              <div
                class="row" role="row" key={d.name} aria-rowindex={from + i + 2}
                style={{ position: "absolute", top: (from + i) * rowHeight + "px", height: rowHeight + "px" }}
              >
                <span role="cell"><a href={"#/devices/" + encodeURIComponent(d.name)}>{d.name}</a></span>
                <span role="cell" class={"state " + statusOf(d)}>{statusOf(d)}</span>
                <span role="cell">{ago(d.seen)}</span>
                <span role="cell" class="number">{d.count ?? 0}</span>
                <span role="cell"><Spark values={d.values} /></span>
              </div>
            ))}
          </div>
        </div>
      </div>
    </section>
  );
}
