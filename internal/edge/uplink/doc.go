// Package uplink forwards the records of a gateway's queue to AWS IoT: over mutual TLS, by MQTT 5 with QoS 1, in order
// per topic, with a bounded number of messages on the way.
//
// A record is acknowledged to the queue when AWS IoT has acknowledged the message that contains it. After a lost
// connection, everything that was not acknowledged is sent again, from the oldest on: a message can arrive twice, but
// is never missing, and nothing overtakes an older record of its topic. The one exception is a message that AWS IoT
// refuses for now: what was on the way behind it may have arrived, and comes again after it.
package uplink
