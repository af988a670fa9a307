// Where the nodes of the diagram are.

const kinds = {
  devices: "Devices",
  broker: "MQTT broker",
  events: "Event queue",
  rule: "Rule",
  stream: "Stream",
  function: "Function",
  delivery: "Firehose",
  store: "Store",
};

const services = {
  dynamodb: "DynamoDB", s3: "S3", sqs: "Queue", sns: "SNS", timestream: "Timestream", mqtt: "To devices",
  firehose: "Firehose", secretsmanager: "Secret", iotdata: "IoT data", iot: "IoT", monitoring: "CloudWatch",
  cloudwatch_metric: "Metric", cloudwatch_logs: "Log group", http: "HTTP",
};

const kindOf = (id) => id.split(":")[0];

/** What kind of thing a node is, for people. */
export function kind(id) {
  if (kindOf(id) !== "store") return kinds[kindOf(id)] ?? kindOf(id);
  const service = id.split(":")[1];
  return services[service] ?? service;
}

/** The name of a node, without its kind. */
export function name(id) {
  const [k, ...rest] = id.split(":");
  if (k === "store") return rest.slice(1).join(":") || rest[0];
  return rest.join(":") || kinds[k] || k;
}

export function label(id) {
  return name(id) === kind(id) ? kind(id) : `${kind(id)} ${name(id)}`;
}

const columns = { devices: 0, broker: 0, events: 0, rule: 1, stream: 2, function: 3, delivery: 3, store: 4 };

export const box = { width: 168, height: 44, gapX: 122, gapY: 20 };

/** Places nodes in columns, each below the others it has much to do with. */
export function layout(nodes, edges) {
  const lists = [[], [], [], [], []];
  for (const n of nodes) {
    if (n.id === "events" || n.id.endsWith(":")) continue;
    lists[columns[kindOf(n.id)] ?? 4].push(n.id);
  }
  const at = new Map();
  const place = (list) => list.forEach((id, i) => at.set(id, i));
  lists[0].sort((a, b) => (a === "devices" ? -1 : b === "devices" ? 1 : 0));
  place(lists[0]);
  for (const list of lists.slice(1)) {
    const weight = (id) => {
      const from = edges.filter((e) => e.to === id && at.has(e.from)).map((e) => at.get(e.from));
      return from.length ? from.reduce((a, b) => a + b, 0) / from.length : 99;
    };
    const weights = new Map(list.map((id) => [id, weight(id)]));
    list.sort((a, b) => weights.get(a) - weights.get(b) || (a < b ? -1 : 1));
    place(list);
  }
  const rows = Math.max(...lists.map((l) => l.length), 2);
  const height = rows * (box.height + box.gapY) + box.gapY;
  const spots = new Map();
  lists.forEach((list, x) => {
    const step = height / Math.max(1, list.length);
    list.forEach((id, i) => {
      spots.set(id, { id, x: x * (box.width + box.gapX) + 8, y: step * (i + 0.5) - box.height / 2 });
    });
  });
  return { spots, width: 5 * box.width + 4 * box.gapX + 16, height };
}
