package faultsweep

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
)

// modeSpec is a pipeline with a mode of the stream, and what reads it. Its gateway gets its settings by its shadow if there
// is a queue, and by Greengrass otherwise.
func modeSpec(mode string, drain bool) pipeline.Spec {
	s := pipeline.Spec{
		Name:    "sweep",
		Devices: map[string]pipeline.DeviceSpec{"stays": {}, "gw": {Gateway: &pipeline.GatewaySpec{}}},
		Edge:    &pipeline.EdgeSpec{Unmatched: &pipeline.EdgeUnmatched.Values[0]},
		Stream:  &pipeline.StreamSpec{Mode: &mode},
		Alerts: &pipeline.AlertsSpec{
			Evaluate: aws.String(pipeline.EvaluateInStream),
			Rules:    map[string]pipeline.AlertRuleSpec{"dry": {When: "data.humidity < 35"}},
		},
		ForceDestroy: aws.Bool(true),
	}
	if mode != pipeline.StreamQueue {
		s.Edge.Greengrass = &pipeline.GreengrassSpec{Artifacts: map[string]string{"arm64": "iot-edge-1.zip"}}
	}
	if drain {
		s.Stream.Drain = &drain
	}
	return s
}

// modeStride says how many requests lie between two that are made to fail.
func modeStride() int {
	if os.Getenv("IOT_FAULTS") == "full" {
		return 1
	}
	return 29
}

// TestChangeOfModeMayFail lets requests fail in each step of a change between a stream and a queue, both ways, and asks
// of each: an error that names the part, completion by doing it again, then silence, and nothing left after a destroy.
func TestChangeOfModeMayFail(t *testing.T) {
	stream, queue := pipeline.StreamModes.Default, pipeline.StreamQueue
	for i, step := range []struct {
		name     string
		from, to pipeline.Spec
	}{
		{"to a queue", modeSpec(stream, false), modeSpec(queue, true)},
		{"without the stream", modeSpec(queue, true), modeSpec(queue, false)},
		{"to a stream", modeSpec(queue, false), modeSpec(stream, true)},
		{"without the queue", modeSpec(stream, true), modeSpec(stream, false)},
	} {
		t.Run(step.name, func(t *testing.T) {
			t.Parallel()
			a := newLocalAWS(t)
			prior, err := a.apply(step.from, token, nil)
			if err != nil {
				t.Fatal(err)
			}
			a.server.Save(t, "begin")
			tried := 0
			for k := 1 + 7*i; ; k += modeStride() {
				// In the sample, each request fails in another way.
				kinds := ways[(k/modeStride())%len(ways):][:1]
				if modeStride() == 1 {
					kinds = ways
				}
				met := false
				for _, kind := range kinds {
					met = a.changePoint(t, step.to, prior, kind, k, 0) || met
				}
				if !met {
					break
				}
				tried++
			}
			if tried == 0 {
				t.Errorf("no request failed")
			}
		})
	}
}

// changePoint lets request k of an apply fail, after which a device may have so many earlier certificates. It reports
// whether there were so many requests.
func (a *localAWS) changePoint(
	t *testing.T,
	to pipeline.Spec,
	prior []assembly.Record,
	kind faultKind,
	k, earlier int,
) (met bool) {
	name := fmt.Sprintf("request %d, %s", k, kind.name)
	a.server.Restore(t, "begin")
	a.proxy.Clear()
	faults := kind.faults(k)
	first := a.proxy.Inject(faults[0])
	for _, f := range faults[1:] {
		a.proxy.Inject(f)
	}
	records, err := a.apply(to, token, prior)
	if a.proxy.Hits(first) == 0 {
		return false
	}
	var failure *assembly.Failure
	if err != nil && (!errors.As(err, &failure) || len(failure.Problems) == 0 || unclear(failure.Problems[0])) {
		t.Errorf("%s: the error does not say what it was about: %v", name, err)
	}
	if kind.dies {
		records = prior
	}
	a.proxy.Clear()
	if records, err = a.apply(to, token, records); err != nil {
		t.Errorf("%s: doing it again: %v", name, err)
		return true
	}
	a.proxy.Clear()
	if _, err := a.apply(to, token, records); err != nil {
		t.Errorf("%s: a further apply: %v", name, err)
	}
	for _, r := range a.proxy.Requests() {
		if r.Write {
			t.Errorf("%s: a further apply wrote: %s %s", name, r.Service, r.Name)
		}
	}
	for _, problem := range a.deviceProblems(to, earlier) {
		t.Errorf("%s: %s", name, problem)
	}
	if left, err := a.destroy(token, records); err != nil || len(left) != 0 {
		t.Errorf("%s: destroy: %v, still recorded: %v", name, err, left)
	}
	if orphans := a.leftovers(); len(orphans) != 0 {
		t.Errorf("%s: orphans: %v", name, orphans)
	}
	return true
}
