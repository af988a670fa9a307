package rules

import (
	"context"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/local/message"
)

// BenchmarkHandle measures one message through one rule with one action in a lane.
func BenchmarkHandle(b *testing.B) {
	e := New(Options{Invoke: func(context.Context, string, []byte) error { return nil }})
	defer e.Close()
	if err := e.Set([]Rule{newRule("r", "SELECT *, topic(2) AS thing FROM 'gh/+/telemetry'",
		lambdaTo("f"))}); err != nil {
		b.Fatal(err)
	}
	m := message.New("gh/soil-001/telemetry", []byte(`{"data":{"temperature":21.5,"humidity":40}}`))
	m.ClientID, m.Time = "soil-001", time.Now()
	b.ReportAllocs()
	for b.Loop() {
		e.Handle(m)
	}
	if err := e.Wait(b.Context()); err != nil {
		b.Fatal(err)
	}
}
