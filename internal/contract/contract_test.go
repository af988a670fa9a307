package contract_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

func TestKeysAreNotPrinted(t *testing.T) {
	pair := contract.ClaimPair{PrivateKey: "SECRET"}
	for _, value := range []any{
		contract.Bundle{Thing: "soil-001", PrivateKey: "SECRET"}, pair, &pair, contract.ClaimBundle{ClaimPair: pair, Next: &pair},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			if text := fmt.Sprintf(verb, value); strings.Contains(text, "SECRET") {
				t.Errorf("%T with %s: %s", value, verb, text)
			}
		}
	}
}
