package contract_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

func TestKeysAreNotPrinted(t *testing.T) {
	pair := contract.ClaimPair{PrivateKey: "SECRET"}
	for _, value := range []any{
		contract.Bundle{Thing: "soil-001", PrivateKey: "SECRET"}, pair, &pair,
		contract.ClaimBundle{ClaimPair: pair, Next: &pair},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			if text := fmt.Sprintf(verb, value); strings.Contains(text, "SECRET") {
				t.Errorf("%T with %s: %s", value, verb, text)
			}
		}
	}
}

// A reader gets what the writer wrote, plain or packed, even if it knows a few of the arguments only.
func TestManifestRoundTrip(t *testing.T) {
	type full struct {
		Name   string `json:"name"`
		Routes string `json:"routes"`
	}
	type few struct {
		Name string `json:"name"`
	}
	for why, size := range map[string]int{"plain": 10, "packed": 2 * contract.PlainManifest} {
		m := contract.Manifest[full]{
			Version:     contract.ManifestVersion,
			ID:          "token",
			Name:        "gh",
			Region:      "eu-west-1",
			TopicPrefix: "site/gh",
			Spec:        full{Name: "gh", Routes: strings.Repeat("<", size)},
			Parts: map[string]contract.ManifestPart{
				"stream": {Kind: "kinesis_stream", Name: "gh", ARN: "arn:aws:kinesis"},
			},
		}
		text, err := contract.FormatManifest(m)
		if err != nil {
			t.Fatal(err)
		}
		if packed := strings.Contains(text, `"packed"`); packed != (why == "packed") {
			t.Errorf("%s: %s", why, text)
		}
		all, err := contract.ParseManifest[full]([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m, all); diff != "" {
			t.Errorf("%s (-written +read):\n%s", why, diff)
		}
		some, err := contract.ParseManifest[few]([]byte(text))
		if err != nil || some.Spec.Name != "gh" || len(some.Parts) != 1 {
			t.Errorf("%s: %+v, %v", why, some, err)
		}
	}
}

func TestManifestIsBounded(t *testing.T) {
	var spec [400]string // of hashes, which no compression makes shorter
	for i := range spec {
		spec[i] = fmt.Sprintf("%x", sha256.Sum256([]byte{byte(i), byte(i >> 8)}))
	}
	_, err := contract.FormatManifest(contract.Manifest[[400]string]{Spec: spec})
	if err == nil || !strings.Contains(err.Error(), "Parameter Store holds 8192") {
		t.Errorf("%v", err)
	}
}

// TestCommandTopic: commands go where the device, or its gateway, subscribes.
func TestCommandTopic(t *testing.T) {
	for _, c := range []struct {
		why, thing string
		gateways   bool
		want       string
	}{
		{"a device", "soil-1", true, "farm/north/soil-1/commands"},
		{"a device behind a gateway", "gw-1:soil-1", true, "farm/north/gw-1/children/gw-1:soil-1/commands"},
		{"without gateways, a name like any other", "gw-1:soil-1", false, "farm/north/gw-1:soil-1/commands"},
		{"an address as a serial number", "0a:1b:2c", true, "farm/north/0a:1b:2c/commands"},
		{"no gateway", ":soil-1", true, "farm/north/:soil-1/commands"},
		{"no child", "gw-1:", true, "farm/north/gw-1:/commands"},
		{"a name that no child may have", "gw-1:" + strings.Repeat("a", contract.MaxChildName+1), true,
			"farm/north/gw-1:" + strings.Repeat("a", contract.MaxChildName+1) + "/commands"},
	} {
		if got := contract.CommandTopic("farm/north", c.thing, c.gateways); got != c.want {
			t.Errorf("%s: %s, want %s", c.why, got, c.want)
		}
	}
}
