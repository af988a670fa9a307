// Package rules decides on a gateway what becomes of the messages of its children, in the SQL of AWS IoT and without
// AWS. It is pure: time is passed in, and it has no goroutines and no files.
//
// # What becomes of a message
//
// Rules see the topics, payloads and functions that topic rules in the cloud would see: the topic has the pipeline's
// prefix, and clientid() is the gateway. Functions that call services are errors. A rule matches a message if FROM
// covers the topic and WHERE is TRUE.
//
//  1. If a rule with the action drop matches, the message is not forwarded, and no forward rule sees it.
//  2. Each matching rule with the action forward takes the message, independently of the others: two of them forward
//     two messages. The result of its SELECT goes through its window, then its report, then its rate limit, and leaves
//     as telemetry of the child.
//  3. Rules with the actions command and alert see every message, dropped or not, and do not change what becomes of it.
//  4. What no drop or forward rule takes is forwarded on its own topic, or dropped with Config.Unmatched = "drop".
//
// Within a step, rules run in the order of their names. A rule whose SQL fails for a message (it takes too much work)
// does not match it; that is counted, with the error.
//
// A message of telemetry that is forwarded without a time of its own gets the gateway's: it may wait in the queue for
// hours, and the cloud would take its arrival for the time. Any payload but a JSON object stays as it is, and is
// counted.
//
// # Windows
//
// A window of a child begins with a reading and ends Window.Seconds later by the monotonic clock, so a clock that is
// set neither shortens nor prolongs it. Children's windows begin at different times, which spreads the load. Its result
// has the time of the newest reading in it, by the children's own clocks where they send a time. Minimum, maximum,
// average and count do not depend on the order of readings; last is the newest, and of two with the same time the one
// that arrived later. Numbers are computed in 64-bit floats, averages from exact sums.
//
// A reading whose own time is more than Window.Seconds before its arrival is late: Window.Late says what becomes of it.
// When the gateway's clock jumps ahead, the readings of children with a clock look late, and are by default forwarded
// each by itself; none is lost. A time that cannot be right (before 2010, or 15 minutes ahead) counts as the arrival,
// as in the cloud.
//
// # Stops and starts
//
// Snapshot returns open windows, dead bands, rates, alerts and counters, and Restore takes them up again: with the time
// that has passed by the gateway's clock, if that has not gone back. Windows of rules that have changed or gone are
// forwarded as they are. Alerts of a rule that has changed stay raised until the new rule ends them; those of a rule
// that has gone are cleared. Readings that a window took up after the last snapshot are lost in a crash, those of
// at most one interval between snapshots; the windows that were open then are counted as interrupted.
// A window that was forwarded after the last snapshot is forwarded again, with the same time.
//
// # Alerts
//
// An alert is raised for a child when WHERE becomes TRUE, and cleared when it becomes FALSE (not when it is Undefined,
// as for a message without the measure) or when ClearWhen is TRUE. Each change is forwarded once, with high priority,
// as telemetry of the child: what the SELECT says, and the measure alerts.<rule> with "raised" or "cleared". An alert
// in the cloud can notify people with a condition such as data.alerts.hot = 'raised'. Commands leave at once, with or
// without uplink.
//
// # Memory
//
// Config.MaxSeries bounds what is remembered, of all children and, to a quarter, of each. A reading that there is no
// room for is forwarded as it is, and counted; an alert is not raised, and counted. Children that are silent for 48
// hours are forgotten.
package rules
