package archiver

import (
	"encoding/base64"
	"io"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/lambdatest"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/envelope"
)

// FuzzRows: whatever a device sends is answered with rows that a strict reader takes, and can be read back from the
// first of them.
func FuzzRows(f *testing.F) {
	for _, payload := range []string{`{"timestamp":1767225600000,"data":{"a":1,"b":"x","c":true}}`, `[{"a":1},{"a":2}]`,
		"\xff", "", "{\"\uFFFE\":\"\\ud800\"}", `{"a":1e400}`, `{"t":"2026-01-01"}`,
		lambdatest.Status("soil-001", "online", lambdatest.Start), lambdatest.CommandResult("soil-001", "c", "done"), `{"status_payload":"/w==","status_topic":"a"}`} {
		f.Add("soil-001", payload, int64(1767225600000), "")
		f.Add("soil-001", payload, int64(-1), `{"format":"cbor"}`)
	}
	f.Add("$rules", "x", int64(1767225600000), `{"format":"msgpack","compression":"gzip"}`)
	f.Fuzz(func(t *testing.T, thing, payload string, arrival int64, options string) {
		a, err := newArchiver(func(name string) string {
			if name == "IOT_TELEMETRY" {
				return options
			}
			return ""
		}, io.Discard)
		if err != nil || arrival < 0 || arrival > 4e12 {
			return
		}
		// Firehose's events hold JSON strings, so the name of a thing is UTF-8 there.
		got := invoke(t, a, lambdatest.FirehoseEvent(lambdatest.Record{Thing: thing, Payload: payload,
			After: time.UnixMilli(arrival).Sub(lambdatest.Start) + 1}))
		if len(got) != 1 {
			t.Fatalf("%d answers to one record", len(got))
		}
		rows := rowsOf(t, got[0])
		for i, r := range rows {
			if (r.Payload != nil) != (i == 0) {
				t.Fatalf("row %d: payload %v", i, r.Payload)
			}
			if _, err := time.Parse(timeLayout, r.Time); err != nil {
				t.Fatal(err)
			}
		}
		kept := *rows[0].Payload
		if rows[0].PayloadEncoding == "base64" {
			text, err := base64.StdEncoding.DecodeString(kept)
			if err != nil {
				t.Fatal(err)
			}
			kept = string(text)
		}
		if rows[0].Kind == contract.ArchiveStatus || rows[0].Kind == contract.ArchiveCommandResult {
			message, err := envelope.Open(thing, payload)
			if err != nil || kept != string(message.Payload) {
				t.Fatalf("the payload of %q is kept as %q, %v", payload, kept, err)
			}
		} else if kept != payload {
			t.Fatalf("the payload %q is kept as %q", payload, kept)
		}
	})
}
