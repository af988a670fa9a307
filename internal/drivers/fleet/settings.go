package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iotdataplane"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/bulk"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// The settings of gateways are the desired state of their shadow. The driver writes all of it, and nothing of what the
// gateway reports. The registry says which things have settings there, so that only their shadows are read.

// edgeShadow is a gateway's shadow as AWS IoT answers it.
type edgeShadow struct {
	State struct {
		Desired  map[string]any         `json:"desired"`
		Reported *contract.EdgeReported `json:"reported"`
	} `json:"state"`
}

// readSettings reads the shadows of the gateways that have settings there.
func (d *Driver) readSettings(ctx context.Context, f spec.Fleet) error {
	var names []string
	for name, device := range f.Devices {
		if device.Found.Settled {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var mu sync.Mutex
	return d.pool.Each(ctx, "settings of gateways read", names, func(ctx context.Context, name string) error {
		shadow, err := d.shadow(ctx, d.pool, name, f.Endpoint)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		found := f.Devices[name].Found
		found.Settings, found.Refused = shadow.settings(), shadow.refused()
		return nil
	})
}

// shadow reads the shadow of a gateway. One that does not exist is empty.
func (d *Driver) shadow(ctx context.Context, pool *bulk.Pool, name, endpoint string) (edgeShadow, error) {
	var shadow edgeShadow
	out, err := bulk.Ask(ctx, pool, "reading the settings of the gateway",
		func(ctx context.Context) (*iotdataplane.GetThingShadowOutput, error) {
			return d.c.IoTData().GetThingShadow(ctx, &iotdataplane.GetThingShadowInput{
				ThingName: &name, ShadowName: aws.String(contract.EdgeShadow)}, awsapi.AtEndpoint(endpoint))
		})
	if awsapi.IsNotFound(err) {
		return shadow, nil
	}
	if err != nil {
		return shadow, err
	}
	decoder := json.NewDecoder(bytes.NewReader(out.Payload))
	decoder.UseNumber()
	if err := decoder.Decode(&shadow); err != nil {
		// The device writes the reported state, and may write anything.
		shadow.State.Reported = nil
		var desired struct {
			State struct {
				Desired map[string]any `json:"desired"`
			} `json:"state"`
		}
		if err := json.Unmarshal(out.Payload, &desired); err != nil {
			return shadow, fmt.Errorf("reading the shadow of the gateway: %w", err)
		}
		shadow.State.Desired = desired.State.Desired
	}
	return shadow, nil
}

// settings is the desired state.
func (s edgeShadow) settings() string {
	if len(s.State.Desired) == 0 {
		return ""
	}
	text, _ := json.Marshal(s.State.Desired) // was JSON
	return string(text)
}

// refused is what the gateway says against the desired state that is there now.
func (s edgeShadow) refused() string {
	r := s.State.Reported
	if r == nil || r.Status != contract.EdgeRejected || r.Error == nil ||
		fmt.Sprint(r.Version) != fmt.Sprint(s.State.Desired["version"]) {
		return ""
	}
	return *r.Error
}

// sameSettings compares settings as JSON. AWS IoT stores no empty objects.
func sameSettings(a, b string) bool {
	return a == b || reflect.DeepEqual(objectOf(a), objectOf(b))
}

// objectOf reads a JSON object without its empty members.
func objectOf(text string) map[string]any {
	object := map[string]any{}
	if text != "" {
		_ = json.Unmarshal([]byte(text), &object) // what is none counts as empty
	}
	prune(object)
	return object
}

func prune(object map[string]any) {
	for key, value := range object {
		inner, is := value.(map[string]any)
		if is {
			prune(inner)
		}
		if value == nil || is && len(inner) == 0 {
			delete(object, key)
		}
	}
}

// settledByShadow reports whether a device is to have settings in its shadow.
func settledByShadow(f spec.Fleet, d spec.Device) bool { return d.Gateway && f.GatewaySettings != "" }

// unsettled reports whether settings are missing, wrong, or where they should not be.
func unsettled(found *spec.DeviceState, f spec.Fleet, want spec.Device) bool {
	settled := settledByShadow(f, want)
	return found.Settled != settled || settled && !sameSettings(found.Settings, f.GatewaySettings)
}

// settle writes the settings of a gateway; known says that its shadow has been read.
func (r *run) settle(ctx context.Context, name string, known bool, have, want spec.Device) error {
	settings := r.want.GatewaySettings
	if !settledByShadow(r.want, want) || known && sameSettings(have.Found.Settings, settings) {
		return nil
	}
	before := have.Found.Settings
	if !known { // somebody may have written settings by hand
		shadow, err := r.d.shadow(ctx, r.pool, name, r.want.Endpoint)
		if err != nil {
			return err
		}
		before = shadow.settings()
	}
	desired := merge(objectOf(before), objectOf(settings))
	if len(desired) == 0 {
		return nil
	}
	payload, err := updateOf(desired)
	if err == nil && len(payload) > contract.MaxShadow { // with what it removes, it is longer than AWS IoT takes
		if err := r.updateShadow(ctx, name, []byte(`{"state":{"desired":null}}`)); err != nil {
			return err
		}
		payload, err = updateOf(objectOf(settings))
	}
	if err != nil {
		return err
	}
	return r.updateShadow(ctx, name, payload)
}

func updateOf(desired map[string]any) ([]byte, error) {
	return json.Marshal(map[string]any{"state": map[string]any{"desired": desired}})
}

// merge returns what turns one object into another one by an update, which leaves alone what it does not name and
// removes what is null.
func merge(from, to map[string]any) map[string]any {
	change := map[string]any{}
	for key := range from {
		if _, stays := to[key]; !stays {
			change[key] = nil
		}
	}
	for key, value := range to {
		was, had := from[key]
		inner, isObject := value.(map[string]any)
		before, wasObject := was.(map[string]any)
		switch {
		case had && reflect.DeepEqual(was, value):
		case isObject && wasObject:
			change[key] = merge(before, inner)
		default:
			change[key] = value
		}
	}
	return change
}

func (r *run) updateShadow(ctx context.Context, name string, payload []byte) error {
	in := &iotdataplane.UpdateThingShadowInput{ThingName: &name, ShadowName: aws.String(contract.EdgeShadow),
		Payload: payload}
	return r.pool.Call(ctx, "writing the settings of the gateway", func(ctx context.Context) error {
		_, err := r.d.c.IoTData().UpdateThingShadow(ctx, in, awsapi.AtEndpoint(r.want.Endpoint))
		return err
	})
}

// removeShadow removes the settings of a gateway, with what it reported.
func (r *run) removeShadow(ctx context.Context, name string) error {
	in := &iotdataplane.DeleteThingShadowInput{ThingName: &name, ShadowName: aws.String(contract.EdgeShadow)}
	return r.pool.Call(ctx, "removing the settings of the gateway", func(ctx context.Context) error {
		_, err := r.d.c.IoTData().DeleteThingShadow(ctx, in, awsapi.AtEndpoint(r.want.Endpoint))
		if awsapi.IsNotFound(err) {
			return nil
		}
		return err
	})
}

// Refusal says that a gateway does not take its settings, and goes on with those before.
type Refusal struct{ Gateway, Reason string }

// Refusals are the gateways that said, when Observe read their shadows, that they refuse their settings, by name.
func (d *Driver) Refusals() []Refusal {
	var refusals []Refusal
	for name, device := range d.Observed() {
		if device.Found != nil && device.Found.Refused != "" {
			refusals = append(refusals, Refusal{name, device.Found.Refused})
		}
	}
	slices.SortFunc(refusals, func(a, b Refusal) int { return strings.Compare(a.Gateway, b.Gateway) })
	return refusals
}
