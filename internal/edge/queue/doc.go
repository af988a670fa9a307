// Package queue is the store-and-forward queue of a gateway: records go to disk, come back in the order in which they
// came, and stay until they are acknowledged.
//
// # Files
//
// Each priority has append-only segments of its own, "<priority>-<first sequence number>.seg". A segment is a sequence
// of records, and a record describes itself (a marker, its length, a checksum, its sequence number), so a reader finds
// the next whole record behind a damaged one. The file "state" holds, twice in turn, what must survive besides: up to
// where everything is settled, how many records are there, and what was dropped, rejected and lost.
//
// # Bounds
//
// The segments have a budget. When it is used up, whole segments are dropped, as the policy says, and their records are
// counted. Priorities decide about dropping only: reading merges them by sequence number.
//
// # Order on the disk
//
// Records go to the disk before the state, and a segment of which nothing is needed goes after the state that says so.
// So a power failure makes the queue send again, and count as lost only what is. What a failed sync did not write is
// written again before the next one.
//
// # What can be lost
//
// A record is whole or not there. After a crash, the number of records in the segments is compared with that in the
// state; what is missing counts as lost. A record that the state does not know yet was not acknowledged to its sender,
// and is delivered anyway.
package queue
